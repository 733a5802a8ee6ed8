"""Relative strength index of the close (Wilder, 1978)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator, seed_fades
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import wilder_k

F64 = NDArray[np.float64]


@indicator("rsi", columns=("rsi_14",), params=(14,), warmup=15, size=6, degree=0, settle=seed_fades(1 / 14))
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """100 * gain / (gain + loss), both averaged by Wilder's rule over n changes; no move at all gives 0, as in TA-Lib.

    state[6]: candles seen, previous close, Wilder average of gains, of losses.
    """
    for i in range(out.shape[1]):
        close = bars[CLOSE, i]
        out[0, i] = np.nan
        if np.isnan(close):
            continue
        if state[0, i] > 0.0:
            move = close - state[1, i]
            gain = wilder_k(state, 2, i, params[0], max(move, 0.0))
            loss = wilder_k(state, 4, i, params[0], max(-move, 0.0))
            if not np.isnan(gain):
                out[0, i] = 100.0 * (gain / (gain + loss)) if gain + loss > 0.0 else 0.0
        state[0, i] += 1.0
        state[1, i] = close
