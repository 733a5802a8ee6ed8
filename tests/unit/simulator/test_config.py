import pytest

from pipeline.core.errors import Refused
from pipeline.core.session import ist_clock
from pipeline.simulator.config import SimulatorConfig, clocks, span
from pipeline.simulator.exchange import load_calendar


def test_sessions_have_clocks():
    assert clocks("full") is None
    assert clocks("short") == ("09:15", "09:45")
    assert clocks("10:00-10:30") == ("10:00", "10:30")


@pytest.mark.parametrize("session", ["", "long", "10:30-10:00", "9:15-9:45", "10:00", "25:00-26:00", "10:00-10:xx"])
def test_unknown_sessions_are_refused(session):
    with pytest.raises(Refused, match="session"):
        SimulatorConfig(session=session)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"maker": "oracle"}, "maker"),
        ({"maker": "player"}, "path"),
        ({"speed": -1.0}, "speed"),
        ({"plan": "gold"}, "plan"),
        ({"ping_s": 0.0}, "ping_s"),
        ({"protection_bps": -1.0}, "protection"),
        ({"candle_wait_s": (36.0, 6.0)}, "candle_wait_s"),
    ],
)
def test_wrong_values_are_refused(fields, word):
    with pytest.raises(Refused, match=word):
        SimulatorConfig(**fields)


def test_the_full_day_spans_pre_open_to_post_close():
    start, end = span("full", load_calendar().day("2026-11-20"))
    assert (ist_clock(start), ist_clock(end)) == ("09:00:00", "16:00:00")
