"""Was anything missed? Decides for each frame, by its own time, whether it is new, a repeat, or follows a gap.

Pure. The feed has no sequence numbers; what can be proven is overlap: after a connect, a frame that we already have
shows that nothing lies between. Without it, one gap is marked from the last frame seen to the first seen again.
Within a connection a silence in continuous trading longer than the limit is a gap too, measured on the frames' clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.core.session import Window

BACKWARD_MS = 1_000
"""Frames may come from several servers: so far back is taken as the same instant, more is refused."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame belongs. ``gap`` is (last seen, first seen again)."""

    is_repeat: bool = False
    is_backward: bool = False
    gap: tuple[int, int] | None = None


NEXT = Place()
"""The usual case: a new frame, with nothing missing before it."""


class Continuity:
    """Follows frame times over connections.

    Args:
        last_ts: time of the last committed frame; 0 when the day begins.
        silence_ms: longest silence in continuous trading that is no gap; 0 never marks one.
        windows: continuous trading of every group in the watchlist.
    """

    def __init__(self, last_ts: int, silence_ms: int, windows: tuple[Window, ...] = ()) -> None:
        self.last_ts = last_ts
        self._silence_ms = silence_ms
        self._windows = windows
        self._is_resuming = False
        self._is_proven = False
        self._margin_ms = 0

    def connected(self, *, is_own: bool = True) -> None:
        """Say that a connection was made: the next frames decide whether anything is missing.

        ``is_own`` tells that ``last_ts`` is the time of a frame of this very connection. When it is another's (a restart
        with several of them), overlap proves nothing, and the gap begins as far back as connections may differ.
        """
        self._is_resuming = self.last_ts > 0
        self._is_proven = False
        self._margin_ms = 0 if is_own else BACKWARD_MS

    def place(self, ts: int, *, is_state: bool = False) -> Place:
        """Say where a frame of this time belongs.

        ``is_state`` is a frame without papers. The broker greets with one before anything is subscribed: unless it is the very
        frame that came last, it proves no overlap and ends no gap.
        """
        last = self.last_ts
        if self._is_resuming and ts <= last:
            self._is_proven |= self._margin_ms == 0 and (not is_state or ts == last)
            return Place(is_repeat=True)
        if ts < last - BACKWARD_MS:
            return Place(is_backward=True)
        if is_state and self._is_resuming and not self._is_proven:
            return Place()
        is_blind = self._is_resuming and not self._is_proven
        self._is_resuming = False
        self.last_ts = max(last, ts)
        if last > 0 and (is_blind or (self._silence_ms > 0 and self._traded_ms(last, ts) > self._silence_ms)):
            return Place(gap=(last - self._margin_ms if is_blind else last, ts))
        return NEXT

    def jump(self, ts: int) -> None:
        """Go on from an instant without judging what lies before it: the caller marks it."""
        self.last_ts = max(self.last_ts, ts)
        self._is_resuming = False

    def _traded_ms(self, start: int, end: int) -> int:
        """Return the milliseconds of continuous trading between two instants, of the group that has most."""
        if end - start <= self._silence_ms:
            return 0
        return max((min(end, w.end_ms) - max(start, w.start_ms) for w in self._windows), default=0)
