"""Commodity channel index over 20 candles (Lambert, 1980)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import push_k

F64 = NDArray[np.float64]
PERIOD = 20
STILL = 1e-14
"""A distance of no more than this part of the price is rounding, and counts as none, as in TA-Lib."""


@indicator("cci", columns=("cci_20",), params=(PERIOD,), warmup=PERIOD, size=1 + PERIOD, degree=0)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """(typical - its mean) / (0.015 * mean distance from that mean) over n candles; typical = (high + low + close) / 3.

    A market that stands still gives 0. The sums go one by one through the ring, as TA-Lib's do: near its mean the index is a small
    difference of large numbers, and another order of additions would show. state[1 + n]: ring of typical prices.
    """
    n = int(params[0])
    for i in range(len(slots)):
        state = states[slots[i]]
        typical = (bars[i, HIGH] + bars[i, LOW] + bars[i, CLOSE]) / 3.0
        out[i, 0] = np.nan
        if push_k(state, n, typical) < n:
            continue
        total, distance = 0.0, 0.0
        for k in range(1, n + 1):
            total += state[k]
        mean = total / n
        for k in range(1, n + 1):
            distance += abs(state[k] - mean)
        off, distance = typical - mean, distance / n
        out[i, 0] = off / (0.015 * distance) if min(abs(off), distance) > STILL * mean else 0.0
