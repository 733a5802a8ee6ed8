"""The broker's candle rows: ``[time, open, high, low, close, volume, open interest]`` into BAR rows, and the check of each.

Reads   the list of an answer, newest first or oldest first
Gives   BAR rows and why a row is none; ``CandleChecker`` gives sound candles of continuous trading, each bad one by name
Never takes a row that it does not understand whole.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.archive.period import Period
from pipeline.archive.soundness import BAR, MAX_VOLUME, Fault, judge, words
from pipeline.core.errors import Refused
from pipeline.core.schema import timeframe_label
from pipeline.core.session import Group, group_of, ist_date, ist_text
from pipeline.core.types import MINUTE_MS, Instrument

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pipeline.core.session import Calendar

MAX_WHOLE = 10**18
FIRST_YEAR, LAST_YEAR = 1990, 2100
Candle = tuple[int, int, float, float, float, float, int, float]
"""start, end (epoch ms), open, high, low, close, volume, open interest."""


def parse(rows: Sequence[Any]) -> tuple[NDArray[np.void], list[str]]:
    """Turn an answer's rows into BAR rows, newest first, and say of each row that is none why."""
    is_newest_first = len(rows) < 2 or _order(rows[0]) >= _order(rows[-1])
    found: list[tuple[Any, ...]] = []
    refused: list[str] = []
    for row in rows if is_newest_first else reversed(rows):
        try:
            found.append(_row(row))
        except Refused as why:
            refused.append(str(why))
    return np.array(found, BAR), refused


def _row(row: Any) -> tuple[Any, ...]:
    if not isinstance(row, list) or not 6 <= len(row) <= 7:
        raise Refused("a candle has six or seven fields")
    start, numbers = _start(row[0]), row[1:]
    for n in numbers:
        if not (n.__class__ is float and math.isfinite(n)) and not (n.__class__ is int and abs(n) <= MAX_WHOLE):
            raise Refused(f"{ist_text(start)}: a field is no number")
    volume, oi = numbers[4], numbers[5] if len(numbers) == 6 else 0.0
    if volume != int(volume) or abs(volume) > MAX_VOLUME:
        raise Refused(f"{ist_text(start)}: volume {volume} or open interest {oi:g} is out of bounds")
    return (start, *numbers[:4], int(volume), oi)


def _order(row: Any) -> str:
    """Give the text that tells which end of an answer is newer; the broker's times sort as text."""
    return str(row[0]) if isinstance(row, list) and row else ""


def _start(text: Any) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Refused(f"{str(text)[:40]!r} is no time") from None
    if moment.tzinfo is None:
        raise Refused(f"{text!r} names no offset from UTC")
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise Refused(f"{text!r} is no time of a candle")
    return int(moment.timestamp()) * 1000


class CandleChecker:
    """Checks the candles of one symbol and timeframe, each against its own day."""

    def __init__(self, instrument: Instrument, minutes: int, calendar: Calendar, refuse: Callable[[str], None]) -> None:
        self._group = group_of(instrument)
        self._period = Period("minutes", minutes)
        self._calendar = calendar
        self._name = f"{instrument.symbol} {timeframe_label(minutes)}"
        self._refuse = refuse

    def take(self, rows: Sequence[Any], most: int, is_wanted: Callable[[Candle], bool]) -> dict[int, Candle]:
        """Return the newest ``most`` wanted candles of an answer by start; each bad one is named and left out."""
        bars, refused = parse(rows)
        for why in refused:
            self._refuse(f"{self._name}: {why}")
        return self.take_bars(bars, most, is_wanted)

    def take_bars(self, bars: NDArray[np.void], most: int, is_wanted: Callable[[Candle], bool]) -> dict[int, Candle]:
        """Do the same for BAR rows, newest first."""
        found: dict[int, Candle] = {}
        for bar, code in zip(bars, judge(bars, self._period, self._calendar, self._group).tolist(), strict=True):
            if len(found) >= most:
                break
            if code == Fault.OUTSIDE:
                continue
            if code != Fault.NONE:
                self._refuse(f"{self._name}: {words(Fault(code), bar, self._period)}")
                continue
            candle = candle_of(bar, self._period.minutes, self._calendar, self._group)
            if is_wanted(candle):
                found[candle[0]] = candle
        return found


def candle_of(bar: np.void, minutes: int, calendar: Calendar, group: Group) -> Candle:
    """Give a BAR row with its end: the close of the day cuts it, that of all stocks where it began after the group's (see ``clock_on``)."""
    start, *rest = bar.item()
    day = calendar.day(ist_date(start))
    end = start + minutes * MINUTE_MS
    closes = [day.close_ms(clock) for clock in (group, Group.EQ)] if day is not None else []
    return (start, min(end, next((close for close in closes if close > start), end)), *rest)
