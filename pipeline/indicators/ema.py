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
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Ema += (close - ema) * 2 / (n + 1), seeded with the mean of the first n closes (as TA-Lib's EMA).

    state[2 a period]: see ``ewm_sma_k``.
    """
    for i in range(len(slots)):
        state = states[slots[i]]
        for k in range(len(params)):
            out[i, k] = ewm_sma_k(state[2 * k : 2 * k + 2], params[k], bars[i, CLOSE])
