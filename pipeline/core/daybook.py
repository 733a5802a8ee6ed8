"""The candles of a running day, slot by slot: what came late stands in its place, what was told again as it was told last.

Keeps   keys int64[n], a slot and the start of a candle each; figures float64[n, k], what its owner needs to step through a candle again
Never   holds a candle twice, nor one from before the day; forgets nothing until the session is over

Whoever carries a state along candles keeps the state at the day's start beside this: stepped again from there, a slot has the bits that
it would have had if the right candles had come at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHIFT = 36
"""Bits of a key below its slot: milliseconds since the day's start."""
A_SLOT = 128
"""Candles of a slot that there is room for at first: of six timeframes a whole day. What is not written takes no memory."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Daybook:
    """Candles of ``slots`` that start at ``since`` (epoch ms) or later, with so many figures each."""

    __slots__ = ("_count", "_figures", "_keys", "since")

    def __init__(self, since: int, figures: int, slots: int) -> None:
        self.since = since
        self._count = 0
        self._keys, self._figures = np.empty(A_SLOT * slots, np.int64), np.empty((A_SLOT * slots, figures))

    def __len__(self) -> int:
        return self._count

    def keys_of(self, slots: Ints, ts: Ints) -> Ints:
        """Number candles, so that those of a slot lie together and in order of time."""
        return (slots << SHIFT) + (ts - self.since)

    def split(self, keys: Ints) -> tuple[Ints, Ints]:
        """Give the slots and starts of keys."""
        return keys >> SHIFT, (keys & ((1 << SHIFT) - 1)) + self.since

    def enter(self, slots: Ints, ts: Ints, figures: Floats) -> None:
        """Put down candles that are not here yet."""
        end = self._count + len(slots)
        if end > len(self._keys):
            room = max(end, 2 * len(self._keys))
            keys, kept = np.empty(room, np.int64), np.empty((room, self._figures.shape[1]))
            keys[: self._count], kept[: self._count] = self._keys[: self._count], self._figures[: self._count]
            self._keys, self._figures = keys, kept
        self._keys[self._count : end], self._figures[self._count : end] = self.keys_of(slots, ts), figures
        self._count = end

    def amend(self, slots: Ints, ts: Ints, figures: Floats) -> None:
        """Put candles in the place of what was told of them before, or among the others when nothing was; the last one told stands."""
        keys = self.keys_of(slots, ts)
        _, backwards = np.unique(keys[::-1], return_index=True)
        told = len(keys) - 1 - backwards
        at = self._places(np.unique(slots))
        known, mine = self._keys[at], keys[told]
        spots = np.searchsorted(known, mine)
        is_known = spots < len(known)
        is_known[is_known] = known[spots[is_known]] == mine[is_known]
        self._figures[at[spots[is_known]]] = figures[told[is_known]]
        fresh = told[~is_known]
        self.enter(slots[fresh], ts[fresh], figures[fresh])

    def of(self, slots: Ints) -> tuple[Ints, Floats]:
        """Give keys and figures of all candles of some slots, slot by slot and in order of time."""
        at = self._places(slots)
        return self._keys[at], self._figures[at]

    def slots(self) -> Ints:
        """Give the slots that have a candle, in order."""
        return np.unique(self._keys[: self._count] >> SHIFT)

    def _places(self, slots: Ints) -> Ints:
        at = np.flatnonzero(np.isin(self._keys[: self._count] >> SHIFT, slots))
        return at[np.argsort(self._keys[at])]

    def dump(self) -> dict[str, NDArray[np.generic]]:
        """Give what is kept as named arrays, in an order that does not tell in which it came."""
        order = np.argsort(self._keys[: self._count])
        return {"day_keys": self._keys[order], "day_figures": self._figures[order]}

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        self._keys, self._figures = np.array(arrays["day_keys"], np.int64), np.array(arrays["day_figures"], np.float64)
        self._count = len(self._keys)
