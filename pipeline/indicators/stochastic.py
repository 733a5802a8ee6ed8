"""Slow stochastic oscillator, 14, 3, 3 (Lane, 1950s)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.windows import max_k, mean_k, min_k

F64 = NDArray[np.float64]
N, SLOW = 14, 3
A, B, C = 2 + N, 2 * (2 + N), 2 * (2 + N) + 2 + SLOW
"""Where the windows of lows, of fast %K and of slow %K begin; that of highs is first."""


@indicator("stochastic", columns=("stoch_k", "stoch_d"), params=(N, SLOW, SLOW), warmup=N + 2 * SLOW - 2, size=C + 2 + SLOW, degree=0)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """%K = 100 (close - lowest) / (highest - lowest) over n, averaged over 3; %D is %K averaged over 3 again.

    Both columns begin together, as in TA-Lib; a range of nothing gives 0. state: four windows.
    """
    highest, lowest, slow, d = np.empty(out.shape[1]), np.empty(out.shape[1]), out[0], out[1]
    max_k(state, 0, N, bars[HIGH], highest)
    min_k(state, A, N, bars[LOW], lowest)
    fast = highest
    for i in range(out.shape[1]):
        span = (highest[i] - lowest[i]) / 100.0
        fast[i] = (bars[CLOSE, i] - lowest[i]) / span if span != 0.0 else 0.0
    mean_k(state, B, SLOW, fast, slow)
    mean_k(state, C, SLOW, slow, d)
    for i in range(out.shape[1]):
        slow[i] = slow[i] if d[i] == d[i] else np.nan
