import pytest

from pipeline.core.errors import Refused
from pipeline.simulator.answers import ApiError
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.exchange import build, load_calendar


def test_a_simulator_is_put_together():
    made = build(SimulatorConfig(session="short"))
    reliance = made.maker.listings[0]
    assert (made.date, made.maker.name, made.feed_connections) == ("2026-11-20", "generated seed 7", 0)
    assert made.listing(reliance.key) is reliance
    assert made.previous_close(reliance) == made.tape.latest[reliance.key].cp
    assert made.finished_minutes(reliance.key) == []
    with pytest.raises(ApiError):
        made.listing("NSE_EQ|NOPE")


def test_other_makers(tmp_path, shared_data):
    played = build(SimulatorConfig(maker="player", path=str(shared_data / "feed" / "upstox_v3_full_d5_2025-12-15")))
    assert played.date == "2025-12-15"
    path = tmp_path / "c.csv"
    path.write_text("timestamp,symbol,open,high,low,close,volume\n2026-11-20 09:16:00,RELIANCE,1400,1402,1399,1401,500\n")
    expanded = build(SimulatorConfig(maker="expander", path=str(path)))
    assert "expanded" in expanded.maker.name


@pytest.mark.parametrize(
    "config",
    [
        SimulatorConfig(date="2026-11-21"),
        SimulatorConfig(maker="player", path="nowhere"),
        SimulatorConfig(maker="expander", path="nowhere.csv"),
    ],
)
def test_what_cannot_be_played_is_refused(config):
    with pytest.raises(Refused):
        build(config)


def test_the_calendar_is_the_repositorys():
    assert load_calendar().day("2026-11-20") is not None
