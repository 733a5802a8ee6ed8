"""Plain moving averages of the close over 20 and 50 candles, each with a band of one standard deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import newest_mean_std_k, push_k

F64 = NDArray[np.float64]
PERIODS = (20, 50)
LONGEST = max(PERIODS)
COLUMNS = tuple(f"sma_{n}{part}" for n in PERIODS for part in ("", "_upper", "_lower"))


@indicator("sma", columns=COLUMNS, params=PERIODS, warmup=LONGEST, size=1 + LONGEST)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Mean of the last n closes, plus and minus their population deviation. state[1 + longest]: one ring for all periods."""
    for i in range(len(slots)):
        state = states[slots[i]]
        push_k(state, LONGEST, bars[i, CLOSE])
        for k in range(len(params)):
            mean, std = newest_mean_std_k(state, LONGEST, int(params[k]))
            out[i, 3 * k] = mean
            out[i, 3 * k + 1] = mean + std
            out[i, 3 * k + 2] = mean - std
