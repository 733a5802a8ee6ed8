import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.broker.repair_book import RepairBook, RepairConfig, minutes_of
from pipeline.core.session import Calendar, ist_ms
from pipeline.core.types import MINUTE_MS, Instrument

ROOT = Path(__file__).resolve().parents[3]
CALENDAR = Calendar.from_rows(json.loads((ROOT / "config" / "holidays.json").read_text()))
DATE = "2026-11-20"
DAY = CALENDAR.day(DATE)
CAS = Instrument(0, "RELIANCE", "NSE_EQ|INE002A01018", "Reliance", 10, 1, 1_000, is_cas_eligible=True)
SMALL = Instrument(1, "SMALL", "NSE_EQ|INE009A01021", "Small", 5, 1, 1_000, is_cas_eligible=False)


def at(clock):
    return ist_ms(DATE, clock)


def book(**config):
    return RepairBook(DAY, RepairConfig(**config))


@pytest.mark.parametrize(
    ("start", "end", "first", "count"),
    [
        ("10:00:10", "10:00:50", "10:00", 1),
        ("10:00:10", "10:02:10", "10:00", 3),
        ("10:00:59", "10:01:00", "10:00", 2),
        ("09:00:00", "09:16:30", "09:15", 2),
        ("15:13:30", "15:40:00", "15:13", 2),
        ("09:00:00", "09:14:59", "", 0),
        ("15:15:00", "15:25:00", "", 0),
    ],
)
def test_minutes_that_a_gap_touches_in_continuous_trading(start, end, first, count):
    expected = [at(first) + n * MINUTE_MS for n in range(count)] if count else []
    assert minutes_of(DAY, CAS, at(start), at(end)) == expected


def test_papers_without_a_closing_auction_trade_on():
    assert minutes_of(DAY, SMALL, at("15:14:30"), at("15:40:00"))[-1] == at("15:29")


def test_a_minute_is_due_ten_seconds_after_its_end():
    owed = book()
    owed.owe(CAS, at("10:00:10"), at("10:01:10"))
    assert owed.owed == 2
    assert owed.due(at("10:01:09"), 0.0) is None
    assert owed.due(at("10:01:10"), 0.0) == (CAS.instrument_key, (at("10:00"),))
    assert owed.due(at("10:02:10"), 0.0) == (CAS.instrument_key, (at("10:00"), at("10:01")))


def test_one_call_is_asked_for_all_minutes_and_again_only_after_both_pauses():
    owed = book(retry_ms=10_000, retry_s=2.0)
    owed.owe(CAS, at("10:00:10"), at("10:00:50"))
    now = at("10:01:10")
    owed.asked(CAS.instrument_key, now, 5.0)
    owed.came(CAS.instrument_key, (), now)
    assert owed.due(now + 9_999, 100.0) is None
    assert owed.due(now + 10_000, 6.9) is None
    assert owed.due(now + 10_000, 7.0) is not None


def test_what_came_is_no_longer_owed():
    owed = book()
    owed.owe(CAS, at("10:00:10"), at("10:01:10"))
    owed.owe(CAS, at("10:00:10"), at("10:01:10"))
    owed.asked(CAS.instrument_key, at("10:01:10"), 0.0)
    owed.came(CAS.instrument_key, [at("10:00"), at("10:00"), at("09:59")], at("10:01:10"))
    assert (owed.owed, owed.counts["repaired"]) == (1, 1)
    owed.asked(CAS.instrument_key, at("10:02:20"), 10.0)
    owed.came(CAS.instrument_key, [at("10:01")], at("10:02:20"))
    assert (owed.owed, owed.counts["repaired"]) == (0, 2)
    assert owed.due(at("12:00"), 1e9) is None


