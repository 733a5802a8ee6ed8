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
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Sum of typical price (high + low + close) / 3 times volume over sum of volume, since the IST day began.

    The bands are one and two standard deviations of the typical price, weighted by volume, away (West's update, 1979: no
    difference of large sums). Not defined before the first volume of a day (never, for an index). TA-Lib's VWAP is the same
    sum without the new day. state[5]: day, the two sums, West's mean and sum of weighted squares.
    """
    for i in range(out.shape[1]):
        volume = bars[VOLUME, i]
        out[:, i] = np.nan
        if np.isnan(volume):
            continue
        if state[STATE_DAY, i] != bars[DAY, i]:
            state[:, i] = 0.0
            state[STATE_DAY, i] = bars[DAY, i]
        typical = (bars[HIGH, i] + bars[LOW, i] + bars[CLOSE, i]) / 3.0
        state[WORTH, i] += typical * volume
        state[VOLUMES, i] += volume
        if state[VOLUMES, i] <= 0.0:
            continue
        off = typical - state[MEAN, i]
        state[MEAN, i] += off * (volume / state[VOLUMES, i])
        state[SQUARES, i] += volume * off * (typical - state[MEAN, i])
        vwap = state[WORTH, i] / state[VOLUMES, i]
        std = np.sqrt(max(state[SQUARES, i], 0.0) / state[VOLUMES, i])
        out[0, i] = vwap
        for k in range(1, 3):
            out[2 * k - 1, i] = vwap + k * std
            out[2 * k, i] = vwap - k * std
