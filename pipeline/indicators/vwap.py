"""Volume-weighted average price of the session, from candles, with bands of one and two deviations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, DAY, HIGH, LOW, VOLUME, indicator
from pipeline.kernels.jit import kernel

F64 = NDArray[np.float64]
STATE_DAY, WORTH, VOLUMES, MEAN, SQUARES = range(5)
COLUMNS = ("vwap", "vwap_upper_1", "vwap_lower_1", "vwap_upper_2", "vwap_lower_2")


@indicator("vwap", columns=COLUMNS, warmup=1, size=5)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Sum of typical price (high + low + close) / 3 times volume over sum of volume, since the IST day began.

    The bands are one and two standard deviations of the typical price, weighted by volume, away (West's update, 1979: no
    difference of large sums). Not defined before the first volume of a day (never, for an index). TA-Lib's VWAP is the same
    sum without the new day. state[5]: day, the two sums, West's mean and sum of weighted squares.
    """
    for i in range(len(slots)):
        state, volume = states[slots[i]], bars[i, VOLUME]
        if state[STATE_DAY] != bars[i, DAY]:
            state[:] = 0.0
            state[STATE_DAY] = bars[i, DAY]
        typical = (bars[i, HIGH] + bars[i, LOW] + bars[i, CLOSE]) / 3.0
        state[WORTH] += typical * volume
        state[VOLUMES] += volume
        out[i, :] = np.nan
        if state[VOLUMES] <= 0.0:
            continue
        off = typical - state[MEAN]
        state[MEAN] += off * (volume / state[VOLUMES])
        state[SQUARES] += volume * off * (typical - state[MEAN])
        vwap = state[WORTH] / state[VOLUMES]
        std = np.sqrt(max(state[SQUARES], 0.0) / state[VOLUMES])
        out[i, 0] = vwap
        for k in range(1, 3):
            out[i, 2 * k - 1] = vwap + k * std
            out[i, 2 * k] = vwap - k * std
