"""Classic pivot levels from the session before (floor traders' pivots)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, DAY, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel

F64 = NDArray[np.float64]
STATE_DAY, DAYS, TOP, BOTTOM, LAST, HIGHEST, LOWEST, FINAL = range(8)
COLUMNS = ("pivot", "pivot_r1", "pivot_r2", "pivot_r3", "pivot_s1", "pivot_s2", "pivot_s3")


@indicator("pivots", columns=COLUMNS, warmup=1, size=8, sessions=1)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """P = (H + L + C) / 3 of the session before; R1, S1 = 2P - L, 2P - H; R2, S2 = P +/- (H - L); R3, S3 = H + 2 (P - L), L - 2 (H - P).

    C is the close of the session's last candle, which may differ from the exchange's official close. The session in which
    history begins may have begun before it, so its levels are not used. A session is an IST day; its levels stand from the
    next day's first candle. state[8]: day, days seen, high, low and close of the session so far, and of the one before.
    """
    for i in range(out.shape[1]):
        high, low = bars[HIGH, i], bars[LOW, i]
        out[:, i] = np.nan
        if np.isnan(high):
            continue
        if state[STATE_DAY, i] != bars[DAY, i]:
            state[STATE_DAY, i] = bars[DAY, i]
            state[DAYS, i] += 1.0
            state[HIGHEST, i] = state[TOP, i]
            state[LOWEST, i] = state[BOTTOM, i]
            state[FINAL, i] = state[LAST, i]
            state[TOP, i] = high
            state[BOTTOM, i] = low
        state[TOP, i] = max(state[TOP, i], high)
        state[BOTTOM, i] = min(state[BOTTOM, i], low)
        state[LAST, i] = bars[CLOSE, i]
        if state[DAYS, i] < 3.0:
            continue
        h, l = state[HIGHEST, i], state[LOWEST, i]
        p = (h + l + state[FINAL, i]) / 3.0
        out[0, i] = p
        out[1, i] = 2.0 * p - l
        out[2, i] = p + (h - l)
        out[3, i] = h + 2.0 * (p - l)
        out[4, i] = 2.0 * p - h
        out[5, i] = p - (h - l)
        out[6, i] = l - 2.0 * (h - p)
