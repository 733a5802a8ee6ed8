"""The feed's clock against ours: what time it is there, how far it lags, how much the two differ. Pure.

Reads   for each frame its server time and the instants (monotonic, wall) at which it was received
Law     lag is judged by progress: how much later than at its best a frame's time came. So a wall clock that is wrong by
        seconds, or stepped, changes nothing; a feed whose clock stands still or falls behind is found.
"""

from __future__ import annotations

import statistics
from collections import deque

SKEWS = 255
MS = 1_000_000


class _LinkClock:
    __slots__ = ("best_ms", "lag_ms")

    def __init__(self) -> None:
        self.best_ms: int | None = None
        self.lag_ms = 0


class FeedClock:
    """Follows server time over all connections."""

    def __init__(self) -> None:
        self._links: dict[int, _LinkClock] = {}
        self._newest = (0, 0)
        self._skews: deque[int] = deque(maxlen=SKEWS)

    def connected(self, link: int) -> None:
        """Begin anew with one connection: its progress is judged from its own first frame."""
        self._links[link] = _LinkClock()

    def saw(self, link: int, ts: int, at_ns: int, recv_ms: int) -> None:
        """Take a frame's server time."""
        clock = self._links.get(link)
        if clock is None:
            clock = self._links[link] = _LinkClock()
        behind = at_ns // MS - ts
        if clock.best_ms is None or behind < clock.best_ms:
            clock.best_ms = behind
        clock.lag_ms = behind - clock.best_ms
        if ts > self._newest[0]:
            self._newest = (ts, at_ns)
        self._skews.append(recv_ms - ts)

    def now_ms(self, at_ns: int) -> int:
        """Give the event time that it must be: the newest seen, and what passed on our clock since; 0 before the first frame."""
        ts, seen_ns = self._newest
        return ts + max(0, at_ns - seen_ns) // MS if ts > 0 else 0

    def lag_ms(self, link: int) -> int:
        """Give how far the newest frame of a connection lay behind the progress of our clock."""
        clock = self._links.get(link)
        return clock.lag_ms if clock is not None else 0

    @property
    def worst_lag_ms(self) -> int:
        return max((clock.lag_ms for clock in self._links.values()), default=0)

    @property
    def skew_ms(self) -> int:
        """Give our wall clock minus the server's, the delay of the way included: the median of the last frames."""
        return int(statistics.median_low(self._skews)) if self._skews else 0
