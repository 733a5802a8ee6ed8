"""Is the archive whole and sound? Findings about one series: faults, and what is only worth a look.

Reads   rows of a series as they lie, the spans that its notes call covered, the calendar
Gives   Findings by date. Faults: a candle that is unsound, off the grid, twice, or a spike that comes back at once; minutes and days
        that are missing from what is covered; days whose close moved without volume. Worth a look: flat candles without volume
        that repeat the close before (a vendor's filling), and wicks far from open and close. Nothing is mended.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.archive.soundness import Fault, clock_on, due, is_trading, judge, words
from pipeline.archive.spans import Span, dates, joined, without
from pipeline.core.session import DAY_MS, Calendar, Group, ist_clock, ist_date, ist_day

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.archive.period import Period

    Rows = NDArray[np.void]

SPIKE = {True: 0.10, False: 0.30}
"""Logarithmic step of an intraday (True) or daily close that comes back with the next one: false. Options do so honestly."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    date: str
    kind: str
    words: str
    is_fault: bool = True


def findings(rows: Rows, covered: list[Span], period: Period, calendar: Calendar, group: Group) -> list[Finding]:
    """Look a series over; oldest first."""
    codes = judge(rows, period, calendar, group)
    unsound = np.flatnonzero(codes != Fault.NONE)
    found = [_unsound(rows[at], Fault(int(codes[at])), period) for at in unsound]
    sound = rows[codes == Fault.NONE]
    found += missing(sound, covered, period, calendar, group)
    if group is not Group.FO:
        found += [_at(row, "spike", f"close {row['close']:g} and back") for row in sound[spikes(sound, period)]]
        found += [_at(row, "wick", f"high {row['high']:g} low {row['low']:g}", is_fault=False) for row in sound[wicks(sound, period)]]
    if group is not Group.INDEX:
        counted = Counter(ist_date(ts) for ts in sound["ts"][filled(sound)].tolist())
        found += [Finding(day, "filled", f"{n} flat without volume", is_fault=False) for day, n in counted.items()]
    if group is not Group.INDEX and period.minutes == 0:
        moved = (sound["volume"] == 0) & (np.diff(sound["close"], prepend=sound["close"][:1]) != 0)
        found += [_at(row, "untraded", f"close {row['close']:g} moved without volume") for row in sound[moved]]
    return sorted(found, key=lambda finding: (finding.date, finding.kind))


def _unsound(row: np.void, fault: Fault, period: Period) -> Finding:
    return Finding(ist_date(int(row["ts"])), fault.name.lower(), words(fault, row, period))


def _at(row: np.void, kind: str, said: str, *, is_fault: bool = True) -> Finding:
    ts = int(row["ts"])
    return Finding(ist_date(ts), kind, f"{ist_clock(ts)[:5]} {said}", is_fault)


def holes(covered: list[Span], calendar: Calendar) -> list[tuple[Span, int]]:
    """Give the spans between the first and the last covered date that were never asked for, with their trading days (never none)."""
    spans = joined(covered)
    gaps = without((spans[0][0], spans[-1][1]), spans) if spans else []
    counted = [(gap, sum(bool(is_trading(calendar, day)) for day in dates(gap))) for gap in gaps]
    return [(gap, days) for gap, days in counted if days > 0]


def missing(rows: Rows, covered: list[Span], period: Period, calendar: Calendar, group: Group) -> list[Finding]:
    """Name what covered days lack. A weekday without any candle in a year without a holiday list may be a holiday: not judged."""
    got: dict[str, Rows] = {}
    days: Any = ist_day(rows["ts"])
    for day in np.unique(days).tolist():
        got[ist_date(day * DAY_MS)] = rows[days == day]
    out: list[Finding] = []
    for day_iso in (d for span in joined(covered) for d in dates(span)):
        if day_iso not in got and is_trading(calendar, day_iso):
            out.append(Finding(day_iso, "missing", "the whole day"))
        elif day_iso in got and period.minutes > 0:
            out += _missing_minutes(got[day_iso], day_iso, period, calendar, group)
    return out if period.unit in ("minutes", "hours", "days") else []


def _missing_minutes(got: Rows, day_iso: str, period: Period, calendar: Calendar, group: Group) -> list[Finding]:
    day = calendar.day(day_iso)
    if day is None:
        return []
    clock = clock_on(got, period.minutes, day, group)
    lacking = np.setdiff1d(due(day, clock, period.minutes), got["ts"])
    if len(lacking) == 0:
        return []
    shown = ", ".join(ist_clock(int(ts))[:5] for ts in lacking[:SHOWN])
    more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    return [Finding(day_iso, "missing", f"{len(lacking)} of {len(lacking) + len(got)} candles: {shown}{more}")]


def filled(rows: Rows) -> NDArray[np.bool_]:
    """Tell which candles are flat, without volume, and repeat the close before, on the same day or the one before."""
    before = np.roll(rows["close"], 1)
    is_flat = (rows["open"] == rows["close"]) & (rows["high"] == rows["low"]) & (rows["high"] == rows["close"])
    out = is_flat & (rows["volume"] == 0) & (rows["close"] == before)
    out[:1] = False
    return out


def spikes(rows: Rows, period: Period) -> NDArray[np.bool_]:
    """Tell which closes leap and come back with the next candle."""
    out = np.zeros(len(rows), np.bool_)
    if len(rows) < 3:
        return out
    limit = SPIKE[period.minutes > 0]
    steps = np.diff(np.log(rows["close"]))
    there, back = steps[:-1], steps[1:]
    out[1:-1] = (np.abs(there) > limit) & (np.abs(back) > limit) & (np.abs(there + back) < limit / 2)
    return out


def wicks(rows: Rows, period: Period) -> NDArray[np.bool_]:
    """Tell which candles reach far beyond open and close."""
    limit = SPIKE[period.minutes > 0]
    top, bottom = np.maximum(rows["open"], rows["close"]), np.minimum(rows["open"], rows["close"])
    return (np.log(rows["high"] / top) > limit) | (np.log(bottom / rows["low"]) > limit)
