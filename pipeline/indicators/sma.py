"""Plain moving averages: of the close over 20 and 50 candles, of the volume over 20."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, VOLUME, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import mean_k

F64 = NDArray[np.float64]
SHORT, LONG = 20, 50
A, B = 1 + SHORT, 2 + SHORT + LONG
"""Where the second and third ring begin."""


@indicator("sma", columns=("sma_20", "sma_50", "volume_avg_20"), warmup=LONG, size=B + 1 + SHORT, degree=(1, 1, 0))
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Mean of the last n. state: three rings, see ``mean_k``."""
    for i in range(len(slots)):
        state = states[slots[i]]
        out[i, 0] = mean_k(state[:A], SHORT, bars[i, CLOSE])
        out[i, 1] = mean_k(state[A:B], LONG, bars[i, CLOSE])
        out[i, 2] = mean_k(state[B:], SHORT, bars[i, VOLUME])
