"""Start-up candles from the archive: what it covers of a paper, and its bars, longer ones made from its minutes.

A part of another instrument key (a split gave the paper a new ISIN) covers nothing. The bars are judged by whoever takes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.archive.period import Period
from pipeline.archive.shelf import Series, Shelf
from pipeline.archive.soundness import BAR
from pipeline.core.session import DAY_MS, Calendar, Group, group_of, ist_date, ist_day
from pipeline.core.types import CANDLE
from pipeline.market import candles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.archive.spans import Span
    from pipeline.core.types import Instrument

SOURCE = "upstox"


class ArchivedCandles:
    """The archive as the start-up history sees it."""

    def __init__(self, shelf: Shelf, calendar: Calendar) -> None:
        self._shelf = shelf
        self._calendar = calendar

    def covered(self, instrument: Instrument, minutes: int) -> list[Span]:
        return self._covered(self._series(instrument, minutes), instrument)

    def bars(self, instrument: Instrument, minutes: int, span: Span) -> NDArray[np.void]:
        """Give the bars of a covered span, oldest first.

        Raises:
            Corrupt: a file is damaged.
        """
        series = self._series(instrument, minutes)
        bars = self._shelf.read(series, span)
        return bars if series.period.minutes == minutes else longer(bars, minutes, self._calendar, group_of(instrument))

    def _series(self, instrument: Instrument, minutes: int) -> Series:
        """Choose the bars of that length, or the minutes when there are none of it."""
        own = Series(SOURCE, Period("minutes", minutes), instrument.symbol)
        return own if minutes == 1 or self._covered(own, instrument) else Series(SOURCE, Period("minutes"), instrument.symbol)

    def _covered(self, series: Series, instrument: Instrument) -> list[Span]:
        parts = self._shelf.parts(series)
        return [span for part in parts if part.note.instrument_key == instrument.instrument_key for span in part.note.covered]


def longer(bars: NDArray[np.void], minutes: int, calendar: Calendar, group: Group = Group.EQ) -> NDArray[np.void]:
    """Join one-minute bars of continuous trading into longer ones, as the live candles are joined.

    A stock's minute without volume is a vendor's filler: nothing traded in it, and live it has no candle.
    """
    out = [bars[:0]]
    days = ist_day(bars["ts"])
    for day in np.unique(days).tolist():
        mine, session = bars[days == day], calendar.day(ist_date(day * DAY_MS))
        if session is None:  # whoever takes it refuses it by name
            out.append(mine)
            continue
        rows = np.zeros(len(mine), CANDLE)
        for name in BAR.names or ():
            rows[name] = mine[name]
        rows["timeframe"] = 1
        rows = rows if group is Group.INDEX else rows[rows["volume"] > 0]
        joined = candles.longer(rows, candles.windows_of([session.hours(group)]), (minutes,))
        made = np.zeros(len(joined), BAR)
        for name in BAR.names or ():
            made[name] = joined[name]
        out.append(made)
    return np.concatenate(out)
