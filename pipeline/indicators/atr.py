"""Average true range (Wilder, 1978)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator, seed_fades
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import true_range_k, wilder_k

F64 = NDArray[np.float64]


@indicator("atr", columns=("atr_14",), params=(14,), warmup=15, size=4, settle=seed_fades(1 / 14))
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Wilder's average of the true range, which the second candle is the first to have.

    state[4]: candles seen, previous close, Wilder average.
    """
    for i in range(out.shape[1]):
        high, low, close = bars[HIGH, i], bars[LOW, i], bars[CLOSE, i]
        out[0, i] = np.nan
        if np.isnan(close):
            continue
        if state[0, i] > 0.0:
            out[0, i] = wilder_k(state, 2, i, params[0], true_range_k(state[1, i], high, low))
        state[0, i] += 1.0
        state[1, i] = close
