"""What a feed frame may be: sizes, times, and the bounds of each value of a row.

A price, a size or a time out of bounds is a mistake of the sender, and refuses its row by the field's name. NaN lies out
of every bound. The bounds stand here twice: as numbers for the runtime's path, and as bit patterns for the
kernel, where a double that is not negative orders as its bits do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.errors import Refused
from pipeline.core.feed import DEPTH
from pipeline.core.types import TICK, TICK_RAW_FIELDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_FRAME_BYTES = 8 * 1024 * 1024
MAX_FEEDS = 6_000
MAX_STATUSES = 128
MIN_TS, MAX_TS = 1_420_070_400_000, 4_102_444_800_000
"""2015 to 2100: no frame of ours lies outside."""
MAX_PX = 1e8
MAX_QTY = 10**13
MAX_GREEK = 1e12
INITIAL_FEED, LIVE_FEED, MARKET_INFO = 0, 1, 2
SIGNED = {"iiq_total", "iiq_market"}
GREEKS = {"delta", "theta", "gamma", "vega", "rho"}
COUNTS = {"oi", "tbq", "tsq"}
TIMES = {"ts_exch", "ltt", "i1_ts", "d1_ts"}


class FrameRefused(Refused):
    """A frame that is not taken. ``reason`` is one word for counting, the message says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"feed frame refused ({reason}): {detail}")
        self.reason = reason


def high_of(name: str, *, is_float: bool) -> float | int:
    """Give the largest value of a field."""
    if is_float:
        return MAX_GREEK if name in GREEKS else float(MAX_QTY) if name in COUNTS else MAX_PX
    return MAX_TS if name in TIMES else MAX_QTY


def words_of(row: np.dtype[np.void], names: tuple[str, ...]) -> list[tuple[int, str, bool]]:
    """List the 8-byte words of the named fields: (word, field, whether it is a double)."""
    found = []
    offsets = {name: place[1] for name, place in (row.fields or {}).items()}
    for name in names:
        base, first = row[name].base, offsets[name] // 8
        if base.itemsize == 8:
            size = max(1, int(np.prod(row[name].shape, dtype=int)))
            found += [(word, name, base.kind == "f") for word in range(first, first + size)]
    return found


def bounds_of(
    row: np.dtype[np.void], names: tuple[str, ...]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp], NDArray[np.int64], list[str]]:
    """List the checked words of a row: doubles with (low, high), integers with (low, high), and every word's field."""
    words = words_of(row, names)
    floats = [(w, -high_of(n, is_float=True) if n in GREEKS else 0.0, high_of(n, is_float=True)) for w, n, is_float in words if is_float]
    whole = [(w, -high_of(n, is_float=False) if n in SIGNED else 0, high_of(n, is_float=False)) for w, n, is_float in words if not is_float]
    fields = [""] * (row.itemsize // 8)
    for word, name, _ in words:
        fields[word] = name
    return (
        np.array([f[0] for f in floats]),
        np.array([[f[1] for f in floats], [f[2] for f in floats]]),
        np.array([i[0] for i in whole]),
        np.array([[i[1] for i in whole], [i[2] for i in whole]]),
        fields,
    )


def bit_bounds() -> NDArray[np.int64]:
    """Give int64[2, words of TICK]: a mask and the largest pattern of each word's bits. None may be below zero after its mask.

    The mask takes a greek's sign away. Negative zero has a negative pattern and falls out: the runtime's path takes it.
    """
    out = np.full((2, TICK.itemsize // 8), [[-1], [np.iinfo(np.int64).max]], np.int64)
    for word, name, is_float in words_of(TICK, TICK_RAW_FIELDS):
        high = high_of(name, is_float=is_float)
        out[1, word] = np.float64(high).view(np.int64) if is_float else high
        if name in GREEKS:
            out[0, word] = np.iinfo(np.int64).max
    return out


DEEP_FIELDS = ("bid_px", "bid_qty", "ask_px", "ask_qty")
TICK_BOUNDS = bounds_of(TICK, TICK_RAW_FIELDS)
DEPTH_BOUNDS = bounds_of(DEPTH, DEEP_FIELDS)
TICK_BITS = bit_bounds()
MAX_PX_BITS = int(np.float64(MAX_PX).view(np.int64))
