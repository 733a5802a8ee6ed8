"""Average volume of 20 candles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import VOLUME, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.windows import mean_k

F64 = NDArray[np.float64]
PERIOD = 20


@indicator("average_volume", columns=("volume_avg_20",), params=(PERIOD,), warmup=PERIOD, size=2 + PERIOD, degree=0)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Mean of the last n volumes, this candle's included. state[2 + n]: see ``mean_k``."""
    mean_k(state, 0, PERIOD, bars[VOLUME], out[0])
