"""What candlestick patterns are made of: body, shadows, range and gap of candles in a ring.

``ring`` is float64[DEPTH, 4] (open, high, low, close) of one symbol and timeframe; candle number i (counted from 0
since the start) lies at row ``i % DEPTH``. Sizes are rupees. Same expressions, in the same order, as TA-Lib's
``ta_utility.h``, so that ties fall the same way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel

F64 = NDArray[np.float64]
DEPTH = 16
O, H, L, C = 0, 1, 2, 3
BODY = 0
"""Kind of size: distance between open and close."""
RANGE = 1
"""Kind of size: distance between high and low."""


@kernel
def color_k(ring: F64, i: int) -> int:
    """+1 for a white candle (close at or above open), -1 for a black one."""
    return 1 if ring[i % DEPTH, C] >= ring[i % DEPTH, O] else -1


@kernel
def body_k(ring: F64, i: int) -> float:
    return abs(ring[i % DEPTH, C] - ring[i % DEPTH, O])


@kernel
def top_k(ring: F64, i: int) -> float:
    """Upper end of the body."""
    return max(ring[i % DEPTH, O], ring[i % DEPTH, C])


@kernel
def bottom_k(ring: F64, i: int) -> float:
    """Lower end of the body."""
    return min(ring[i % DEPTH, O], ring[i % DEPTH, C])


@kernel
def upper_k(ring: F64, i: int) -> float:
    """Upper shadow."""
    return ring[i % DEPTH, H] - top_k(ring, i)


@kernel
def lower_k(ring: F64, i: int) -> float:
    """Lower shadow."""
    return bottom_k(ring, i) - ring[i % DEPTH, L]


@kernel
def size_k(ring: F64, i: int, kind: int) -> float:
    """Body or whole range of candle i."""
    if kind == BODY:
        return body_k(ring, i)
    return ring[i % DEPTH, H] - ring[i % DEPTH, L]


@kernel
def total_k(ring: F64, i: int, kind: int, period: int) -> float:
    """Sum of the sizes of the ``period`` candles before candle i, oldest first."""
    total = 0.0
    for j in range(i - period, i):
        total += size_k(ring, j, kind)
    return total


@kernel
def roll_k(total: float, ring: F64, i: int, kind: int, period: int) -> float:
    """Move a running total of ``period`` sizes on past candle i, rounding as TA-Lib does."""
    return total + (size_k(ring, i, kind) - size_k(ring, i - period, kind))


@kernel
def is_gap_up_k(ring: F64, i: int, j: int) -> bool:
    """The body of candle i lies wholly above the body of candle j."""
    return bottom_k(ring, i) > top_k(ring, j)


@kernel
def is_gap_down_k(ring: F64, i: int, j: int) -> bool:
    """The body of candle i lies wholly below the body of candle j."""
    return top_k(ring, i) < bottom_k(ring, j)
