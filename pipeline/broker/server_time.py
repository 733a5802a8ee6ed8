"""Our clock against the broker's, by the ``Date`` of its answers. Pure but for what it remembers.

Reads   the header's words and, on our wall clock, when the request left and when the answer came (epoch milliseconds)
Writes  the skew: our clock less theirs, in milliseconds

A ``Date`` has whole seconds, so one answer gives a span of a second and the way's length. Spans of several answers are laid over each other
as far back as they meet; where they do not, a clock was stepped, and only what came since counts.
"""

from __future__ import annotations

from collections import deque
from email.utils import parsedate_to_datetime

KEPT = 16
SECOND_MS = 1_000


class ServerTime:
    """What the newest answers say."""

    __slots__ = ("_spans",)

    def __init__(self) -> None:
        self._spans: deque[tuple[int, int]] = deque(maxlen=KEPT)

    def saw(self, date: str | None, sent_ms: int, came_ms: int) -> None:
        """Take an answer's ``Date``; one that is missing or cannot be read says nothing."""
        try:
            told = parsedate_to_datetime(date or "")
        except ValueError:
            return
        second = int(told.timestamp()) * SECOND_MS
        self._spans.append((sent_ms - second - SECOND_MS, came_ms - second))

    @property
    def skew_ms(self) -> int | None:
        """Give the middle of where all newest spans meet; None before the first answer."""
        spans = list(self._spans)
        if not spans:
            return None
        low, high = spans[-1]
        for older_low, older_high in reversed(spans[:-1]):
            if max(low, older_low) > min(high, older_high):
                break
            low, high = max(low, older_low), min(high, older_high)
        return (low + high) // 2
