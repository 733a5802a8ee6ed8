"""Donchian channel of 20 candles (Donchian, 1960)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import max_k, min_k

F64 = NDArray[np.float64]
N = 20
A = 2 + N
"""Where the ring of lows begins; the ring of highs is first."""


@indicator("donchian", columns=("donchian_upper", "donchian_middle", "donchian_lower"), params=(N,), warmup=N, size=2 * A)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Highest high and lowest low of the last n candles, this one included, and their middle. state: two rings."""
    for i in range(len(slots)):
        state = states[slots[i]]
        upper = max_k(state[:A], N, bars[i, HIGH])
        lower = min_k(state[A:], N, bars[i, LOW])
        out[i, 0] = upper
        out[i, 1] = (upper + lower) / 2.0
        out[i, 2] = lower
