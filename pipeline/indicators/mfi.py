"""Money flow index over 14 candles (Quong and Soudack, 1989)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, VOLUME, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import push_k

F64 = NDArray[np.float64]
PERIOD = 14
TIE = 1e-14
"""Two typical prices are the same when they differ by less than this part of their sum, as in TA-Lib."""


@indicator("mfi", columns=("mfi_14",), params=(PERIOD,), warmup=PERIOD + 1, size=3 + PERIOD, degree=0)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """100 * inflow / (inflow + outflow) over n candles; the flow of a candle is its typical price times its volume.

    It is an inflow when the typical price, (high + low + close) / 3, rose, an outflow when it fell, and none when it stayed.
    Two that are equal in ticks may round to neighbouring numbers: without a margin a whole candle's flow would go to a side by
    chance (1.3 relative on 3 % of candles against TA-Lib 0.8, which has the margin). TA-Lib takes old flows out of two running
    sums, where a trace of them stays (1e-9 of 100 at most); here they are summed afresh.
    state[3 + n]: whether a candle was seen, its typical price, ring of signed flows.
    """
    n = int(params[0])
    for i in range(len(slots)):
        state = states[slots[i]]
        typical = (bars[i, HIGH] + bars[i, LOW] + bars[i, CLOSE]) / 3.0
        out[i, 0] = np.nan
        if state[0] > 0.0:
            flow = typical * bars[i, VOLUME]
            move, margin = typical - state[1], TIE * (typical + state[1])
            signed = flow if move > margin else -flow if move < -margin else 0.0
            if push_k(state[2:], n, signed) == n:
                inflow, outflow = 0.0, 0.0
                for k in range(3, 3 + n):
                    inflow += max(state[k], 0.0)
                    outflow -= min(state[k], 0.0)
                out[i, 0] = 100.0 * (inflow / (inflow + outflow)) if inflow + outflow > 0.0 else 0.0
        state[0] = 1.0
        state[1] = typical
