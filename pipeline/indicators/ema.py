"""Exponential moving averages of the close, five periods."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, indicator, seed_fades
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import ewm_sma_k

F64 = NDArray[np.float64]
PERIODS = (9, 20, 21, 50, 200)


@indicator(
    "ema",
    columns=tuple(f"ema_{n}" for n in PERIODS),
    params=PERIODS,
    warmup=max(PERIODS),
    size=2 * len(PERIODS),
    settle=seed_fades(2 / (1 + max(PERIODS))),
)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Ema += (close - ema) * 2 / (n + 1), seeded with the mean of the first n closes (as TA-Lib's EMA).

    state[2 a period]: see ``ewm_sma_k``.
    """
    for k in range(len(params)):
        n = params[k]
        for i in range(out.shape[1]):
            out[k, i] = ewm_sma_k(state, 2 * k, i, n, bars[CLOSE, i])
