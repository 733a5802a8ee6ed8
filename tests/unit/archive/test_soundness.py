import numpy as np
import pytest

from pipeline.archive.period import Period
from pipeline.archive.soundness import BAR, Fault, due, is_trading, judge, words
from pipeline.core.session import Group, ist_ms
from tests.fakes.archive import CALENDAR, DAY, MINUTE, days_of, minutes_of


def codes(rows, period=MINUTE, group=Group.EQ):
    return judge(rows, period, CALENDAR, group).tolist()


def test_a_whole_day_is_sound_for_every_group_and_length():
    for group in Group:
        for minutes in (1, 3, 5, 10, 15, 60, 120):
            period = Period("minutes", minutes)
            assert set(codes(minutes_of("2026-11-19", period=period, group=group), period, group)) == {0}
    assert len(due(CALENDAR.day("2024-03-02"), Group.EQ, 1)) == 105
    assert codes(np.zeros(0, BAR)) == []


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("open", np.nan, Fault.NUMBER),
        ("close", np.inf, Fault.NUMBER),
        ("low", 0.0, Fault.ORDER),
        ("low", -1.0, Fault.ORDER),
        ("low", 500.0, Fault.ORDER),
        ("high", 1.0, Fault.ORDER),
        ("high", 2e8, Fault.ORDER),
        ("volume", -1, Fault.VOLUME),
        ("volume", 10**14, Fault.VOLUME),
        ("oi", -1.0, Fault.VOLUME),
        ("ts", ist_ms("2026-11-19", "09:20:30"), Fault.GRID),
        ("ts", ist_ms("2026-11-19", "09:15"), Fault.TWICE),
        ("ts", ist_ms("2026-11-19", "15:30"), Fault.OUTSIDE),
        ("ts", ist_ms("2026-11-19", "09:14"), Fault.OUTSIDE),
        ("ts", ist_ms("2026-11-21", "10:00"), Fault.NO_TRADING),
    ],
)
def test_each_fault_is_found_where_it_is_and_nowhere_else(name, value, fault):
    rows = minutes_of("2026-11-19")
    rows[name][7] = value
    found = codes(rows)
    assert found[7] == fault
    assert found[:7] + found[8:] == [0] * 374
    assert "\n" not in words(fault, rows[7], MINUTE)


def test_days():
    rows = days_of({"2026-11-19": 5.0, "2026-11-20": 5.0})
    assert codes(rows, DAY) == [0, 0]
    rows["ts"][1] += 60_000
    assert codes(rows, DAY) == [0, Fault.GRID]
    assert codes(days_of({"2026-11-21": 5.0}), DAY) == [Fault.NO_TRADING]
    assert codes(days_of({"2005-11-19": 5.0}), DAY) == [0], "a year without a list: a Saturday may have been one of trading"
    assert (is_trading(CALENDAR, "2026-11-19"), is_trading(CALENDAR, "2026-11-21"), is_trading(CALENDAR, "2005-11-19")) == (
        True,
        False,
        None,
    )
