"""Transactions from prepared bytes: all or nothing, errors told, nothing repeated."""

from __future__ import annotations

import pytest
import redis

from pipeline.core.schema import Role
from pipeline.store.client import open_clients
from pipeline.store.pipe import Pipe
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
