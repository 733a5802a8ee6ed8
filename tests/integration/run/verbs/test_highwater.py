"""`ticktick highwater`: shown, and reset by a typed word only."""

from __future__ import annotations

import io
import os

import pytest

from pipeline.core.broker import Word
from pipeline.core.job import HashWrite
from pipeline.core.schema import CONTROLS, EQUITY, HEALTH, Role
from pipeline.run import cli
from pipeline.run.equity import Brought, bring
from pipeline.store.client import open_clients
from pipeline.store.face import ZERO
from pipeline.store.streams import RedisStore

LEFT = {"date": "2026-11-19", "carried_paise": -900, "net_paise": -100, "peak_paise": 5_00, "fall_paise": 15_00, "limit_paise": 40_000_00}


@pytest.fixture
def here(redis_urls, monkeypatch):
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    store = RedisStore(open_clients(redis_urls))
    store.put(HashWrite(EQUITY, ("paper",), LEFT))
    return store


def typed(monkeypatch, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_it_is_shown(here, capsys):
    assert cli.main(["highwater"]) == 0
    assert capsys.readouterr().out == "paper: 15.00 below its high-water mark of 5.00 made; entries stop at 40,000.00 below\n"


@pytest.mark.parametrize("text", ["", "reset\n", "yes\n"])
def test_without_the_word_nothing_is_reset(here, monkeypatch, text):
    typed(monkeypatch, text)
    assert cli.main(["highwater", "reset"]) == 4
    assert bring(here, "paper", "2026-11-20", is_outward=False) == Brought(-1000, 5_00)


def test_at_rest_the_mark_itself_begins_anew(here, monkeypatch):
    typed(monkeypatch, "RESET\n")
    assert cli.main(["highwater", "reset"]) == 0
    assert bring(here, "paper", "2026-11-20", is_outward=False) == Brought(0, 0)


def test_a_running_order_process_is_told(here, redis_urls, monkeypatch):
    open_clients(redis_urls)[Role.DERIVED].hset(HEALTH.key("orders"), mapping={"pid": os.getpid(), "is_done": 0})
    typed(monkeypatch, "RESET\n")
    assert cli.main(["highwater", "reset"]) == 0
    assert [e.record.word for e in here.read([(CONTROLS, ZERO)], 100, 0)[CONTROLS.name]] == [Word.FORGET]
    assert here.fetch(Role.DERIVED, EQUITY.key("paper"))["peak_paise"] == "500", "which alone writes it while it runs"
