"""Plain moving averages of the close over 20 and 50 candles, each with a band of one standard deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import mean_std_k

F64 = NDArray[np.float64]
SHORT, LONG = 20, 50
A = 1 + SHORT
"""Where the ring of the longer one begins."""
COLUMNS = tuple(f"sma_{n}{part}" for n in (SHORT, LONG) for part in ("", "_upper", "_lower"))


@indicator("sma", columns=COLUMNS, params=(SHORT, LONG), warmup=LONG, size=A + 1 + LONG)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Mean of the last n closes, plus and minus their population deviation. state: two rings, see ``mean_std_k``."""
    for i in range(len(slots)):
        state = states[slots[i]]
        mean, std = mean_std_k(state, 0, SHORT, bars[i, CLOSE])
        out[i, 0] = mean
        out[i, 1] = mean + std
        out[i, 2] = mean - std
        mean, std = mean_std_k(state, A, LONG, bars[i, CLOSE])
        out[i, 3] = mean
        out[i, 4] = mean + std
        out[i, 5] = mean - std
