"""Volume-weighted average price of the session, from candles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, DAY, HIGH, LOW, VOLUME, indicator
from pipeline.kernels.jit import kernel

F64 = NDArray[np.float64]


@indicator("vwap", columns=("vwap",), warmup=1, size=3)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Sum of (high + low + close) / 3 times volume over sum of volume, since the IST day began.

    Not defined before the first volume of a day (never, for an index). state[3]: day, the two sums.
    """
    for i in range(len(slots)):
        state = states[slots[i]]
        if state[0] != bars[i, DAY]:
            state[0] = bars[i, DAY]
            state[1] = 0.0
            state[2] = 0.0
        state[1] += (bars[i, HIGH] + bars[i, LOW] + bars[i, CLOSE]) / 3.0 * bars[i, VOLUME]
        state[2] += bars[i, VOLUME]
        out[i, 0] = state[1] / state[2] if state[2] > 0.0 else np.nan
