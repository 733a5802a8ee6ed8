"""Transactions from prepared bytes: all or nothing, errors told, nothing repeated."""

from __future__ import annotations

import pytest
import redis

from pipeline.core.errors import Stopped
from pipeline.core.schema import Role
from pipeline.store.client import open_clients
from pipeline.store.pipe import Guard, Pipe
from pipeline.store.resp import command


@pytest.fixture
def client(redis_urls) -> redis.Redis:
    return open_clients(redis_urls)[Role.TICKS]


def test_answers_come_in_order(client):
    pipe = Pipe(client)
    assert pipe.transaction([command(b"SET", b"pipe:a", b"1") + command(b"INCR", b"pipe:a"), command(b"GET", b"pipe:a")], 3) == [
        b"OK",
        2,
        b"2",
    ]
    pipe.close()
    assert pipe.transaction([command(b"GET", b"pipe:a")], 1) == [b"2"], "a closed pipe takes a fresh connection"


def test_an_error_of_one_command_stands_among_the_answers(client):
    pipe = Pipe(client)
    first, second = pipe.transaction([command(b"SET", b"pipe:b", b"x"), command(b"INCR", b"pipe:b")], 2)
    assert first in (b"OK", True)
    assert isinstance(second, redis.exceptions.ResponseError)


def test_a_command_that_is_refused_at_once_lets_nothing_happen(client):
    pipe = Pipe(client)
    with pytest.raises(redis.exceptions.ResponseError, match="unknown command"):
        pipe.transaction([command(b"SET", b"pipe:c", b"1"), command(b"NOSUCH", b"x")], 2)
    assert client.get("pipe:c") is None
    assert pipe.transaction([command(b"SET", b"pipe:c", b"2")], 1)
    assert client.get("pipe:c") == b"2"


def test_a_lost_connection_is_told_and_nothing_is_sent_again(client):
    pipe = Pipe(client)
    pipe.transaction([command(b"SET", b"pipe:d", b"0")], 1)
    client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    with pytest.raises(redis.exceptions.ConnectionError):
        pipe.transaction([command(b"INCR", b"pipe:d")], 1)
    assert client.get("pipe:d") == b"0"
    assert pipe.transaction([command(b"INCR", b"pipe:d")], 1) == [1]


GUARD = Guard("pipe:guard", (("fence", "3"), ("pid", "7")), "not ours any more")
SET = [command(b"SET", b"pipe:e", b"1"), command(b"INCR", b"pipe:count")]


@pytest.fixture
def guarded(client) -> Pipe:
    client.hset("pipe:guard", mapping={"fence": 3, "pid": 7})
    pipe = Pipe(client)
    pipe.guard = GUARD
    return pipe


def test_a_guarded_pipe_does_all_while_its_guard_stands(client, guarded):
    for count in (1, 2, 3):
        assert guarded.transaction(SET, 2)[1] == count
    guarded.close()
    assert guarded.transaction(SET, 2)[1] == 4, "a fresh connection looks first"


@pytest.mark.parametrize("is_fresh", [False, True], ids=["watching", "on a fresh connection"])
@pytest.mark.parametrize("change", [("HSET", "pipe:guard", "fence", 4), ("HSET", "pipe:guard", "pid", 8), ("DEL", "pipe:guard")])
def test_behind_a_guard_that_fell_nothing_takes_place(client, guarded, change, is_fresh):
    guarded.transaction(SET, 2)
    if is_fresh:
        guarded.close()
    client.execute_command(*change)
    for _ in range(2):
        with pytest.raises(Stopped, match="not ours any more"):
            guarded.transaction([command(b"SET", b"pipe:e", b"2"), command(b"INCR", b"pipe:count")], 2)
    assert (client.get("pipe:e"), client.get("pipe:count")) == (b"1", b"1")


def test_a_guard_that_falls_under_a_transaction_is_found_by_the_next(client, guarded):
    """It changes the guard itself, as another one does between our sending and our being served."""
    assert guarded.transaction([command(b"HSET", b"pipe:guard", b"fence", b"4")], 1) == [0]
    with pytest.raises(Stopped):
        guarded.transaction(SET, 2)
    assert client.get("pipe:count") is None


def test_a_guard_that_was_away_and_is_back_does_not_stand_for_a_transaction_in_between(client, guarded):
    guarded.transaction(SET, 2)
    client.hset("pipe:guard", "fence", 4)
    client.hset("pipe:guard", "fence", 3)
    with pytest.raises(Stopped):
        guarded.transaction(SET, 2)
    assert client.get("pipe:count") == b"1"


def test_a_command_that_is_refused_at_once_leaves_the_guard_watching(client, guarded):
    with pytest.raises(redis.exceptions.ResponseError, match="unknown command"):
        guarded.transaction([command(b"NOSUCH", b"x")], 1)
    assert guarded.transaction(SET, 2)[1] == 1
