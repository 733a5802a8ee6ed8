from __future__ import annotations

import pytest

from pipeline.core.errors import Refused
from pipeline.core.schema import Role
from pipeline.run import wiring
from pipeline.run.processes import PROCESSES
from pipeline.run.settings import load

RISK = "config"


def _settings(**overrides):
    return load(environ={}, overrides={"session_date": "2026-11-20", **overrides})


def test_house_of_a_trading_day():
    house = wiring.open_house(_settings())
    assert (house.date, house.session) == ("2026-11-20", "2026-11-20 paper")


def test_no_trading_on_a_sunday():
    with pytest.raises(Refused, match="no trading on 2026-11-22"):
        wiring.open_house(_settings(session_date="2026-11-22"))


def test_a_mode_that_cannot_trade_yet_is_refused(tmp_path):
    folder = tmp_path / "config"
    folder.mkdir()
    shipped = _settings().paths.root / "config" / "risk.toml"
    (folder / "risk.toml").write_text(shipped.read_text())
    settings = load(environ={"TICKTICK_CONFIG": str(folder)}, overrides={"session_date": "2026-11-20", "mode": "live-real"})
    with pytest.raises(Refused, match="paper only"):
        wiring.open_house(settings)


def test_a_stage_of_the_rollout_that_comes_too_early_is_refused():
    rollout = {"rollout.stage": 2, "rollout.since": "2026-11-16", "rollout.symbols": ("ITC", "SBIN", "TCS")}
    with pytest.raises(Refused, match="stage 2 of the roll-out comes 7 days after stage 1 began"):
        wiring.open_house(_settings(**rollout))
    assert wiring.open_house(_settings(**rollout, session_date="2026-11-23")).date == "2026-11-23"


def test_damaged_calendar_is_one_line(tmp_path):
    (tmp_path / "h.json").write_text("{")
    with pytest.raises(Refused, match="not valid JSON"):
        wiring.open_house(_settings(**{"paths.holidays": str(tmp_path / "h.json")}))
    with pytest.raises(Refused, match="cannot be read"):
        wiring.open_house(_settings(**{"paths.holidays": str(tmp_path / "none.json")}))


def test_every_process_but_the_page_and_the_recorder_has_its_job():
    assert set(PROCESSES.values()) - {"dashboard", "recorder", "audit"} == set(wiring.writers())
    assert wiring.writers()["live"] is Role.CANDLES
    assert ("live", Role.CANDLES) in wiring.readers()["ticks"]
