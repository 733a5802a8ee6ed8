"""Slow stochastic oscillator, 14, 3, 3 (Lane, 1950s)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import max_k, mean_k, min_k

F64 = NDArray[np.float64]
N, SLOW = 14, 3
A, B, C = 2 + N, 2 * (2 + N), 2 * (2 + N) + 1 + SLOW
"""Where the rings of lows, of fast %K and of slow %K begin; the ring of highs is first."""


@indicator("stochastic", columns=("stoch_k", "stoch_d"), params=(N, SLOW, SLOW), warmup=N + 2 * SLOW - 2, size=C + 1 + SLOW, degree=0)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """%K = 100 (close - lowest) / (highest - lowest) over n, averaged over 3; %D is %K averaged over 3 again.

    Both columns begin together, as in TA-Lib; a range of nothing gives 0. state: four rings.
    """
    for i in range(len(slots)):
        state = states[slots[i]]
        out[i, :] = np.nan
        highest = max_k(state[:A], N, bars[i, HIGH])
        lowest = min_k(state[A:B], N, bars[i, LOW])
        if np.isnan(highest):
            continue
        span = (highest - lowest) / 100.0
        fast = (bars[i, CLOSE] - lowest) / span if span != 0.0 else 0.0
        slow = mean_k(state[B:C], SLOW, fast)
        d = mean_k(state[C:], SLOW, slow)
        if not np.isnan(d):
            out[i, 0] = slow
            out[i, 1] = d
