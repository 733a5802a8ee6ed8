"""All registered candlestick patterns of all symbols and timeframes: a wave of closed candles in, what was found out.

Reads   slots int64[n], rows CANDLE[n]; a slot is one symbol and timeframe
Writes  int8[n, patterns]: strength in tenths, its sign is the side, 0 not there; see ``patterns/spec.py``
State   a view of the last candles with their averages per slot (``kernels/geometry.py``), the number of its newest candle, that one's start

A wave is one kernel call: it moves a slot's view on and asks every pattern in turn, while the view is near the processor.
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
from pipeline.kernels.calls import address_of, call_at, floats_at
from pipeline.kernels.geometry import VIEW, push_k
from pipeline.kernels.jit import kernel, warmer
from pipeline.kernels.rolling import accept_k
from pipeline.patterns.spec import PatternSpec


@kernel
def scan_k(wave: Any, views: int, counts: Any, kernels: Any, found: Any) -> None:
    """Step every good candle of a wave, in order.

    wave: slots int64[n], bars float64[n, 4], ok bool[n]. views: address of float64[slots, VIEW].
    kernels int64[patterns, 2]: address and warmup of each pattern. found: int8[n, patterns], zeros at first.
    """
    slots, bars, ok = wave
    for row in range(len(slots)):
        if not ok[row]:
            continue
        slot = slots[row]
        counts[slot] += 1
        i = counts[slot]
        view = floats_at(views + slot * VIEW * 8)
        push_k(view, i, bars[row, 0], bars[row, 1], bars[row, 2], bars[row, 3])
        for k in range(len(kernels)):
            if i >= kernels[k, 1]:
                found[row, k] = call_at(kernels[k, 0], view)


class Scan:
    """State of every pattern for ``slots`` pairs of symbol and timeframe."""

    __slots__ = ("_kernels", "_specs", "counts", "last", "patterns", "refused", "taken", "views")

    def __init__(self, slots: int) -> None:
        self._specs: tuple[PatternSpec, ...] = tuple(spec for _, spec in PATTERNS.items())
        self._kernels = np.array([(address_of(spec.found), spec.warmup) for spec in self._specs], np.int64).reshape(-1, 2)
        self.patterns: tuple[str, ...] = tuple(spec.name for spec in self._specs)
        self.views = np.zeros((slots, VIEW))
        self.counts = np.full(slots, -1, np.int64)
        self.last = np.full(slots, np.iinfo(np.int64).min, np.int64)
        self.refused = 0
        self.taken = np.zeros(0, np.bool_)
        """Which rows of the last wave were not refused."""

    def step(self, slots: NDArray[np.int64], rows: NDArray[np.void]) -> NDArray[np.int8]:
        """Look at a wave; rows of one slot must stand in order of time.

        Raises:
            Corrupt: a slot that is not one of ours; the kernel would write past its state.
        """
        if len(rows) > 0 and not (slots.min() >= 0 and slots.max() < len(self.counts)):
            raise Corrupt(f"a candle wave names a place outside the {len(self.counts)} of today: clear the session with `ticktick clear`")
        bars = np.empty((len(rows), 4))
        for k, name in enumerate(("open", "high", "low", "close")):
            bars[:, k] = rows[name]
        self.taken = np.empty(len(rows), np.bool_)
        self.refused += accept_k(slots, np.ascontiguousarray(rows["ts"]), bars, self.last, self.taken)
        found = np.zeros((len(rows), len(self._specs)), np.int8)
        scan_k((slots, bars, self.taken), self.views.ctypes.data, self.counts, self._kernels, found)
        return found

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """Give all that is carried from candle to candle, by slot."""
        return self.views, self.counts, self.last

    def dump(self) -> bytes:
        arrays = {"views": self.views, "counts": self.counts, "last": self.last}
        return pack({"refused": self.refused, "patterns": list(self.patterns)}, arrays)

    def load(self, blob: bytes) -> None:
        """Take up a saved state; one that was written with other patterns is Corrupt."""
        plain, arrays = unpack(blob)
        if tuple(plain["patterns"]) != self.patterns:
            raise Corrupt("the saved patterns are not those of this program: clear the session with `ticktick clear`")
        self.refused = plain["refused"]
        self.views[:], self.counts[:], self.last[:] = arrays["views"], arrays["counts"], arrays["last"]


@warmer
def _warm() -> None:
    Scan(1).step(np.zeros(1, np.int64), np.zeros(1, CANDLE))
