"""The broker's read budget: 50 a second, 500 a minute, 2,000 in half an hour, as exact sliding windows.

Pure: the time is handed in (milliseconds of any clock that does not go back), the caller does the waiting. A window
is exact, so the limit holds whichever way the broker counts; refilled buckets would let twice the limit through.
One budget may be shared by several threads.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.core.errors import Refused


@dataclass(frozen=True, slots=True)
class Limit:
    calls: int
    window_ms: int


STANDARD_READS = (Limit(50, 1_000), Limit(500, 60_000), Limit(2_000, 1_800_000))
"""As published for quotes, candles, book, positions: per user and per API."""


SHARED_READS = (Limit(45, 1_000), Limit(480, 60_000), Limit(1_900, 1_800_000))
"""What our processes take of it together; the rest is for calls that arrive late, and for what else uses the account."""


def scaled(limits: tuple[Limit, ...], pace: float) -> tuple[Limit, ...]:
    """Give the limits on a clock that runs ``pace`` times as fast (a simulator's)."""
    return tuple(Limit(limit.calls, max(1, round(limit.window_ms / pace))) for limit in limits)


def at_rate(per_s: float) -> Limit:
    """Give the limit of an even rate: one call in so many milliseconds, or so many a second above one."""
    return Limit(1, round(1_000 / per_s)) if per_s < 2 else Limit(int(per_s), 1_000)


class ReadBudget:
    """Hands out instants at which a call may be made; never more than each limit in any window of its length."""

    __slots__ = ("_count", "_limits", "_lock", "_ring")

    def __init__(self, limits: tuple[Limit, ...] = STANDARD_READS) -> None:
        if not limits or any(limit.calls < 1 or limit.window_ms < 1 for limit in limits):
            raise Refused("a read budget needs limits of at least one call in at least one millisecond: check [history] in the settings")
        self._limits = limits
        self._ring = [0] * max(limit.calls for limit in limits)
        self._count = 0
        self._lock = threading.Lock()

    def wait_ms(self, now_ms: int) -> int:
        """Return how long the next call must wait; 0 when it may go now."""
        free_at = now_ms
        for limit in self._limits:
            if self._count >= limit.calls:
                free_at = max(free_at, self._ring[(self._count - limit.calls) % len(self._ring)] + limit.window_ms)
        return free_at - now_ms

    def reserve(self, now_ms: int) -> int:
        """Book the next call and return the instant at which it may be made."""
        with self._lock:
            at = now_ms + self.wait_ms(now_ms)
            if self._count > 0:
                at = max(at, self._ring[(self._count - 1) % len(self._ring)])
            self._ring[self._count % len(self._ring)] = at
            self._count += 1
            return at

    def instants(self) -> list[int]:
        """Give the instants of the calls that still count, oldest first."""
        kept = min(self._count, len(self._ring))
        return [self._ring[n % len(self._ring)] for n in range(self._count - kept, self._count)]

    def restore(self, instants: Sequence[int]) -> None:
        """Take over calls that others booked, oldest first."""
        kept = list(instants)[-len(self._ring) :]
        self._ring[: len(kept)] = kept
        self._count = len(kept)

    @property
    def used(self) -> int:
        """Calls booked since the start."""
        return self._count
