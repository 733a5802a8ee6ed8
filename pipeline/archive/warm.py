"""Start-up candles from the archive: what it covers of a paper, and its bars; longer ones are made from its minutes where it has any.

A part of another instrument key (a split gave the paper a new ISIN) covers nothing. The bars are judged by whoever takes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.archive.period import Period
from pipeline.archive.shelf import Series, Shelf
from pipeline.archive.soundness import BAR, clock_on, traded
from pipeline.archive.spans import Span, joined, within
from pipeline.core.session import DAY_MS, Calendar, Group, group_of, ist_date, ist_day
from pipeline.core.types import CANDLE
from pipeline.market import candles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.core.types import Instrument

SOURCE = "upstox"


class ArchivedCandles:
    """The archive as the start-up history sees it."""

    def __init__(self, shelf: Shelf, calendar: Calendar) -> None:
        self._shelf = shelf
        self._calendar = calendar

    def covered(self, instrument: Instrument, minutes: int) -> list[Span]:
        return joined(span for length in {1, minutes} for span in self._covered(instrument, length))

    def bars(self, instrument: Instrument, minutes: int, span: Span) -> NDArray[np.void]:
        """Give the bars of a covered span, oldest first.

        Raises:
            Corrupt: a file is damaged.
        """
        ones = self._read(instrument, 1, span)
        own = ones[:0] if minutes == 1 else self._read(instrument, minutes, span)
        return best(ones, own, minutes, self._calendar, group_of(instrument))

    def _read(self, instrument: Instrument, minutes: int, span: Span) -> NDArray[np.void]:
        series = _series(instrument, minutes)
        parts = [self._shelf.read(series, part) for part in within(span, self._covered(instrument, minutes))]
        return np.concatenate(parts) if parts else np.zeros(0, BAR)

    def _covered(self, instrument: Instrument, minutes: int) -> list[Span]:
        parts = self._shelf.parts(_series(instrument, minutes))
        return [span for part in parts if part.note.instrument_key == instrument.instrument_key for span in part.note.covered]


def _series(instrument: Instrument, minutes: int) -> Series:
    return Series(SOURCE, Period("minutes", minutes), instrument.symbol)


def best(ones: NDArray[np.void], own: NDArray[np.void], minutes: int, calendar: Calendar, group: Group) -> NDArray[np.void]:
    """Give bars of a length, oldest first: made from one-minute bars, and the source's ``own`` of that length on days without minutes.

    What a source makes itself has the vendor's fillers in it: an open that is the close before, where nothing had traded yet.
    """
    rest = own[~np.isin(ist_day(own["ts"]), ist_day(ones["ts"]))]
    made = np.concatenate([longer(ones, minutes, calendar, group), rest[traded(rest, group)]])
    return made[np.argsort(made["ts"], kind="stable")]


def longer(bars: NDArray[np.void], minutes: int, calendar: Calendar, group: Group = Group.EQ) -> NDArray[np.void]:
    """Join one-minute bars of continuous trading into longer ones, as the live candles are joined.

    A minute in which nothing traded has no candle, and is in no longer one.
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
        windows = candles.windows_of([session.hours(clock_on(mine, 1, session, group))])
        built = candles.longer(rows[traded(rows, group)], windows, (minutes,))
        made = np.zeros(len(built), BAR)
        for name in BAR.names or ():
            made[name] = built[name]
        out.append(made)
    return np.concatenate(out)
