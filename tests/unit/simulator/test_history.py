import pytest

from pipeline.core.session import ist_date, ist_ms
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.generated import previous_close
from pipeline.simulator.history import History, aggregate, filled
from pipeline.simulator.listing import DEFAULT_LISTINGS, INDEX_LISTINGS, tick_paise
from pipeline.simulator.market import Bar

DATE = "2026-11-20"
CALENDAR = load_calendar()
ITEM = DEFAULT_LISTINGS[0]
CLOSE = previous_close(7, DATE, ITEM)


def history():
    return History(7, DATE, CALENDAR)


@pytest.mark.parametrize("item", [DEFAULT_LISTINGS[0], DEFAULT_LISTINGS[12], INDEX_LISTINGS[0]])
def test_history_ends_at_the_previous_close(item):
    close = previous_close(7, DATE, item)
    bars = history().minutes(item, close, "2026-11-19")
    assert len(bars) == 375
    assert bars[-1].close == close
    tick = tick_paise(item, DATE)
    assert all(round(b.close * 100) % tick == 0 and b.low <= min(b.open, b.close) <= max(b.open, b.close) <= b.high for b in bars)


def test_days_are_the_same_whatever_was_asked_before():
    far = history()
    far.bars(ITEM, CLOSE, "days", 1, ("2026-01-01", "2026-11-19"))
    assert far.minutes(ITEM, CLOSE, "2026-10-07") == history().minutes(ITEM, CLOSE, "2026-10-07")


def test_larger_bars_aggregate_the_minutes():
    minutes = history().bars(ITEM, CLOSE, "minutes", 1, ("2026-11-18", "2026-11-19"))
    hours = history().bars(ITEM, CLOSE, "hours", 1, ("2026-11-18", "2026-11-19"))
    days = history().bars(ITEM, CLOSE, "days", 1, ("2026-11-18", "2026-11-19"))
    assert (len(minutes), len(hours), len(days)) == (750, 14, 2)
    assert sum(b.vol for b in minutes) == sum(b.vol for b in hours) == sum(b.vol for b in days)
    assert hours[0].ts == ist_ms("2026-11-18", "09:15")
    assert max(b.high for b in minutes[:375]) == days[0].high
    weeks = history().bars(ITEM, CLOSE, "weeks", 1, ("2026-10-01", "2026-11-19"))
    assert [ist_date(b.ts) for b in weeks[-2:]] == ["2026-11-09", "2026-11-16"]
    assert ist_date(history().bars(ITEM, CLOSE, "months", 1, ("2026-10-01", "2026-11-19"))[0].ts) == "2026-10-01"


def test_no_bars_on_holidays_or_from_the_session_on():
    assert history().minutes(ITEM, CLOSE, "2026-11-15") == []
    assert history().minutes(ITEM, CLOSE, DATE) == []
    assert history().bars(ITEM, CLOSE, "minutes", 1, (DATE, "2026-12-01")) == []


def test_minutes_without_trade_are_flat():
    bars = [Bar(60_000, 1.0, 2.0, 1.0, 2.0, 5), Bar(180_000, 3.0, 3.0, 3.0, 3.0, 1)]
    assert filled(bars, [(0, 300_000)], 240_000) == [bars[0], Bar(120_000, 2.0, 2.0, 2.0, 2.0, 0), bars[1]]
    assert aggregate(bars, lambda _: 0) == [Bar(0, 1.0, 3.0, 1.0, 3.0, 6)]
