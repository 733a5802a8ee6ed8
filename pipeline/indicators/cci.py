"""Commodity channel index over 20 candles (Lambert, 1980)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import blank_k, push_all_k, total_k

F64 = NDArray[np.float64]
PERIOD = 20
STILL = 1e-14
"""A distance of no more than this part of the price is rounding, and counts as none, as in TA-Lib."""


@indicator("cci", columns=("cci_20",), params=(PERIOD,), warmup=PERIOD, size=1 + PERIOD, degree=0)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """(typical - its mean) / (0.015 * mean distance from that mean) over n candles; typical = (high + low + close) / 3.

    A market that stands still gives 0. The sums go one by one through the ring, as TA-Lib's do: near its mean the index is a small
    difference of large numbers, and another order of additions would show. state[1 + n]: ring of typical prices.
    """
    n, typical, mean, distance = out.shape[1], np.empty(out.shape[1]), np.empty(out.shape[1]), np.zeros(out.shape[1])
    for i in range(n):
        typical[i] = (bars[HIGH, i] + bars[LOW, i] + bars[CLOSE, i]) / 3.0
    push_all_k(state, 0, PERIOD, typical)
    total_k(state, 1, PERIOD, mean)
    for i in range(n):
        mean[i] /= PERIOD
    for k in range(1, PERIOD + 1):
        for i in range(n):
            distance[i] += abs(state[k, i] - mean[i])
    for i in range(n):
        off, far = typical[i] - mean[i], distance[i] / PERIOD
        is_still = (abs(off) <= STILL * mean[i]) | (far <= STILL * mean[i])
        out[0, i] = 0.0 if is_still else off / (0.015 * far)
    blank_k(state[0], PERIOD, typical, out[0])
