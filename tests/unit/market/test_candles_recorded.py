"""Longer candles of the recorded one-minute files, for every kind of session they hold, against pandas on the same minutes.

The hours of the special days stand here a second time, by hand: the calendar is under test as well.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.candle import CANDLE, CandleFlag, Lineage
from pipeline.core.session import IST_OFFSET_MS, Calendar, Group, ist_clock
from pipeline.core.types import TIMEFRAMES
from pipeline.market import candles

ROOT = Path(__file__).resolve().parents[3]
CALENDAR = Calendar.from_rows(json.loads((ROOT / "config" / "holidays.json").read_text(encoding="utf-8")))
LONG = TIMEFRAMES[1:]
HOURS = {
    "2021-02-24": ("09:15-10:08", "15:45-17:00"),
    "2021-11-04": ("18:15-19:15",),
    "2024-03-02": ("09:15-10:00", "11:30-12:30"),
    "2024-05-18": ("09:15-10:00", "11:30-12:30"),
}
FILES = {"nse_1m_2016-08-16_2016-09-09": 18, "index_1m_2021_2022": 248, "index_1m_2024": 100}
PRICES = ("open", "high", "low", "close")


def frame_of(shared: Path, name: str):
    """One file, with its date, minute of the day, and the minutes that no trade made left out."""
    pd = pytest.importorskip("pandas")
    frame = pd.read_parquet(shared / "candles_1m" / f"{name}.parquet")
    frame["date"] = frame.timestamp.dt.strftime("%Y-%m-%d")
    frame["at"] = frame.timestamp.dt.hour * 60 + frame.timestamp.dt.minute
    if "volume" not in frame:
        frame["volume"] = 0
    has_volume = frame.groupby("symbol").volume.transform("max") > 0
    frame = frame[~has_volume | (frame.volume > 0)]
    hours = frame.date.map(lambda day: HOURS.get(day, ("09:15-15:30",)))
    is_inside = np.zeros(len(frame), bool)
    for place in range(2):
        first, last = ([minute_of(h[place][at : at + 5]) if place < len(h) else 0 for h in hours] for at in (0, 6))
        is_inside |= (frame["at"] >= first) & (frame["at"] < last)
    frame["open_at"] = [minute_of(h[0][:5]) for h in hours]
    frame["is_inside"] = is_inside
    return frame.sort_values(["date", "symbol", "timestamp"], kind="stable").reset_index(drop=True)


def minute_of(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def rows_of(day, symbols: list[str]) -> np.ndarray:
    rows = np.zeros(len(day), CANDLE)
    rows["sid"] = [symbols.index(s) for s in day.symbol]
    rows["timeframe"], rows["minutes"], rows["lineage"] = 1, 1, int(Lineage.ARCHIVE)
    rows["ts"] = day.timestamp.astype("int64") // {"ns": 1_000_000, "us": 1000, "ms": 1}[day.timestamp.dt.unit]
    for name in (*PRICES, "volume"):
        rows[name] = day[name]
    return rows


def truth(frame, minutes: int):
    """Group the minutes of each day by their place since the open."""
    inside = frame[frame.is_inside]
    start = inside.open_at + (inside["at"] - inside.open_at) // minutes * minutes
    grouped = inside.groupby(["date", "symbol", start.rename("start")], sort=True)
    return grouped.agg(
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
        n=("close", "size"),
    )


@pytest.mark.parametrize("name", FILES)
def test_longer_candles_equal_the_directly_aggregated_truth(shared_data, name):
    frame = frame_of(shared_data, name)
    symbols = sorted(set(frame.symbol))
    built = []
    for date, day in frame.groupby("date"):
        hours = CALENDAR.day(date)
        assert hours is not None, date
        group = Group.INDEX if "index" in name else Group.EQ
        windows = [hours.hours(group)] * len(symbols)
        built.append(candles.longer(rows_of(day, symbols), candles.windows_of(windows)))
    assert len(built) == FILES[name]
    rows = np.concatenate(built)
    dates = np.repeat(sorted(set(frame.date)), [len(b) for b in built])
    for minutes in LONG:
        is_mine = rows["timeframe"] == minutes
        mine, want = rows[is_mine], truth(frame, minutes)
        order = np.lexsort((mine["ts"], mine["sid"], dates[is_mine]))
        starts = (mine["ts"] + IST_OFFSET_MS) // 60_000 % 1440
        for level, keys in (("date", dates[is_mine]), ("symbol", np.array(symbols)[mine["sid"]]), ("start", starts)):
            assert keys[order].tolist() == want.index.get_level_values(level).tolist(), minutes
        for column in (*PRICES, "volume"):
            assert np.array_equal(mine[column][order], want[column].to_numpy()), (minutes, column)
        assert np.array_equal(mine["minutes"][order], want["n"].to_numpy()), minutes
        assert set(mine["lineage"].tolist()) == {int(Lineage.ARCHIVE)}


def day_of(shared_data, name: str, date: str, timeframe: int) -> list[tuple[str, int, bool]]:
    frame = frame_of(shared_data, name)
    day = frame[(frame.date == date) & (frame.symbol == "NIFTY 50")]
    hours = CALENDAR.day(date)
    windows = candles.windows_of([hours.hours(Group.INDEX)])
    rows = candles.longer(rows_of(day, ["NIFTY 50"]), windows, (timeframe,))
    return [(ist_clock(int(r["ts"]))[:5], int(r["minutes"]), bool(r["flags"] & CandleFlag.PARTIAL)) for r in rows]


def test_an_hour_counts_from_the_open_through_a_pause_to_the_close(shared_data):
    """A regular day, the outage, an evening, a Saturday with two windows, a day with holes: start, minutes in it, cut by the close."""
    assert day_of(shared_data, "index_1m_2024", "2024-01-20", 60) == [(f"{9 + h:02d}:15", 60, False) for h in range(6)] + [
        ("15:15", 15, True)
    ]
    assert day_of(shared_data, "index_1m_2021_2022", "2021-02-24", 60) == [("09:15", 53, False), ("15:15", 30, False), ("16:15", 45, True)]
    assert day_of(shared_data, "index_1m_2021_2022", "2021-11-04", 60) == [("18:15", 60, False)]
    assert day_of(shared_data, "index_1m_2024", "2024-03-02", 60) == [("09:15", 45, False), ("11:15", 45, False), ("12:15", 15, True)]
    holes = day_of(shared_data, "index_1m_2021_2022", "2021-07-23", 60)
    assert [n for _, n, _ in holes] == [60, 60, 44, 46, 49, 60, 15], "41 minutes are missing in the file, and in the candles"


def test_fifteen_minutes_of_another_vendor_lie_at_the_same_places_and_agree(shared_data):
    """Minutes and quarters of 2021 come from different sources; the bars are the same, the last digits often are not."""
    pd = pytest.importorskip("pandas")
    quarters = pd.read_parquet(shared_data / "candles_15m" / "nse_15m_2015-02_2022-01.parquet")
    quarters["date"] = quarters.timestamp.dt.strftime("%Y-%m-%d")
    quarters["start"] = quarters.timestamp.dt.hour * 60 + quarters.timestamp.dt.minute
    quarters = quarters[quarters.symbol.isin(["NIFTY 50", "NIFTY BANK"])].set_index(["date", "symbol", "start"])[[*PRICES]]
    ours = truth(frame_of(shared_data, "index_1m_2021_2022"), 15)
    both = ours.join(quarters.add_suffix("_theirs"), how="inner")
    assert len(both) == len(ours) == 12_326, "every bar of ours is one of theirs: the outage and the evening too"

    def share(column: str, within: float) -> float:
        return float(((both[column] - both[f"{column}_theirs"]).abs() <= within * both[column]).mean())

    assert share("close", 1e-4) > 0.995
    assert share("close", 5e-4) == 1.0
    assert min(share("high", 5e-4), share("low", 5e-4)) > 0.994
    assert min(share(column, 1e-9) for column in PRICES) > 0.77
