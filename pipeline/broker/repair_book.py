"""Which minutes a gap has spoiled, which of them may be asked for now, and which are given up. Pure: time is handed in.

Reads   gaps (event time), what the broker answered
Gives   the next paper to ask about, and the minutes wanted of it

A minute is owed when the gap touches it and it lies in the paper's continuous trading. It is due ``settle_ms`` after its
end: the broker has a one-minute candle 6 to 36 s after the end (measured, upstox.md 4.2), and it did not change after it had
appeared, so what comes is taken at once and nothing is provisional. A longer stretch is asked for when all of it is there
(``whole_ms`` after its end), since one call brings all minutes of a paper. A minute that does not come is asked for again with
pauses, and given up ``give_up_ms`` after it was asked for first (waiting for the read budget does not count), or at once when it lies
before the paper's first candle of the day.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.core.session import group_of
from pipeline.core.types import MINUTE_MS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.core.session import SessionDay
    from pipeline.core.types import Instrument


@dataclass(frozen=True, slots=True)
class RepairConfig:
    settle_ms: int = 10_000
    """Event time after a minute's end before it is asked for."""
    whole_ms: int = 40_000
    """The same for a stretch longer than ``short`` minutes."""
    short: int = 2
    retry_ms: int = 10_000
    """Event time between two calls for one paper."""
    retry_s: float = 2.0
    """Wall time between them, too: event time may run fast in a simulation."""
    give_up_ms: int = 600_000
    max_owed: int = 750_000
    """Minutes of all papers together: the whole day of 2,000, some 60 MB."""


@dataclass(slots=True)
class _Paper:
    """What is owed of one paper: minute -> event time of the first call for it, -1 before."""

    minutes: dict[int, int] = field(default_factory=dict)
    next_ms: int = 0
    next_s: float = 0.0


class RepairBook:
    """The minutes that are owed, by instrument key."""

    def __init__(self, day: SessionDay, config: RepairConfig) -> None:
        self._day = day
        self._config = config
        self._papers: dict[str, _Paper] = {}
        self.owed = 0
        self.counts: Counter[str] = Counter()

    def owe(self, instrument: Instrument, start_ms: int, end_ms: int) -> None:
        """Note the minutes of one paper that a gap from ``start_ms`` to ``end_ms`` touches.

        The same minutes that the candles mark: both ends belong to it, for a trade may be told a moment after its minute.
        """
        wanted = minutes_of(self._day, instrument, start_ms, end_ms)
        paper = self._papers.get(instrument.instrument_key)
        for minute in wanted:
            if paper is not None and minute in paper.minutes:
                continue
            if self.owed >= self._config.max_owed:
                self.counts["dropped"] += 1
                continue
            if paper is None:
                first_ms = wanted[-1] + MINUTE_MS + self._config.whole_ms if len(wanted) > self._config.short else 0
                paper = self._papers[instrument.instrument_key] = _Paper(next_ms=first_ms)
            paper.minutes[minute] = -1
            self.owed += 1

    def due(self, now_ms: int, now_s: float) -> tuple[str, tuple[int, ...]] | None:
        """Give a paper that may be asked about now and its due minutes: who waits longest goes first."""
        for key, paper in self._papers.items():
            if paper.next_ms <= now_ms and paper.next_s <= now_s:
                ended = self._ended(paper, now_ms)
                if ended:
                    return key, ended
        return None

    def asked(self, key: str, now_ms: int, now_s: float) -> None:
        """Say that a call for this paper goes out."""
        paper = self._papers.pop(key)
        self._papers[key] = paper  # last in the row
        paper.next_ms, paper.next_s = now_ms + self._config.retry_ms, now_s + self._config.retry_s
        for minute in self._ended(paper, now_ms):
            if paper.minutes[minute] < 0:
                paper.minutes[minute] = now_ms

    def came(self, key: str, minutes: Iterable[int], now_ms: int, oldest_ms: int = 0) -> None:
        """Strike off what the broker had; give up what it did not have for too long, or will not have: its oldest candle is younger."""
        paper = self._papers.get(key)
        if paper is None:
            return
        for minute in minutes:
            if paper.minutes.pop(minute, None) is not None:
                self.owed -= 1
                self.counts["repaired"] += 1
        given_up = now_ms - self._config.give_up_ms
        late = [m for m, first_ms in paper.minutes.items() if 0 <= first_ms <= given_up or m < oldest_ms]
        for minute in late:
            del paper.minutes[minute]
            self.owed -= 1
            self.counts["gave_up"] += 1
        if not paper.minutes:
            del self._papers[key]

    def _ended(self, paper: _Paper, now_ms: int) -> tuple[int, ...]:
        last = now_ms - MINUTE_MS - self._config.settle_ms
        return tuple(minute for minute in paper.minutes if minute <= last)


def minutes_of(day: SessionDay, instrument: Instrument, start_ms: int, end_ms: int) -> list[int]:
    """List the starts of the minutes of continuous trading that touch a span of time."""
    found: list[int] = []
    for window in day.continuous(group_of(instrument)):
        first = max(start_ms - start_ms % MINUTE_MS, window.start_ms)
        found += range(first, min(end_ms + 1, window.end_ms), MINUTE_MS)
    return found
