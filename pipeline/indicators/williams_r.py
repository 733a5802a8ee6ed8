"""Williams %R over 14 candles (Williams, 1973)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.windows import max_k, min_k

F64 = NDArray[np.float64]
N = 14
A = 2 + N
"""Where the window of lows begins; that of highs is first."""


@indicator("williams_r", columns=("willr_14",), params=(N,), warmup=N, size=2 * A, degree=0)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """-100 (highest - close) / (highest - lowest) over n; a range of nothing gives 0, as in TA-Lib. state: two windows."""
    highest, lowest = np.empty(out.shape[1]), np.empty(out.shape[1])
    max_k(state, 0, N, bars[HIGH], highest)
    min_k(state, A, N, bars[LOW], lowest)
    for i in range(out.shape[1]):
        span = (highest[i] - lowest[i]) / -100.0
        out[0, i] = (highest[i] - bars[CLOSE, i]) / span if span != 0.0 else 0.0
