import numpy as np
import pytest

from pipeline.archive.period import Period
from pipeline.archive.soundness import BAR, Fault, clock_on, due, is_trading, judge, words
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


def in_auction(rows, first: str = "15:15", last: str = "15:30"):
    """Take the volume out of the minutes of an auction."""
    day = "2026-11-19"
    rows["volume"][(rows["ts"] >= ist_ms(day, first)) & (rows["ts"] < ist_ms(day, last))] = 0
    return rows


def test_a_stock_followed_the_clock_that_its_own_bars_tell():
    day, rows = CALENDAR.day("2026-11-19"), minutes_of("2026-11-19")
    for today in (Group.EQ, Group.EQ_CAS):
        assert clock_on(rows, 1, day, today) is Group.EQ, "it traded while the auction ran"
        assert clock_on(in_auction(rows.copy()), 1, day, today) is Group.EQ_CAS
        assert clock_on(in_auction(rows.copy(), "15:15", "15:25"), 1, day, today) is Group.EQ_CAS, "the auction's own trade comes later"
        assert clock_on(in_auction(rows.copy(), "15:12"), 1, day, today) is today, "an idle stock tells nothing"
        assert clock_on(rows[:0], 1, day, today) is today
    assert clock_on(rows, 1, day, Group.FO) is Group.FO
    assert clock_on(rows, 1, day, Group.INDEX) is Group.INDEX


def test_longer_bars_tell_it_only_where_they_lie_within_the_auction():
    day = CALENDAR.day("2026-11-19")
    fives, quarters = (minutes_of("2026-11-19", period=Period("minutes", n)) for n in (5, 15))
    assert clock_on(fives, 5, day, Group.EQ_CAS) is Group.EQ
    assert clock_on(quarters, 15, day, Group.EQ_CAS) is Group.EQ_CAS, "a quarter holds the auction's trade"


def test_before_the_auction_there_was_none():
    rows = minutes_of("2026-07-31")
    assert clock_on(rows, 1, CALENDAR.day("2026-07-31"), Group.EQ_CAS) is Group.EQ_CAS
    assert codes(rows, group=Group.EQ_CAS) == [0] * 375
    assert clock_on(minutes_of("2024-03-02"), 1, CALENDAR.day("2024-03-02"), Group.EQ_CAS) is Group.EQ_CAS


def test_a_day_is_judged_by_the_clock_of_that_day():
    rows = minutes_of("2026-11-18", "2026-11-19")
    rows = np.concatenate([rows[:375], in_auction(rows[375:])])
    for today in (Group.EQ, Group.EQ_CAS):
        assert codes(rows, group=today) == [0] * 735 + [Fault.OUTSIDE] * 15
