"""Record of patterns of one paper over the archive: years of candles, a month at a time.

Reads   the archive's intraday parts of one source and paper; longer candles are made from its minutes, as live ones are, and are the
        source's own only on days without minutes
Gives   a Record for each timeframe
Law     one month of candles is held at a time, however many there are. A part that cannot be read ends it by name. A minute of a stock
        without volume is no candle. A split that the source did not adjust is one false step of a few candles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipeline.archive.period import Period
from pipeline.archive.shelf import Series, Shelf
from pipeline.archive.spans import Span
from pipeline.archive.warm import best
from pipeline.core.session import DAY_MS, Calendar, ist_date, ist_ms
from pipeline.patterns.reliability import from_candles, told_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Waves = Iterator[tuple[NDArray[np.int64], NDArray[np.void]]]
    """Slots and candles, a month at a time."""

MINUTES = Period("minutes")


@dataclass(slots=True)
class Record:
    """What is known of one timeframe, and the candles that it rests on, by their number and the dates of the first and the last."""

    candles: int = 0
    first: str = ""
    last: str = ""
    told: Mapping[str, str] = field(default_factory=dict)
    """Of ``told_of``; empty without a candle."""

    def count(self, ts: NDArray[np.int64]) -> None:
        """Take more candles into account, by their starts; later ones than before."""
        self.first = self.first or ist_date(int(ts[0]))
        self.last, self.candles = ist_date(int(ts[-1])), self.candles + len(ts)


def record_of(shelf: Shelf, paper: tuple[str, str], timeframes: Sequence[int], span: Span, calendar: Calendar) -> list[Record]:
    """Record the patterns of ``paper`` (source and symbol) over the dates of a span, timeframe by timeframe.

    Raises:
        Corrupt: a part cannot be read.
    """
    records = [Record() for _ in timeframes]
    tally = from_candles(_counted(_waves(shelf, paper, timeframes, span, calendar), records), len(timeframes))
    for slot, record in enumerate(records):
        record.told = told_of(tally, slot) if record.candles > 0 else {}
    return records


def papers(shelf: Shelf, source: str) -> list[str]:
    """Name what the archive holds minutes or hours of."""
    return sorted({s.symbol for s in shelf.series() if s.source == source and s.period.minutes > 0})


def _counted(waves: Waves, records: Sequence[Record]) -> Waves:
    for slots, rows in waves:
        for slot in np.unique(slots).tolist():
            records[slot].count(rows["ts"][slots == slot])
        yield slots, rows


def _waves(shelf: Shelf, paper: tuple[str, str], timeframes: Sequence[int], span: Span, calendar: Calendar) -> Waves:
    """Give the candles of a month, timeframe after timeframe."""
    ones = Series(paper[0], MINUTES, paper[1])
    own = [Series(paper[0], Period("minutes", minutes), paper[1]) for minutes in timeframes]
    first, last = (MINUTES.part(day) for day in span)
    start, end = ist_ms(span[0], "00:00"), ist_ms(span[1], "00:00") + DAY_MS
    names = sorted({name for series in (ones, *own) for name in shelf.names(series) if first <= name <= last})
    for name in names:
        minutes, note = shelf.read_part(ones, name)
        parts = []
        for timeframe, series in zip(timeframes, own, strict=True):
            theirs, theirs_note = (minutes[:0], note) if series == ones else shelf.read_part(series, name)
            group = note.group if len(minutes) > 0 else theirs_note.group
            bars = best(minutes, theirs, timeframe, calendar, group)
            parts.append(bars[(bars["ts"] >= start) & (bars["ts"] < end)])
        yield np.repeat(np.arange(len(parts)), [len(p) for p in parts]), np.concatenate(parts)
