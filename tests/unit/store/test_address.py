"""Addresses of a Redis."""

from __future__ import annotations

import pytest
import redis

from pipeline.core.errors import Refused
from pipeline.core.schema import Role
from pipeline.store import address


def test_roles_are_databases_of_one_server():
    assert address.roles_at("redis://h:1/") == {
        Role.CANDLES: "redis://h:1/0",
        Role.TICKS: "redis://h:1/1",
        Role.DERIVED: "redis://h:1/2",
    }
    assert address.roles_at("unix:///run/redis.sock")[Role.DERIVED] == "unix:///run/redis.sock?db=2"


@pytest.mark.parametrize(
    "url", ["", "h:1", "http://h", "redis://h:1/2", "redis://h:1?db=2", "unix://", "unix://run/redis.sock", "unix:///r.sock?db=1"]
)
def test_a_wrong_address_is_refused(url: str):
    with pytest.raises(Refused, match="--redis-url"):
        address.roles_at(url)


@pytest.mark.parametrize("path", ["/run/redis.sock", "/a b/50%/r?.sock", "/tmp/\u0938.sock"])
def test_the_client_reads_a_socket_as_it_was_meant(path: str):
    url = address.roles_at(address.of_socket(path))[Role.TICKS]
    client = redis.Redis.from_url(url)
    assert {name: client.connection_pool.connection_kwargs[name] for name in ("path", "db")} == {"path": path, "db": 1}
    assert address.place(url) == f"{path}, database 1"


def test_a_password_is_not_told():
    assert address.place("redis://:secret@h/1") == "h:6379/1"
    assert address.place("unix://:secret@/run/r.sock?db=1") == "/run/r.sock, database 1"


def test_how_redis_cli_gets_there():
    assert address.for_cli("redis://h:1/2") == "-u redis://h:1/2"
    assert address.for_cli("unix:///a%20b/r.sock?db=2") == "-s '/a b/r.sock' -n 2"


def test_a_path_must_fit_into_the_kernels_field():
    assert address.is_short_enough("/" + "x" * 102)
    assert not address.is_short_enough("/" + "x" * 103)
    assert not address.is_short_enough("/" + "\u0938" * 40), "it counts bytes"
