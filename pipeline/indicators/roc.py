"""Rate of change of the close over ten candles, in per cent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import lag_k

F64 = NDArray[np.float64]
PERIOD = 10


@indicator("roc", columns=("roc_10",), params=(PERIOD,), warmup=PERIOD + 1, size=1 + PERIOD, degree=0)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """100 (close / close n candles ago - 1). state[1 + n]: ring of closes."""
    for i in range(out.shape[1]):
        before = lag_k(state, 0, i, PERIOD, bars[CLOSE, i])
        out[0, i] = (bars[CLOSE, i] / before - 1.0) * 100.0
