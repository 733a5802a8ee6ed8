"""Bollinger bands of the close, 20 candles and two deviations, and their width (Bollinger, 1983)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.windows import mean_std_k

F64 = NDArray[np.float64]
PERIOD = 20
COLUMNS = ("bollinger_upper", "bollinger_middle", "bollinger_lower", "bollinger_width")


@indicator("bollinger", columns=COLUMNS, params=(PERIOD, 2), warmup=PERIOD, size=4 + 2 * PERIOD, degree=(1, 1, 1, 0))
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Mean of n closes, plus and minus so many population deviations; width = (upper - lower) / middle.

    state[4 + 2n]: see ``mean_std_k``.
    """
    upper, middle, lower, width = out[0], out[1], out[2], out[3]
    mean_std_k(state, 0, PERIOD, bars[CLOSE], middle, width)
    for i in range(out.shape[1]):
        reach = params[1] * width[i]
        upper[i] = middle[i] + reach
        lower[i] = middle[i] - reach
        width[i] = (upper[i] - lower[i]) / middle[i]
