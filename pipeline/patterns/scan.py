"""All registered candlestick patterns of all symbols and timeframes: a wave of closed candles in, what was found out.

Reads   slots int64[n], rows CANDLE[n]; a slot is one symbol and timeframe
Writes  int8[n, patterns]: +1 bullish, -1 bearish, 0 not there
State   a ring of 16 candles per slot, running totals per pattern, the last candle's start per slot

A candle that is not newer than the last of its slot, or not finite, is refused and counted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.registry import PATTERNS
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CANDLE
from pipeline.kernels.geometry import DEPTH
from pipeline.kernels.jit import kernel, warmer
from pipeline.kernels.rolling import accept_k
from pipeline.patterns.spec import PatternSpec


@kernel
def push_k(rings: Any, counts: Any, slots: Any, bars: Any) -> None:
    """Put one candle into the ring of each slot."""
    for i in range(len(slots)):
        counts[slots[i]] += 1
        at = counts[slots[i]] % DEPTH
        for k in range(4):
            rings[slots[i], at, k] = bars[i, k]


@kernel
def turn_k(slots: Any, seen: Any, turns: Any) -> int:
    """Number the candles of a wave within their slot; return how many turns that makes. ``seen`` is zero before and after."""
    most = 0
    for i in range(len(slots)):
        turns[i] = seen[slots[i]]
        seen[slots[i]] += 1
        most = max(most, seen[slots[i]])
    for i in range(len(slots)):
        seen[slots[i]] = 0
    return most


class Scan:
    """State of every pattern for ``slots`` pairs of symbol and timeframe."""

    __slots__ = ("_seen", "_specs", "counts", "last", "patterns", "refused", "rings", "states")

    def __init__(self, slots: int) -> None:
        self._specs: tuple[PatternSpec, ...] = tuple(spec for _, spec in PATTERNS.items())
        self.patterns: tuple[str, ...] = tuple(spec.name for spec in self._specs)
        self.rings = np.zeros((slots, DEPTH, 4))
        self.counts = np.full(slots, -1, np.int64)
        self.states = [np.zeros((slots, spec.size)) for spec in self._specs]
        self.last = np.full(slots, np.iinfo(np.int64).min, np.int64)
        self.refused = 0
        self._seen = np.zeros(slots, np.int64)

    def step(self, slots: NDArray[np.int64], rows: NDArray[np.void]) -> NDArray[np.int8]:
        """Look at a wave; rows of one slot must stand in order of time."""
        bars = np.empty((len(rows), 4))
        for k, name in enumerate(("open", "high", "low", "close")):
            bars[:, k] = rows[name]
        ok = np.empty(len(rows), np.bool_)
        refused = accept_k(slots, np.ascontiguousarray(rows["ts"]), bars, self.last, ok)
        self.refused += refused
        found = np.zeros((len(rows), len(self._specs)), np.int8)
        at = np.flatnonzero(ok)
        turns = np.empty(len(at), np.int64)
        count = turn_k(slots[at], self._seen, turns)
        for turn in range(count):
            # One candle of each slot at a time: a pattern sees the ring as it stood at that candle.
            part = at[turns == turn] if count > 1 else at
            found[part] = self._found(slots[part], bars[part])
        return found

    def _found(self, slots: NDArray[np.int64], bars: NDArray[np.float64]) -> NDArray[np.int8]:
        push_k(self.rings, self.counts, slots, bars)
        found = np.empty((len(self._specs), len(slots)), np.int8)
        for k, (spec, state) in enumerate(zip(self._specs, self.states, strict=True)):
            spec.step(self.rings, self.counts, state, slots, found[k])
        return found.T

    def dump(self) -> bytes:
        arrays: dict[str, NDArray[Any]] = {spec.name: state for spec, state in zip(self._specs, self.states, strict=True)}
        own = {"rings:": self.rings, "counts:": self.counts, "last:": self.last}
        return pack({"refused": self.refused, "patterns": list(self.patterns)}, arrays | own)

    def load(self, blob: bytes) -> None:
        """Take up a saved state; one that was written with other patterns is Corrupt."""
        plain, arrays = unpack(blob)
        if tuple(plain["patterns"]) != self.patterns:
            raise Corrupt("the saved patterns are not those of this program: clear the session with `ticktick clear`")
        self.refused = plain["refused"]
        self.rings[:], self.counts[:], self.last[:] = arrays["rings:"], arrays["counts:"], arrays["last:"]
        for spec, state in zip(self._specs, self.states, strict=True):
            state[:] = arrays[spec.name]


@warmer
def _warm() -> None:
    Scan(1).step(np.zeros(1, np.int64), np.zeros(1, CANDLE))