def test_given_up_after_ten_minutes_of_asking_not_of_waiting():
    owed = book()
    owed.owe(CAS, at("10:00:10"), at("10:00:50"))
    assert owed.due(at("11:00"), 0.0) is not None
    owed.asked(CAS.instrument_key, at("11:00"), 0.0)
    owed.came(CAS.instrument_key, (), at("11:09:59"))
    assert owed.owed == 1
    owed.asked(CAS.instrument_key, at("11:10"), 100.0)
    owed.came(CAS.instrument_key, (), at("11:10"))
    assert (owed.owed, owed.counts["gave_up"]) == (0, 1)


def test_a_young_minute_beside_an_old_one_is_not_given_up_with_it():
    owed = book()
    owed.owe(CAS, at("10:00:10"), at("10:00:50"))
    owed.asked(CAS.instrument_key, at("10:02"), 0.0)
    owed.owe(CAS, at("10:12:10"), at("10:12:50"))
    owed.came(CAS.instrument_key, (), at("10:12:55"))
    assert owed.due(at("10:13:10"), 1e9) == (CAS.instrument_key, (at("10:12"),))


def test_a_long_stretch_is_asked_for_once_when_all_of_it_is_there():
    owed = book()
    owed.owe(CAS, at("09:15:00"), at("11:00:20"))
    assert owed.due(at("11:01:39"), 1e9) is None
    key, minutes = owed.due(at("11:01:40"), 1e9)
    assert (key, len(minutes), minutes[-1]) == (CAS.instrument_key, 106, at("11:00"))


def test_what_lies_before_the_first_candle_of_the_day_is_given_up_at_once():
    owed = book()
    owed.owe(CAS, at("09:15:00"), at("09:20:20"))
    owed.asked(CAS.instrument_key, at("09:22"), 0.0)
    owed.came(CAS.instrument_key, [at("09:18"), at("09:19")], at("09:22"), at("09:17"))
    assert (owed.owed, owed.counts["repaired"], owed.counts["gave_up"]) == (2, 2, 2)
    assert owed.due(at("09:23"), 1e9) == (CAS.instrument_key, (at("09:17"), at("09:20")))


def test_papers_take_turns():
    owed = book()
    for paper in (CAS, SMALL):
        owed.owe(paper, at("10:00:10"), at("10:00:50"))
    first, _ = owed.due(at("10:05"), 0.0)
    owed.asked(first, at("10:05"), 0.0)
    second, _ = owed.due(at("10:05"), 0.0)
    assert {first, second} == {CAS.instrument_key, SMALL.instrument_key}
    owed.asked(second, at("10:05"), 0.0)
    assert owed.due(at("10:06"), 1e9)[0] == first


def test_beyond_the_bound_is_dropped_and_counted():
    owed = book(max_owed=10)
    owed.owe(CAS, at("10:00"), at("10:30:30"))
    owed.owe(SMALL, at("10:00"), at("10:04:30"))
    assert (owed.owed, owed.counts["dropped"]) == (10, 26)
    owed.came(SMALL.instrument_key, [at("10:00")], at("10:40"))
    assert owed.owed == 10


STEPS = st.lists(st.tuples(st.sampled_from("oac"), st.integers(0, 20), st.integers(0, 6), st.booleans()), max_size=80)


@given(STEPS)
def test_nothing_is_lost_from_the_books(steps):
    """Owed + repaired + given up is what was ever taken in, whatever happens in which order."""
    owed, now, taken = book(max_owed=12), at("10:00"), 0
    for what, minute, span, is_small in steps:
        paper = SMALL if is_small else CAS
        start = at("10:00") + minute * MINUTE_MS
        if what == "o":
            before = owed.owed
            owed.owe(paper, start, start + span * MINUTE_MS)
            taken += owed.owed - before
        elif what == "a" and (found := owed.due(now, 1e9)) is not None:
            owed.asked(found[0], now, 0.0)
        elif what == "c":
            owed.came(paper.instrument_key, [start], now)
        now += MINUTE_MS
        assert owed.owed + owed.counts["repaired"] + owed.counts["gave_up"] == taken
        assert 0 <= owed.owed <= 12
