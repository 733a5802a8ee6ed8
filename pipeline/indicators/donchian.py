"""Donchian channel of 20 candles (Donchian, 1960)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.windows import max_k, min_k

F64 = NDArray[np.float64]
N = 20
A = 2 + N
"""Where the window of lows begins; that of highs is first."""


@indicator("donchian", columns=("donchian_upper", "donchian_middle", "donchian_lower"), params=(N,), warmup=N, size=2 * A)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Highest high and lowest low of the last n candles, this one included, and their middle. state: two windows."""
    upper, middle, lower = out[0], out[1], out[2]
    max_k(state, 0, N, bars[HIGH], upper)
    min_k(state, A, N, bars[LOW], lower)
    for i in range(out.shape[1]):
        middle[i] = (upper[i] + lower[i]) / 2.0
