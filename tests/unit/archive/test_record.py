"""The record of patterns over an archive: equal to that of the whole at once, and no larger in memory for more years."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from pipeline.archive.period import Period
from pipeline.archive.record import papers, record_of
from pipeline.archive.shelf import Note, Series, Shelf
from pipeline.archive.soundness import BAR
from pipeline.archive.spans import EVER
from pipeline.archive.warm import longer
from pipeline.core.errors import Corrupt
from pipeline.core.session import Group, ist_date, ist_ms
from pipeline.core.types import TIMEFRAMES
from pipeline.patterns.reliability import told_of
from pipeline.run.discovery import discover
from tests.fakes.archive import CALENDAR, minutes_of
from tests.fakes.bars import candles
from tests.fakes.cdl import of_one

discover()
PAPER = ("upstox", "RELIANCE")


def days_of(month: str) -> list[str]:
    return [day for n in range(1, 29) if CALENDAR.day(day := f"{month}-{n:02d}") is not None]


def month_of(month: str, minutes: int = 1) -> np.ndarray:
    """Bars of every session of a month, on a walk."""
    rows = minutes_of(*days_of(month), period=Period("minutes", minutes))
    walk = candles(len(rows), seed=int(month.replace("-", "")))
    for name in ("open", "high", "low", "close", "volume"):
        rows[name] = walk[name]
    return rows


def shelf_of(folder, months: list[str], minutes: int = 1) -> Shelf:
    shelf = Shelf(folder, "Upstox")
    for month in months:
        shelf.put(Series(PAPER[0], Period("minutes", minutes), PAPER[1]), month, month_of(month, minutes), Note())
    return shelf


def test_months_make_the_record_of_the_whole(tmp_path):
    months = ["2026-01", "2026-02", "2026-03"]
    found = record_of(shelf_of(tmp_path, months), PAPER, TIMEFRAMES, EVER, CALENDAR)
    whole = np.concatenate([month_of(month) for month in months])
    for timeframe, record in zip(TIMEFRAMES, found, strict=True):
        bars = longer(whole, timeframe, CALENDAR)
        assert (record.first, record.last, record.candles) == (ist_date(int(bars["ts"][0])), ist_date(int(bars["ts"][-1])), len(bars))
        assert record.told == told_of(of_one(bars), 0), timeframe
    assert sum("% of" in line for line in found[0].told.values()) > 30


def test_dates_cut_it(tmp_path):
    shelf = shelf_of(tmp_path, ["2026-01", "2026-02"])
    (found,) = record_of(shelf, PAPER, (5,), ("2026-01-12", "2026-02-03"), CALENDAR)
    assert (found.first, found.last) == ("2026-01-12", "2026-02-03")
    (none,) = record_of(shelf, PAPER, (5,), ("2025-01-01", "2025-12-31"), CALENDAR)
    assert (none.candles, none.told) == (0, {})


def test_the_sources_own_bars_serve_where_there_are_no_minutes(tmp_path):
    shelf = shelf_of(tmp_path, ["2026-01", "2026-02"], minutes=15)
    shelf.put(Series(PAPER[0], Period("minutes"), PAPER[1]), "2026-02", month_of("2026-02"), Note())
    quarters, hours = record_of(shelf, PAPER, (15, 60), EVER, CALENDAR)
    bars = np.concatenate([month_of("2026-01", 15), longer(month_of("2026-02"), 15, CALENDAR)])
    assert quarters.told == told_of(of_one(bars), 0)
    assert hours.first == days_of("2026-02")[0], "hours are made from minutes, not from quarters"
    assert papers(shelf, "upstox") == ["RELIANCE"]
    assert papers(shelf, "nse") == []


def test_a_minute_without_a_trade_is_no_candle(tmp_path):
    rows = month_of("2026-01")
    rows["volume"][100:200] = 0
    shelf = Shelf(tmp_path, "Upstox")
    shelf.put(Series(PAPER[0], Period("minutes"), PAPER[1]), "2026-01", rows, Note())
    assert record_of(shelf, PAPER, (1,), EVER, CALENDAR)[0].candles == len(rows) - 100
    shelf.put(Series(PAPER[0], Period("minutes"), PAPER[1]), "2026-01", rows, Note(group=Group.INDEX))
    assert record_of(shelf, PAPER, (1,), EVER, CALENDAR)[0].candles == len(rows), "an index has no volume at all"


def test_memory_does_not_grow_with_the_years(tmp_path):
    """Three times the months: the same peak, and less than one year of candles weighs."""
    months = [f"{year}-{n:02d}" for year in (2022, 2023, 2024) for n in range(1, 13)]
    shelf = shelf_of(tmp_path, months)
    peaks = []
    for last in ("2022-12-31", "2024-12-31"):
        tracemalloc.start()
        (record,) = record_of(shelf, PAPER, (1,), ("2022-01-01", last), CALENDAR)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert record.candles > 36 * 18 * 370
    assert peaks[1] < 1.1 * peaks[0]
    assert peaks[1] < record.candles * BAR.itemsize / 3


def test_a_damaged_part_is_named(tmp_path):
    shelf = shelf_of(tmp_path, ["2026-01"])
    (path,) = tmp_path.rglob("*.parquet")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(Corrupt, match=r"2026-01\.parquet cannot be read"):
        record_of(shelf, PAPER, (1,), EVER, CALENDAR)


def test_a_bar_of_the_last_date_counts(tmp_path):
    rows = minutes_of("2026-01-05")
    shelf = Shelf(tmp_path, "Upstox")
    shelf.put(Series(PAPER[0], Period("minutes"), PAPER[1]), "2026-01", rows, Note())
    assert ist_ms("2026-01-05", "15:29") == rows["ts"][-1]
    assert record_of(shelf, PAPER, (1,), ("2026-01-05", "2026-01-05"), CALENDAR)[0].candles == 375
