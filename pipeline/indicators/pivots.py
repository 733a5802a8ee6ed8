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
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """P = (H + L + C) / 3 of the session before; R1, S1 = 2P - L, 2P - H; R2, S2 = P +/- (H - L); R3, S3 = H + 2 (P - L), L - 2 (H - P).

    C is the close of the session's last candle, which may differ from the exchange's official close. The session in which
    history begins may have begun before it, so its levels are not used. A session is an IST day; its levels stand from the
    next day's first candle. state[8]: day, days seen, high, low and close of the session so far, and of the one before.
    """
    for i in range(len(slots)):
        state, high, low = states[slots[i]], bars[i, HIGH], bars[i, LOW]
        if state[STATE_DAY] != bars[i, DAY]:
            state[STATE_DAY] = bars[i, DAY]
            state[DAYS] += 1.0
            state[HIGHEST] = state[TOP]
            state[LOWEST] = state[BOTTOM]
            state[FINAL] = state[LAST]
            state[TOP] = high
            state[BOTTOM] = low
        state[TOP] = max(state[TOP], high)
        state[BOTTOM] = min(state[BOTTOM], low)
        state[LAST] = bars[i, CLOSE]
        out[i, :] = np.nan
        if state[DAYS] < 3.0:
            continue
        h, l = state[HIGHEST], state[LOWEST]
        p = (h + l + state[FINAL]) / 3.0
        out[i, 0] = p
        out[i, 1] = 2.0 * p - l
        out[i, 2] = p + (h - l)
        out[i, 3] = h + 2.0 * (p - l)
        out[i, 4] = 2.0 * p - h
        out[i, 5] = p - (h - l)
        out[i, 6] = l - 2.0 * (h - p)
