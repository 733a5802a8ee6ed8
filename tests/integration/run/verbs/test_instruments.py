"""`ticktick instruments` against the simulator's file and a real Redis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.core.errors import Refused
from pipeline.core.schema import PAPERS, Role
from pipeline.run import cli, masters, outside
from pipeline.run.settings import load
from pipeline.simulator.config import SimulatorConfig
from pipeline.store.client import open_clients
from tests.fakes.live_simulator import live_simulator

DATE = "2026-11-20"


@pytest.fixture
def here(redis_urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)
    monkeypatch.setenv("TICKTICK__PATHS__DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TICKTICK__SESSION_DATE", DATE)
    monkeypatch.setenv("TICKTICK__UPSTOX__ASSETS_URL", "http://127.0.0.1:1")
    return tmp_path / "data"


def told(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def test_refresh_judges_and_fills_the_look_up_then_check_and_find_need_no_network(here, redis_urls, capsys, monkeypatch):
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as simulator:
        monkeypatch.setenv("TICKTICK__UPSTOX__ASSETS_URL", simulator.base)
        assert cli.main(["instruments", "refresh", "--json"]) == 0
        refreshed = told(capsys)
        monkeypatch.setenv("TICKTICK__UPSTOX__ASSETS_URL", "http://127.0.0.1:1")
    assert refreshed["is_fit"]
    assert len(refreshed["watched"]) == refreshed["looked_up"]["NSE_EQ"] == 15
    assert sorted(path.name for path in here.iterdir()) == [
        "instruments_20261120.json.gz",
        "instruments_latest.json",
        "validation_20261120.json",
    ]
    found = json.loads(open_clients(redis_urls)[Role.CANDLES].hget(PAPERS.key("NSE_EQ"), "RELIANCE"))
    assert (found["key"], found["lot"], found["freeze"]) == ("NSE_EQ|INE002A01018", 1, 100000.0)
    assert cli.main(["instruments", "check"]) == 0
    assert "watchlist: 15 of 15 fit to trade" in capsys.readouterr().out
    assert cli.main(["instruments", "find", "hdfc", "bank"]) == 0
    assert "HDFCBANK" in capsys.readouterr().out
    assert cli.main(["instruments", "find", "no such paper"]) == 2


def test_what_is_wrong_is_one_line(here, capsys, tmp_path):
    for words, line in (
        (["check"], "no instrument file in"),
        (["find", "X"], "no instrument file in"),
        (["find"], "say what to look for"),
        (["check", "a", "b"], "one file at most"),
        (["refresh", "x"], "refresh takes no words"),
        (["refresh"], "cannot be reached"),
        (["check", str(tmp_path / "none.json")], "cannot be read"),
    ):
        assert cli.main(["instruments", *words]) == 4
        error = capsys.readouterr().err
        assert line in error
        assert error.count("\n") == 1


def test_an_unfit_file_is_one(here, capsys, tmp_path):
    (tmp_path / "f.json").write_text('[{"instrument_key": "NSE_EQ|INE002A01018", "segment": "NSE_EQ", "tick_size": 0.1, "lot_size": 1}]')
    assert cli.main(["instruments", "check", str(tmp_path / "f.json")]) == 1
    assert "UNFIT: 1 of 1 tick sizes are fractions of a paisa" in capsys.readouterr().out


def test_a_file_that_was_changed_after_it_was_fetched_is_refused(here, capsys, monkeypatch):
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as simulator:
        monkeypatch.setenv("TICKTICK__UPSTOX__ASSETS_URL", simulator.base)
        assert cli.main(["instruments", "refresh"]) == 0
    (here / "instruments_20261120.json.gz").write_bytes(b"[]")
    assert cli.main(["instruments", "find", "ITC"]) == 4
    assert "does not lead to the file that was fetched" in capsys.readouterr().err


def test_the_start_tends_the_file_once_it_is_there(here, redis_urls, monkeypatch, caplog):
    settings = load()
    instruments = outside.resolve_instruments(settings, DATE)
    assert len(instruments) == 15, "the built-in sample stands in on paper"
    assert "instruments are not today's" in caplog.text
    outside.tend_instruments(settings, DATE)
    assert not here.exists()
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as simulator:
        monkeypatch.setenv("TICKTICK__UPSTOX__ASSETS_URL", simulator.base)
        settings = load()
        assert outside.resolve_instruments(settings, DATE) == instruments
    outside.tend_instruments(settings, DATE)
    assert json.loads((here / "validation_20261120.json").read_text())["is_fit"]
    client = open_clients(redis_urls)[Role.CANDLES]
    assert client.hlen(PAPERS.key("NSE_EQ")) == 15
    (here / "validation_20261120.json").write_text("kept")
    outside.tend_instruments(settings, DATE)
    assert (here / "validation_20261120.json").read_text() == "kept", "once a day"
    client.delete(PAPERS.key("day"))
    outside.tend_instruments(settings, DATE)
    assert json.loads((here / "validation_20261120.json").read_text())["is_fit"], "and once a Redis"


def test_live_takes_no_stand_in(here, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "risk.toml").write_text((load().paths.root / "config" / "risk.toml").read_text())
    monkeypatch.setenv("TICKTICK_CONFIG", str(tmp_path / "own"))
    monkeypatch.setenv("TICKTICK__MODE", "live-real")
    with pytest.raises(Refused, match="no instrument file"):
        outside.resolve_instruments(load(), DATE)
    here.mkdir()
    (here / "instruments_20261119.json.gz").write_bytes(json.dumps(masters.sample_instruments("2026-11-19")).encode())
    with pytest.raises(Refused, match="not today's, and lots and ticks may have changed"):
        outside.resolve_instruments(load(), DATE)
