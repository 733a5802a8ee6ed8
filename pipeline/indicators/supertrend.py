"""Supertrend, 10 candles and three average true ranges (Seban, 2008)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator, seed_fades
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import true_range_k, wilder_k

F64 = NDArray[np.float64]


@indicator(
    "supertrend", columns=("supertrend", "supertrend_dir"), params=(10, 3), warmup=11, size=7, degree=(1, 0), settle=seed_fades(1 / 10)
)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """A stop that follows the trend at (high + low) / 2 -/+ m * ATR; a close beyond it turns it.

    Either band gives way only after a close beyond it, whether it is the stop or not, as in TA-Lib and on most charts (pandas-ta
    holds only the band that is the stop, so that its other one starts elsewhere after a turn). Direction +1 (the line is below) or -1;
    it starts at +1, as in TA-Lib. state[7]: candles seen, previous close, Wilder average of true range (2), lower band, upper
    band, direction.
    """
    for i in range(out.shape[1]):
        high, low, close = bars[HIGH, i], bars[LOW, i], bars[CLOSE, i]
        out[:, i] = np.nan
        if np.isnan(close):
            continue
        atr = np.nan
        if state[0, i] > 0.0:
            atr = wilder_k(state, 2, i, params[0], true_range_k(state[1, i], high, low))
        before = state[1, i]
        state[0, i] += 1.0
        state[1, i] = close
        if np.isnan(atr):
            continue
        lower = (high + low) / 2.0 - params[1] * atr
        upper = (high + low) / 2.0 + params[1] * atr
        if state[6, i] == 0.0:
            state[6, i] = 1.0
        else:
            if before >= state[4, i]:
                lower = max(lower, state[4, i])
            if before <= state[5, i]:
                upper = min(upper, state[5, i])
            if state[6, i] > 0.0 and close < lower:
                state[6, i] = -1.0
            elif state[6, i] < 0.0 and close > upper:
                state[6, i] = 1.0
        state[4, i] = lower
        state[5, i] = upper
        out[0, i] = lower if state[6, i] > 0.0 else upper
        out[1, i] = state[6, i]
