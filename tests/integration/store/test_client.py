from __future__ import annotations

import asyncio

import pytest

from pipeline.core.errors import Stopped
from pipeline.core.schema import CONFIRM_PAGE, Role
from pipeline.core.types import Confirmation
from pipeline.store import client as under_test
from pipeline.store.face import ZERO, EntryId
from pipeline.store.server import free_port
from pipeline.store.streams import RedisStore


def test_check_takes_our_own_server(redis_urls):
    assert under_test.check(under_test.open_clients(redis_urls), redis_urls) == []


def test_check_warns_of_a_server_that_forgets(redis_urls):
    clients = under_test.open_clients(redis_urls)
    clients[Role.DERIVED].config_set("maxmemory-policy", "allkeys-lru")
    try:
        (warning,) = under_test.check(clients, redis_urls)
    finally:
        clients[Role.DERIVED].config_set("maxmemory-policy", "noeviction")
    assert "evict" in warning


def test_a_server_that_may_lose_its_last_second_is_found_out(redis_urls):
    client = under_test.open_clients(redis_urls)[Role.DERIVED]
    kept = {name: client.config_get(name)[name] for name in ("appendonly", "appendfsync")}
    told = {}
    try:
        for only, fsync in (("yes", "always"), ("yes", "everysec"), ("no", "always")):
            client.config_set("appendfsync", fsync)
            client.config_set("appendonly", only)
            told[only, fsync] = under_test.forgetful(client)
    finally:
        for name, value in kept.items():
            client.config_set(name, value)
    assert told == {
        ("yes", "always"): "",
        ("yes", "everysec"): "appendonly is yes, appendfsync everysec",
        ("no", "always"): "appendonly is no, appendfsync always",
    }


def test_no_server_is_one_line_that_says_what_to_do():
    urls = {role: f"redis://user:secret@127.0.0.1:{free_port()}/0" for role in Role}
    with pytest.raises(Stopped, match="REDIS_HOST") as caught:
        under_test.check(under_test.open_clients(urls), urls)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_append_follows_the_newest(redis_urls):
    clients = under_test.open_clients(redis_urls)
    derived = clients[Role.DERIVED]
    assert under_test.append(derived, CONFIRM_PAGE, Confirmation(50, "a", "confirm", "page")) == EntryId(50, 0)
    assert under_test.append(derived, CONFIRM_PAGE, Confirmation(40, "b", "reject", "page")) == EntryId(50, 1)

    async def third() -> EntryId:
        opened = under_test.open_async(redis_urls)
        try:
            return await under_test.append_async(opened[Role.DERIVED], CONFIRM_PAGE, Confirmation(60, "c", "confirm", "page"))
        finally:
            for each in opened.values():
                await each.aclose()

    assert asyncio.run(third()) == EntryId(60, 0)
    entries = RedisStore(clients).read([(CONFIRM_PAGE, ZERO)], 10, 0)[CONFIRM_PAGE.name]
    assert [e.record.recommendation_id for e in entries] == ["a", "b", "c"]
