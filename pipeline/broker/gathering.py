"""Frames that come thick are let collect in the kernel for a few milliseconds, before they are read and given on together.

What is done once a commit (a round trip to Redis, the newest rows for people) costs as much as three frames of 20 rows, and a
wake-up to read one as much as a half: at 400 frames a second they were most of the work. Below 300 a second every frame goes on at once.

Reads   when frames were received and given, monotonic nanoseconds
Writes  until when the next ones may wait
"""

from __future__ import annotations

from collections.abc import Sequence

GATHER_NS = 10_000_000
"""How long thick frames collect."""
THICK_NS = GATHER_NS // 3
"""Frames that come closer together than this are thick."""
ENOUGH = 16
"""Frames for which it is worth waiting: more would save little, and the kernel has room for so many."""
REMEMBERED = 32
"""Frames over which their distance is averaged: a burst of a few is no flood."""
SECOND_NS = 1_000_000_000


class Gathering:
    """How far apart frames come, and so whether they may wait for each other."""

    __slots__ = ("_apart_ns", "_given_ns", "_received_ns")

    def __init__(self) -> None:
        self._apart_ns = float(SECOND_NS)
        self._received_ns = self._given_ns = 0

    @property
    def until_ns(self) -> int:
        """Until when frames may wait; 0 when each goes on at once."""
        return self._given_ns + min(GATHER_NS, int(ENOUGH * self._apart_ns)) if self._apart_ns < THICK_NS else 0

    def gave(self, received_ns: Sequence[int], now_ns: int) -> None:
        """Take in when the frames that are given now were received, oldest first."""
        if not received_ns:
            return
        count = len(received_ns)
        apart = min(received_ns[-1] - self._received_ns, SECOND_NS) / count
        self._apart_ns += (apart - self._apart_ns) * min(1.0, count / REMEMBERED)
        self._received_ns, self._given_ns = received_ns[-1], now_ns
