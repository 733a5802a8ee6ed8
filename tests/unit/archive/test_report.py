from collections import Counter

import numpy as np
import pytest

from pipeline.archive.report import filled, findings, missing, spikes, wicks
from pipeline.core.session import Group, ist_date
from tests.fakes.archive import BAR, CALENDAR, DAY, MINUTE, days_of, minutes_of

SPAN = ("2026-11-16", "2026-11-20")
WEEK = ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20")


def kinds(rows, covered=(SPAN,), period=MINUTE, group=Group.EQ):
    return [(f.date, f.kind, f.is_fault) for f in findings(rows, list(covered), period, CALENDAR, group)]


def test_a_whole_week_has_no_findings():
    assert kinds(minutes_of(*WEEK)) == []


def test_what_is_missing_is_named_by_day():
    rows = np.delete(minutes_of(*WEEK), [3, 4, 400])
    rows = rows[[ist_date(int(ts)) != WEEK[3] for ts in rows["ts"]]]
    found = missing(rows, [SPAN], MINUTE, CALENDAR, Group.EQ)
    assert [(f.date, f.words) for f in found] == [
        (WEEK[0], "2 of 375 candles: 09:18, 09:19"),
        (WEEK[1], "1 of 375 candles: 09:40"),
        (WEEK[3], "the whole day"),
    ]


def test_a_year_without_a_list_is_not_judged_by_whole_days():
    assert kinds(minutes_of("2016-09-06"), [("2016-09-05", "2016-09-06")]) == []
    assert kinds(minutes_of("2016-09-06")[:-1], [("2016-09-05", "2016-09-06")]) == [("2016-09-06", "missing", True)]


def test_spikes_wicks_filling_and_idle_days():
    rows = minutes_of(WEEK[0])
    rows["open"][9] = rows["high"][9] = rows["close"][9] = 130.0
    assert kinds(rows, ()) == [(WEEK[0], "spike", True)] + [(WEEK[0], "wick", False)] * bool(wicks(rows, MINUTE).any())
    assert spikes(rows, MINUTE).sum() == 1
    assert kinds(rows, (), group=Group.FO) == []
    rows = minutes_of(WEEK[0])
    rows["high"][9] = 150.0
    assert kinds(rows, ()) == [(WEEK[0], "wick", False)]
    rows = minutes_of(WEEK[0])
    for name in ("open", "high", "low"):
        rows[name][20:23] = rows["close"][19]
    rows["close"][20:23], rows["volume"][20:23] = rows["close"][19], 0
    assert kinds(rows, ()) == [(WEEK[0], "filled", False)]
    days = days_of({"2005-07-27": 10.0, "2005-07-28": 11.0, "2005-07-29": 10.0})
    days["volume"][1] = 0
    assert kinds(days, (), DAY) == [("2005-07-28", "untraded", True)]


def table(path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = pq.read_table(path)
    ts = held["timestamp"].cast(pa.timestamp("ms", tz="Asia/Kolkata")).cast("int64").to_numpy()
    symbols = np.array(held["symbol"].to_pylist())
    return held, ts, symbols


def test_the_vendors_filled_minutes_of_2016_are_all_found(shared_data):
    held, ts, symbols = table(shared_data / "candles_1m" / "nse_1m_2016-08-16_2016-09-09.parquet")
    rows = np.zeros(len(ts), BAR)
    rows["ts"] = ts
    for name in ("open", "high", "low", "close", "volume"):
        rows[name] = held[name].to_numpy()
    count, seen = 0, Counter()
    for symbol in np.unique(symbols):
        mine = np.sort(rows[symbols == symbol], order="ts")
        group = Group.EQ if mine["volume"].any() else Group.INDEX
        count += int(filled(mine).sum()) if group is Group.EQ else 0
        seen += Counter(f.kind for f in findings(mine, [("2016-08-16", "2016-09-09")], MINUTE, CALENDAR, group))
    assert count == 8_084, "the README counts 8,085: one more is the very first bar of its paper"
    assert set(seen) <= {"filled", "wick"}


@pytest.mark.parametrize(("name", "days"), [("index_1m_2021_2022", {"2021-07-23": 41}), ("index_1m_2024", {})])
def test_the_holes_of_real_days_are_found(shared_data, name, days):
    held, ts, symbols = table(shared_data / "candles_1m" / f"{name}.parquet")
    mine = symbols == "NIFTY 50"
    rows = np.zeros(int(mine.sum()), BAR)
    rows["ts"] = ts[mine]
    for field in ("open", "high", "low", "close"):
        rows[field] = held[field].to_numpy()[mine]
    rows = np.sort(rows, order="ts")
    covered = [(ist_date(int(rows["ts"][0])), ist_date(int(rows["ts"][-1])))]
    found = {f.date: f.words for f in findings(rows, covered, MINUTE, CALENDAR, Group.INDEX) if f.kind == "missing"}
    assert {day: int(found[day].split()[0]) for day in days} == days
    late = {f.date for f in findings(rows, covered, MINUTE, CALENDAR, Group.INDEX) if f.kind == "outside"}
    assert ("2024-01-20" in late) is (name == "index_1m_2024")


def test_a_day_in_the_closing_auction_lacks_nothing_whatever_the_stock_does_today():
    rows = minutes_of(*WEEK)
    in_auction = (rows["ts"] + 19_800_000) % 86_400_000 >= (15 * 60 + 15) * 60_000
    cut = rows[~in_auction | (rows["ts"] > rows["ts"][800])]  # two days in it, then three without
    assert (kinds(cut, group=Group.EQ), kinds(cut, group=Group.EQ_CAS)) == ([], [])
