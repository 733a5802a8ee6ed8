"""Which symbols are silent although their market is open, and what to do about it. Pure: it is told the time.

Reads   when each symbol was heard, since when it is followed, the session's phases of its group
Gives   suspects: followed, in continuous trading, silent for the limit; nothing else, so neither the pre-open nor the
        evening nor the first moments after an open or a subscription raises an alarm
Law     whether a silent symbol is stalled, only the broker's quotes can tell. They agree: the market is quiet; ask again
        later, and later still. They moved: ask the feed for the symbol again; still nothing: open the connection anew;
        still nothing: say so. A symbol may cost its connection a reconnect only ever more rarely.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.session import Group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.broker.heard import Heard
    from pipeline.core.session import SessionDay, Window

LONGEST_PAUSE_MS = 300_000
FAR = 1 << 62


class Remedy(Enum):
    """What a stalled symbol calls for."""

    NONE = 0
    RESUBSCRIBE = 1
    RECONNECT = 2
    SAY = 3


class Silence:
    """Follows the age of every symbol.

    Args:
        heard: when each was heard last; read, never written.
        groups: the clock of each symbol, by ``sid``.
        session: today's phases; without them nothing is ever suspect.
        silence_ms: how long a symbol may be silent in continuous trading.
        confirm_ms: how long it may take to answer a new subscription.
    """

    def __init__(self, heard: Heard, groups: Sequence[Group], session: SessionDay | None, silence_ms: int, confirm_ms: int) -> None:
        self._heard = heard
        self._group = np.array([list(Group).index(group) for group in groups], np.int64)
        self._windows: list[tuple[Window, ...]] = [session.continuous(group) if session is not None else () for group in Group]
        self._silence_ms, self._confirm_ms = silence_ms, confirm_ms
        n = len(groups)
        self._since = np.full(n, FAR, np.int64)
        self._asked = np.zeros(n, np.int64)
        self._next = np.zeros(n, np.int64)
        self._pause = np.full(n, silence_ms, np.int64)
        self._stage = np.zeros(n, np.int64)
        self._reconnects = np.zeros(n, np.int64)
        self._reconnect_from = np.zeros(n, np.int64)

    def follow(self, sids: NDArray[np.int64], now_ms: int) -> None:
        """Symbols were asked for: their age counts from here."""
        self._since[sids] = now_ms

    def leave(self, sids: NDArray[np.int64]) -> None:
        """Symbols are not followed, or their connection is down: their silence means nothing."""
        self._since[sids] = FAR

    def is_trading(self, now_ms: int) -> bool:
        """Tell whether any group of the watchlist trades continuously."""
        return any(self._start(group, now_ms) > 0 for group in set(self._group.tolist()))

    def _start(self, group: int, now_ms: int) -> int:
        return next((w.start_ms for w in self._windows[group] if w.start_ms <= now_ms < w.end_ms), 0)

    def suspects(self, now_ms: int) -> list[int]:
        """Give the silent symbols whose turn it is to be compared with the broker's quotes, and note that they were."""
        starts = np.array([self._start(group, now_ms) for group in range(len(self._windows))], np.int64)[self._group]
        begin = np.maximum(np.maximum(self._heard.at_ms, self._since), starts)
        found = (starts > 0) & (self._since < FAR) & (now_ms - begin >= self._silence_ms)
        # Whoever spoke since the last question begins anew.
        fresh = found & (self._heard.at_ms > self._asked)
        self._pause[fresh], self._stage[fresh], self._next[fresh] = self._silence_ms, 0, 0
        due = np.flatnonzero(found & (now_ms >= self._next))
        self._asked[due] = now_ms
        self._next[due] = now_ms + self._pause[due]
        return due.tolist()

    def answer(self, sid: int, *, has_moved: bool, now_ms: int) -> Remedy:
        """Take what the quotes said of a suspect: they moved without us, or they agree with us."""
        if self._heard.at_ms[sid] > self._asked[sid] or self._since[sid] == FAR:
            return Remedy.NONE  # it spoke meanwhile, or nobody follows it any more
        if not has_moved:
            self._stage[sid] = 0
            self._grow(sid, now_ms)
            return Remedy.NONE
        self._stage[sid] += 1
        if self._stage[sid] == 1:
            self._next[sid] = now_ms + self._confirm_ms
            return Remedy.RESUBSCRIBE
        if self._stage[sid] >= 2 and now_ms >= self._reconnect_from[sid]:
            self._reconnect_from[sid] = now_ms + self._silence_ms * (4 << min(int(self._reconnects[sid]), 8))
            self._reconnects[sid] += 1
            self._next[sid] = now_ms + self._confirm_ms
            return Remedy.RECONNECT
        self._grow(sid, now_ms)
        return Remedy.SAY

    def _grow(self, sid: int, now_ms: int) -> None:
        self._pause[sid] = min(LONGEST_PAUSE_MS, 2 * int(self._pause[sid]))
        self._next[sid] = now_ms + self._pause[sid]

    def stalled(self) -> list[int]:
        """Give the symbols that moved at the broker and have not been heard since."""
        return np.flatnonzero((self._stage > 0) & (self._heard.at_ms <= self._asked) & (self._since < FAR)).tolist()
