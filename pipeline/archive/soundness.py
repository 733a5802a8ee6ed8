"""Is a candle sound? One judgement for what comes over REST, from a file, and what lies in the archive.

Reads   BAR or DAILY rows in the order in which they came; the calendar; the paper's group as it is today
Gives   a Fault for each row; OUTSIDE is no fault of the candle: it lies outside continuous trading and is left out
Law     numbers finite, 0 < low <= open, close <= high, volume and open interest within bounds, a trading day, a start on the
        grid of the session, each start once. Nothing is mended, nothing is filled in.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import Refused
from pipeline.core.session import DAY_MS, IST_OFFSET_MS, Calendar, Group, Phase, SessionDay, ist_date, ist_day, ist_text
from pipeline.core.types import MINUTE_MS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.archive.period import Period

    Rows = NDArray[np.void]
    Mask = NDArray[np.bool_]

MAX_PX = 1e8
MAX_VOLUME = 10**13
BEFORE = 5
"""Minutes straight before a closing auction in which a stock must have traded for its silence after to mean something."""
_FIELDS = [("ts", "<i8"), *((name, "<f8") for name in ("open", "high", "low", "close")), ("volume", "<i8"), ("oi", "<f8")]
BAR = np.dtype(_FIELDS)
"""A candle by its start (epoch ms); rupees and shares."""
DAILY = np.dtype([*_FIELDS, ("prev_close", "<f8"), ("adj_close", "<f8")])
"""A day, at 00:00 IST; the close before and the adjusted close as the source gives them, 0 where it does not."""


class Fault(IntEnum):
    NONE = 0
    NUMBER = 1
    ORDER = 2
    VOLUME = 3
    NO_TRADING = 4
    GRID = 5
    TWICE = 6
    OUTSIDE = 7


def judge(rows: Rows, period: Period, calendar: Calendar, group: Group) -> NDArray[np.uint8]:
    """Give the first fault of each row. Shape [n], uint8."""
    found = np.zeros(len(rows), np.uint8)
    px = np.stack([rows[name] for name in ("open", "high", "low", "close")]) if len(rows) > 0 else np.zeros((4, 0))
    o, h, low, c = px
    with np.errstate(invalid="ignore"):
        is_ordered = (low > 0) & (low <= np.minimum(o, c)) & (np.maximum(o, c) <= h) & (h <= MAX_PX)
        is_counted = (rows["volume"] >= 0) & (rows["volume"] <= MAX_VOLUME) & (rows["oi"] >= 0) & (rows["oi"] <= MAX_VOLUME)
    _mark(found, ~np.isfinite(px).all(axis=0) | ~np.isfinite(rows["oi"]), Fault.NUMBER)
    _mark(found, ~is_ordered, Fault.ORDER)
    _mark(found, ~is_counted, Fault.VOLUME)
    ts: Any = rows["ts"]
    days = ist_day(ts)
    for day in np.unique(days).tolist():
        here, date_iso = days == day, ist_date(day * DAY_MS)
        session = _session(calendar, date_iso) if period.minutes > 0 else None
        if session is not None:
            clock = clock_on(rows[here], period.minutes, session, group)
            inside = np.any([(ts >= w.start_ms) & (ts < w.end_ms) for w in session.continuous(clock)], axis=0)
            _mark(found, here & ~inside, Fault.OUTSIDE)
            _mark(found, here & (session.candle_start(ts, period.minutes, group) != ts), Fault.GRID)
        elif period.minutes > 0 or (period.unit == "days" and is_trading(calendar, date_iso) is False):
            _mark(found, here, Fault.NO_TRADING)
        else:
            _mark(found, here & ((ts + IST_OFFSET_MS) % DAY_MS != 0), Fault.GRID)
    _mark(found, _repeated(ts, found == Fault.NONE), Fault.TWICE)
    return found


def _session(calendar: Calendar, date_iso: str) -> SessionDay | None:
    """Give a day's session; None on a day without, or of years whose hours are not known."""
    try:
        return calendar.day(date_iso)
    except Refused:
        return None


def clock_on(rows: Rows, minutes: int, day: SessionDay, group: Group) -> Group:
    """Tell which clock a stock followed on a day of the past, by the day's own bars: whether it is in the closing auction changes.

    While the auction's price is computed and its orders are collected, no stock in it trades. A bar with volume that lies wholly in these
    minutes proves that the stock was not in it; a stock that traded in each of the ``BEFORE`` minutes before and in none of these, was.
    What the bars do not tell stays as ``group``, today's, says.
    """
    halt = [w for w in day.windows[Group.EQ_CAS] if w.phase in (Phase.AUCTION_REFERENCE, Phase.AUCTION)]
    if group not in (Group.EQ, Group.EQ_CAS) or not halt:
        return group
    starts, length = rows["ts"][rows["volume"] > 0], minutes * MINUTE_MS
    if ((starts >= halt[0].start_ms) & (starts + length <= halt[-1].end_ms)).any():
        return Group.EQ
    before = (starts >= halt[0].start_ms - BEFORE * MINUTE_MS) & (starts < halt[0].start_ms)
    return Group.EQ_CAS if minutes == 1 and np.count_nonzero(before) >= BEFORE else group


def traded(rows: Rows, group: Group) -> Mask:
    """Tell in which bars something traded. A bar of a paper without volume is a vendor's filler; an index has none at all."""
    return np.ones(len(rows), np.bool_) if group is Group.INDEX else rows["volume"] > 0


def due(day: SessionDay, group: Group, minutes: int) -> NDArray[np.int64]:
    """Give the starts of the candles that a whole session has."""
    traded: Any = np.concatenate([np.arange(w.start_ms, w.end_ms, MINUTE_MS) for w in day.continuous(group)])
    starts: Any = day.candle_start(traded, minutes, group)
    return np.unique(starts)


def is_trading(calendar: Calendar, date_iso: str) -> bool | None:
    """Tell whether there is trading on a date; None where the year's holidays are not listed."""
    return calendar.day(date_iso) is not None if calendar.is_listed(date_iso) else None


def words(fault: Fault, row: np.void, period: Period) -> str:
    """Name what is wrong with a row, for a person."""
    at = ist_text(int(row["ts"]))
    prices = f"open {row['open']:g} high {row['high']:g} low {row['low']:g} close {row['close']:g}"
    said = {
        Fault.NUMBER: "a field is no number",
        Fault.ORDER: f"{prices} are not in order",
        Fault.VOLUME: f"volume {row['volume']} or open interest {row['oi']:g} is out of bounds",
        Fault.NO_TRADING: "no trading on that day by config/holidays.json",
        Fault.GRID: f"does not start on a multiple of {period.minutes} minutes from the open"
        if period.minutes > 0
        else "is not stamped by the start of a day",
        Fault.TWICE: "came twice",
        Fault.OUTSIDE: "outside continuous trading",
    }
    return f"{at}: {said.get(fault, 'sound')}"


def _mark(found: NDArray[np.uint8], where: Mask, fault: Fault) -> None:
    found[where & (found == Fault.NONE)] = fault


def _repeated(ts: NDArray[np.int64], is_sound: Mask) -> Mask:
    """Tell which sound rows repeat the start of a sound row before them."""
    places = np.flatnonzero(is_sound)
    _, firsts = np.unique(ts[places], return_index=True)
    out = np.zeros(len(ts), np.bool_)
    out[np.delete(places, firsts)] = True
    return out
