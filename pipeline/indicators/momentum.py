"""Momentum of the close over ten candles: in rupees and as a rate of change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import lag_k

F64 = NDArray[np.float64]
PERIOD = 10


@indicator("momentum", columns=("mom_10", "roc_10"), params=(PERIOD,), warmup=PERIOD + 1, size=1 + PERIOD, degree=(1, 0))
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Mom = close - close n candles ago; roc = 100 (close / that - 1). state[1 + n]: ring of closes."""
    for i in range(len(slots)):
        close = bars[i, CLOSE]
        before = lag_k(states[slots[i]], int(params[0]), close)
        out[i, 0] = close - before
        out[i, 1] = (close / before - 1.0) * 100.0
