"""What the market has shown so far: the newest update of each paper, and minute bars built from the trades.

Reads   Frames as they are played
Writes  nothing; ``latest`` and ``bars`` are what REST quotes, candles and the ledger are served from
A bar's volume is the rise of the cumulative volume; a trade counts for the minute of its own time. Never
shows anything that has not been played.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.session import Group, SessionDay
from pipeline.core.types import MINUTE_MS
from pipeline.simulator.listing import Listing
from pipeline.simulator.market import Bar, Frame, Status, Update


class Tape:
    """``bars[key]`` are the minutes of continuous trading, in order; the last one may still be forming."""

    def __init__(self, day: SessionDay, listings: tuple[Listing, ...], start_ms: int) -> None:
        self.day = day
        self.now_ms = start_ms
        self.latest: dict[str, Update] = {}
        self.bars: dict[str, list[Bar]] = {item.key: [] for item in listings}
        self.status: Status | None = None
        self.frames = 0
        self.updates = 0
        self.trades = 0
        self._groups: Mapping[str, Group] = {item.key: item.group(day.date) for item in listings}
        self._hours = {g: day.hours(g) for g in set(self._groups.values())}

    def take(self, frame: Frame) -> None:
        """Show one frame."""
        self.now_ms = frame.ts
        self.frames += 1
        if frame.status is not None:
            self.status = frame.status
        for update in frame.updates:
            self.updates += 1
            before = self.latest.get(update.key)
            if before is not None and self._is_trade(before, update):
                self.trades += 1
                self._count(before, update)
            self.latest[update.key] = update

    def finished(self, key: str) -> list[Bar]:
        """Bars whose minute has ended at the newest frame."""
        return [bar for bar in self.bars.get(key, []) if bar.ts + MINUTE_MS <= self.now_ms]

    def _is_trade(self, before: Update, update: Update) -> bool:
        return update.vtt > before.vtt or update.ltt > before.ltt

    def _count(self, before: Update, update: Update) -> None:
        hours = self._hours[self._groups[update.key]]
        if not any(start <= update.ltt < end for start, end in hours):
            return
        minute = update.ltt - update.ltt % MINUTE_MS
        bars = self.bars[update.key]
        volume = max(0, update.vtt - before.vtt)
        px = update.ltp
        if not bars or minute > bars[-1].ts:
            bars.append(Bar(minute, px, px, px, px, volume))
            return
        at = len(bars) - 1
        while at >= 0 and bars[at].ts > minute:
            at -= 1
        if at < 0 or bars[at].ts != minute:
            return  # a trade told too late for any bar that was begun
        bar = bars[at]
        bar.high, bar.low = max(bar.high, px), min(bar.low, px)
        bar.vol += volume
        if at == len(bars) - 1:
            bar.close = px
