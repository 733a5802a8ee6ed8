"""`ticktick cancel` and `ticktick close` over a real Redis: what cannot be is refused before it is said."""

from __future__ import annotations

import os

import pytest

from pipeline.core.broker import Word
from pipeline.core.job import HashWrite
from pipeline.core.schema import CONTROLS, HEALTH, ORDERS, POSITION, Role
from pipeline.core.types import OrderEvent, Side
from pipeline.run import cli
from pipeline.store.client import append, open_clients
from pipeline.store.face import ZERO
from pipeline.store.streams import RedisStore


def event(intent_id, order_id, status, purpose="entry"):
    return OrderEvent(1, order_id, intent_id, "AAA", Side.BUY, purpose, status, 5, 0, 5, 100_00, 0.0, "", f"tt-{intent_id}", 0)


@pytest.fixture
def here(redis_urls, monkeypatch):
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    clients = open_clients(redis_urls)
    for one in (
        event("i1", "", "SENDING"),
        event("i1", "B1", "ACCEPTED"),
        event("i2", "B2", "FILLED"),
        event("i3", "B3", "ACCEPTED", "stop"),
    ):
        append(clients[Role.DERIVED], ORDERS, one)
    store = RedisStore(clients)
    store.put(HashWrite(POSITION, ("AAA",), {"qty": -3}))
    store.put(HashWrite(POSITION, ("BBB",), {"qty": 0}))
    clients[Role.DERIVED].hset(HEALTH.key("orders"), mapping={"pid": os.getpid(), "is_done": 0})
    return store


def said(store):
    return [(e.record.word, e.record.what, e.record.source) for e in store.read([(CONTROLS, ZERO)], 100, 0)[CONTROLS.name]]


def test_one_entry_by_any_of_its_names_and_one_position(here):
    for name in ("i1", "B1", "tt-i1"):
        assert cli.main(["cancel", name]) == 0
    assert cli.main(["close", "aaa.ns"]) == 0
    assert said(here) == [(Word.CANCEL, "i1", "command")] * 3 + [(Word.CLOSE, "AAA", "command")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["cancel", "nothing"], "no order of ours is called 'nothing'"),
        (["cancel", ""], "no order of ours"),
        (["cancel", "i2"], "is over already (FILLED)"),
        (["cancel", "B3"], "`ticktick close AAA`"),
        (["close", "BBB"], "nothing of ours is held in BBB"),
        (["close", "ZZZ"], "nothing of ours is held in ZZZ"),
    ],
)
def test_what_cannot_be_is_one_line(here, capsys, line, told):
    assert cli.main(line) == 4
    words = capsys.readouterr().err
    assert told in words
    assert words.count("\n") == 1
    assert said(here) == []


def test_without_an_order_process_nothing_is_said(here, redis_urls, capsys):
    open_clients(redis_urls)[Role.DERIVED].delete(HEALTH.key("orders"))
    assert cli.main(["close", "AAA"]) == 3
    assert "does not live" in capsys.readouterr().err
    assert said(here) == []
