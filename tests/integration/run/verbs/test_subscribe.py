"""`ticktick subscribe` over a real Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from pipeline.core.job import HashWrite
from pipeline.core.schema import SESSION, SUBSCRIPTIONS, WANTED, Role
from pipeline.core.types import Instrument
from pipeline.run import cli, feeding, universe
from pipeline.store.client import open_clients
from pipeline.store.face import EntryId
from pipeline.store.streams import RedisStore

DATE = "2026-11-20"
WATCH = tuple(Instrument(n, s, f"NSE_EQ|INE00000000{n}", s, 5, 1, 1, is_cas_eligible=False) for n, s in enumerate(("TCS", "RELIANCE")))


@pytest.fixture
def store(redis_urls: Mapping[Role, str], monkeypatch: pytest.MonkeyPatch) -> RedisStore:
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    return RedisStore(open_clients(redis_urls))


@pytest.fixture
def day(store: RedisStore) -> RedisStore:
    universe.publish(store, WATCH, DATE)
    store.put(HashWrite(SESSION, (), {"date": DATE, "started_ms": 1}))
    return store


def changes(store: RedisStore) -> list[tuple[str, str, str]]:
    return [(c.symbol, c.action, c.mode) for c in feeding.SubscriptionReader(store, DATE).poll()]


def test_adding_and_removing_is_what_the_feed_reads(day: RedisStore, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["subscribe", "add", "reliance.ns", "TCS", "--mode", "ltpc"]) == 0
    assert cli.main(["subscribe", "remove", "NSE_EQ|INE000000000", "--json"]) == 0
    assert changes(day) == [("RELIANCE", "add", "ltpc"), ("TCS", "add", "ltpc"), ("TCS", "remove", "")]
    first, last = capsys.readouterr().out.splitlines()
    assert first == "asked: add RELIANCE ltpc, add TCS ltpc; see `ticktick subscribe list`"
    assert json.loads(last)["asked"][0]["symbol"] == "TCS"


def test_a_symbol_that_is_not_in_the_list_is_refused_and_nothing_is_written(day: RedisStore, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["subscribe", "add", "TCS", "RELYANCE"]) == 4
    assert "did you mean 'RELIANCE'" in capsys.readouterr().err
    assert changes(day) == []


def test_the_list_is_what_the_feed_told(day: RedisStore, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["subscribe", "list"]) == 0
    assert "told nothing yet" in capsys.readouterr().out
    day.put(HashWrite(WANTED, (), {"TCS": "full link=0 confirmed age=0.1s", "RELIANCE": "off", "YESTERDAYS": "full link=0"}))
    assert cli.main(["subscribe", "list"]) == 0
    out = capsys.readouterr().out
    assert "TCS       full link=0 confirmed age=0.1s" in out
    assert "1 of 2 followed" in out
    assert cli.main(["subscribe", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["symbols"] == {"RELIANCE": "off", "TCS": "full link=0 confirmed age=0.1s"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("subscribe add", "name at least one"),
        ("subscribe remove TCS --mode full", "goes with add"),
        ("subscribe add TCS --mode fulll", "did you mean 'full'"),
    ],
)
def test_what_makes_no_sense_is_refused(day: RedisStore, line: str, words: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(line.split()) == 4
    assert words in capsys.readouterr().err


def test_nothing_running_is_three(store: RedisStore, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["subscribe", "list"]) == 3
    assert "start `ticktick up`" in capsys.readouterr().err
    assert list(store.read([(SUBSCRIPTIONS, EntryId(0, 0))], 5, 0).values()) == [[]]
