"""Keltner channels: EMA 20 of the typical price, two average true ranges of ten candles either side (Keltner, 1960; Raschke)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator, seed_fades
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import ewm_sma_k, true_range_k, wilder_k

F64 = NDArray[np.float64]
PERIOD, ATR_PERIOD = 20, 10


@indicator(
    "keltner",
    columns=("keltner_upper", "keltner_middle", "keltner_lower"),
    params=(PERIOD, ATR_PERIOD, 2),
    warmup=PERIOD,
    size=6,
    settle=seed_fades(1 / ATR_PERIOD),
)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """EMA of (high + low + close) / 3, plus and minus so many Wilder averages of the true range.

    As TA-Lib seeds it: both averages begin on the same candle, so the true ranges of the first n - m - 1 candles are left out.
    state[6]: candles seen, previous close, EMA (2), Wilder average (2).
    """
    for i in range(out.shape[1]):
        high, low, close = bars[HIGH, i], bars[LOW, i], bars[CLOSE, i]
        out[:, i] = np.nan
        if np.isnan(close):
            continue
        middle, width = ewm_sma_k(state, 2, i, params[0], (high + low + close) / 3.0), np.nan
        if state[0, i] >= params[0] - params[1]:
            width = params[2] * wilder_k(state, 4, i, params[1], true_range_k(state[1, i], high, low))
        state[0, i] += 1.0
        state[1, i] = close
        out[0, i] = middle + width
        out[1, i] = middle
        out[2, i] = middle - width
