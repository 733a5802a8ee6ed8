"""Momentum of the close over ten candles, in rupees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import lag_k

F64 = NDArray[np.float64]
PERIOD = 10


@indicator("momentum", columns=("mom_10",), params=(PERIOD,), warmup=PERIOD + 1, size=1 + PERIOD)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Close less the close n candles ago. state[1 + n]: ring of closes."""
    for i in range(out.shape[1]):
        out[0, i] = bars[CLOSE, i] - lag_k(state, 0, i, PERIOD, bars[CLOSE, i])
