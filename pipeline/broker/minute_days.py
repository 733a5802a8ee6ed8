"""Minutes of one paper as history gave them: the quiet ones counted, and longer candles made from those days that are whole.

Reads   one-minute candles, oldest first, without fillers; the first day of them may begin in its middle, and no other
Gives   the same with ``quiet``; longer candles in the place of the broker's own, which open with the close before where the first
        minutes had no trade
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.archive.soundness import BAR
from pipeline.archive.warm import longer
from pipeline.broker.candle_rows import Candle, candle_of
from pipeline.core.candle import Lineage
from pipeline.core.session import Group, group_of, ist_date, ist_day
from pipeline.core.types import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.core.session import Calendar
    from pipeline.core.types import Instrument

START: Final = 0
END: Final = 1
VOLUME: Final = 6
"""Places in a candle."""
Found = tuple[Candle, Lineage, int]
"""Candle, where it comes from, minutes without a trade straight before it."""


def has_trade(candle: Candle, instrument: Instrument) -> bool:
    """Tell a candle from a filler. An index has no volume at all."""
    return candle[VOLUME] > 0 or group_of(instrument) is Group.INDEX


class MinuteDays:
    """The minutes of one paper."""

    def __init__(self, found: Sequence[Found], instrument: Instrument, calendar: Calendar) -> None:
        self._group, self._calendar = group_of(instrument), calendar
        self._found = found
        self._lineage: dict[int, Lineage] = defaultdict(lambda: Lineage(0))
        for candle, lineage, _ in found:
            self._lineage[int(ist_day(candle[START]))] |= lineage
        self._whole = sorted(self._lineage)[1:]

    def counted(self) -> Iterator[Found]:
        """Give them with their quiet minutes, back to the last trade or the start of the stretch; of the very first none are known."""
        before = -1
        for candle, lineage, _ in self._found:
            start = candle[START]
            yield candle, lineage, 0 if before < 0 else (start - max(before, self._stretch(start) - MINUTE_MS)) // MINUTE_MS - 1
            before = start

    def instead(self, found: Sequence[Found], minutes: int, until_ms: int) -> list[Found]:
        """Give longer candles: made from minutes on the whole days, up to an instant, and ``found`` on the others; oldest first."""
        days = set(self._whole)
        kept = [item for item in found if ist_day(item[0][START]) not in days]
        bars = [(c[START], *c[END + 1 :]) for c, _, _ in self._found if ist_day(c[START]) in days]
        made = longer(np.array(bars, BAR), minutes, self._calendar, self._group)
        candles = (candle_of(row, minutes, self._calendar, self._group) for row in made)
        return [*kept, *((c, self._lineage[int(ist_day(c[START]))], 0) for c in candles if c[END] <= until_ms)]

    def _stretch(self, start: int) -> int:
        """Give the start of the stretch of trading that a minute lies in."""
        day = self._calendar.day(ist_date(start))
        return max((a for a, _ in day.hours(self._group) if a <= start), default=start) if day is not None else start
