"""An archive of a test: whole days of one paper, and a calendar."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pipeline.archive.period import Period
from pipeline.archive.shelf import Note, Series, Shelf
from pipeline.archive.soundness import BAR, DAILY, due
from pipeline.core.session import Calendar, Group, ist_ms
from pipeline.core.types import Instrument

ROOT = Path(__file__).resolve().parents[2]
CALENDAR = Calendar.from_rows(json.loads((ROOT / "config" / "holidays.json").read_text()))
STOCK = Instrument(0, "RELIANCE", "NSE_EQ|INE002A01018", "Reliance", 10, 1, 1_000, is_cas_eligible=False)
MINUTE = Period("minutes")
DAY = Period("days")


def minutes_of(*days: str, period: Period = MINUTE, group: Group = Group.EQ) -> np.ndarray:
    """Give sound, wandering bars of whole sessions."""
    ts = np.concatenate([due(CALENDAR.day(day), group, period.minutes) for day in days])
    rows = np.zeros(len(ts), BAR)
    close = 100.0 + np.arange(len(ts)) % 37 * 0.05
    rows["ts"], rows["open"], rows["close"] = ts, close, close + 0.05
    rows["high"], rows["low"], rows["volume"] = close + 0.1, close - 0.1, 10 + np.arange(len(ts)) % 7
    return rows


def days_of(closes: dict[str, float]) -> np.ndarray:
    """Give flat days with volume: date -> price."""
    rows = np.zeros(len(closes), DAILY)
    for row, (day, px) in zip(rows, sorted(closes.items()), strict=True):
        row["ts"], row["volume"] = ist_ms(day, "00:00"), 1_000
        for name in ("open", "high", "low", "close"):
            row[name] = px
    return rows


def shelf_with(folder: Path, rows: np.ndarray, part: str, *, covered: tuple = (), period: Period = MINUTE, maker: str = "Upstox") -> Shelf:
    """Give an archive that holds one part of STOCK."""
    shelf = Shelf(folder, maker)
    with shelf.writing():
        shelf.put(Series("upstox", period, "RELIANCE"), part, rows, Note(STOCK.instrument_key, covered=covered))
    return shelf
