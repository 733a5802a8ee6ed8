"""On-balance volume (Granville, 1963)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, VOLUME, indicator
from pipeline.kernels.jit import kernel

F64 = NDArray[np.float64]


@indicator("obv", columns=("obv",), warmup=1, size=3, degree=0)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Volume added when the close rose, taken away when it fell.

    It begins with the first candle's volume, as TA-Lib's does: only its changes mean something, its level is where history
    began. Whole shares, so the sum is exact. state[3]: whether a candle was seen, its close, the sum.
    """
    for i in range(out.shape[1]):
        close, volume = bars[CLOSE, i], bars[VOLUME, i]
        out[0, i] = np.nan
        if np.isnan(close):
            continue
        if state[0, i] < 1.0 or close > state[1, i]:
            state[2, i] += volume
        elif close < state[1, i]:
            state[2, i] -= volume
        state[0, i] = 1.0
        state[1, i] = close
        out[0, i] = state[2, i]
