"""Plain moving averages of the close over 20 and 50 candles, each with a band of one standard deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.windows import mean_std_k

F64 = NDArray[np.float64]
SHORT, LONG = 20, 50
A = 4 + 2 * SHORT
"""Where the window of the longer one begins."""
COLUMNS = tuple(f"sma_{n}{part}" for n in (SHORT, LONG) for part in ("", "_upper", "_lower"))


@indicator("sma", columns=COLUMNS, params=(SHORT, LONG), warmup=LONG, size=A + 4 + 2 * LONG)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Mean of the last n closes, plus and minus their population deviation. state: two windows, see ``mean_std_k``."""
    mean_std_k(state, 0, SHORT, bars[CLOSE], out[0], out[1])
    mean_std_k(state, A, LONG, bars[CLOSE], out[3], out[4])
    for k in (0, 3):
        mean, upper, lower = out[k], out[k + 1], out[k + 2]
        for i in range(out.shape[1]):
            std = upper[i]
            upper[i] = mean[i] + std
            lower[i] = mean[i] - std
