"""Whatever comes first wakes: entries of any role, or the descriptor; nothing is missed between two calls, nothing given twice."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import redis

from pipeline.core.errors import Ambiguous
from pipeline.core.schema import CONFIRM_PAGE, CONTROLS, Role, Stream
from pipeline.core.types import Confirmation
from pipeline.store import codec
from pipeline.store.client import open_clients
from pipeline.store.ears import Ears
from pipeline.store.face import ZERO, EntryId

QUICK = Stream("toy:quick", Role.TICKS, Confirmation, "toy", 100)
LONG_MS = 5_000


@pytest.fixture
def clients(redis_urls) -> dict[Role, redis.Redis]:
    return open_clients(redis_urls)


def put(clients, stream: Stream, ms: int) -> None:
    clients[stream.role].xadd(stream.name, codec.encode(stream, Confirmation(ms, str(ms), "confirm", "toy")), id=f"{ms}-0")


def times(found) -> dict[str, list[int]]:
    return {name: [e.id.ms for e in entries] for name, entries in found.items() if entries}


def later(what) -> threading.Timer:
    timer = threading.Timer(0.1, what)
    timer.start()
    return timer


@pytest.mark.parametrize("stream", [QUICK, CONFIRM_PAGE], ids=lambda s: s.role)
def test_an_entry_of_any_role_ends_the_wait(clients, stream):
    ears = Ears(clients)
    wanted = [(QUICK, ZERO), (CONFIRM_PAGE, ZERO), (CONTROLS, ZERO)]
    timer, began = later(lambda: put(clients, stream, 7)), time.monotonic()
    assert times(ears.read(wanted, 10, LONG_MS)) == {stream.name: [7]}
    assert time.monotonic() - began < LONG_MS / 2_000
    timer.join()


def test_nothing_is_missed_between_two_calls_and_nothing_is_given_twice(clients):
    ears, at, got = Ears(clients), {QUICK: ZERO, CONFIRM_PAGE: ZERO}, []
    for ms in range(1, 60):
        put(clients, QUICK if ms % 3 else CONFIRM_PAGE, ms)
        for name, entries in ears.read(list(at.items()), 2, 0 if ms % 2 else 5).items():
            stream = QUICK if name == QUICK.name else CONFIRM_PAGE
            at[stream] = entries[-1].id if entries else at[stream]
            got += [e.id.ms for e in entries]
    while entries := [e for found in ears.read(list(at.items()), 100, 50).values() for e in found]:
        got += [e.id.ms for e in entries]
        at |= {QUICK if e.id.ms % 3 else CONFIRM_PAGE: e.id for e in entries}
    assert sorted(got) == list(range(1, 60))


def test_the_descriptor_ends_the_wait_and_is_left_unread(clients):
    bell, ringer = socket.socketpair()
    ears = Ears(clients, bell.fileno())
    timer, began = later(lambda: ringer.send(b"!")), time.monotonic()
    assert times(ears.read([(QUICK, ZERO)], 10, LONG_MS)) == {}
    assert time.monotonic() - began < LONG_MS / 2_000
    assert bell.recv(1) == b"!"
    timer.join()


def test_another_cursor_takes_the_place_of_the_one_that_waits(clients):
    ears = Ears(clients)
    put(clients, QUICK, 5)
    assert times(ears.read([(QUICK, EntryId(5, 0))], 10, 0)) == {}
    assert times(ears.read([(QUICK, ZERO)], 10, LONG_MS)) == {QUICK.name: [5]}


def test_a_wait_outlasts_the_servers_patience(clients, monkeypatch):
    monkeypatch.setattr("pipeline.store.ears.PATIENCE_MS", 30)
    ears = Ears(clients)
    for _ in range(4):
        assert times(ears.read([(QUICK, ZERO)], 10, 50)) == {}
    put(clients, QUICK, 9)
    first, second = (times(ears.read([(QUICK, ZERO)], 10, 500)) for _ in range(2))
    assert {QUICK.name: [9]} in (first, second), "the read that found nothing may be answered first"


def test_a_lost_connection_is_told_and_the_next_read_takes_a_fresh_one(clients):
    ears = Ears(clients)
    ears.read([(QUICK, ZERO)], 10, 0)
    clients[Role.TICKS].execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    with pytest.raises(Ambiguous, match="Redis is away"):
        ears.read([(QUICK, ZERO)], 10, LONG_MS)
    put(clients, QUICK, 3)
    assert times(ears.read([(QUICK, ZERO)], 10, LONG_MS)) == {QUICK.name: [3]}


def test_a_server_that_says_nothing_at_all_is_as_good_as_away(clients, monkeypatch):
    monkeypatch.setattr("pipeline.store.ears.SOCKET_TIMEOUT_S", -1.0)
    ears = Ears(clients)
    with pytest.raises(Ambiguous, match="no answer in time"):
        ears.read([(QUICK, ZERO)], 10, 20)
