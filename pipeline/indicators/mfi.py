"""Money flow index over 14 candles (Quong and Soudack, 1989)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, VOLUME, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.windows import mean_k

F64 = NDArray[np.float64]
PERIOD = 14
A, B = 2, 4 + PERIOD
"""Where the windows of inflows and of outflows begin."""
TIE = 1e-14
"""Two typical prices are the same when they differ by less than this part of their sum, as in TA-Lib."""


@indicator("mfi", columns=("mfi_14",), params=(PERIOD,), warmup=PERIOD + 1, size=B + 2 + PERIOD, degree=0)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """100 * inflow / (inflow + outflow) over n candles; the flow of a candle is its typical price times its volume.

    It is an inflow when the typical price, (high + low + close) / 3, rose, an outflow when it fell, and none when it stayed.
    Two that are equal in ticks may round to neighbouring numbers: without a margin a whole candle's flow would go to a side by
    chance (1.3 relative on 3 % of candles against TA-Lib 0.8, which has the margin). TA-Lib takes old flows out of two running
    sums, where a trace of them stays (1e-9 of 100 at most); here they are summed afresh.
    state: whether a candle was seen, its typical price, windows of inflows and of outflows.
    """
    lanes = out.shape[1]
    ins, outs, inflow, outflow = np.empty(lanes), np.empty(lanes), out[0], np.empty(lanes)
    for i in range(lanes):
        typical = (bars[HIGH, i] + bars[LOW, i] + bars[CLOSE, i]) / 3.0
        ins[i], outs[i] = np.nan, np.nan
        if np.isnan(typical):
            continue
        if state[0, i] > 0.0:
            flow = typical * bars[VOLUME, i]
            move, margin = typical - state[1, i], TIE * (typical + state[1, i])
            ins[i] = flow if move > margin else 0.0
            outs[i] = flow if move < -margin else 0.0
        state[0, i] = 1.0
        state[1, i] = typical
    mean_k(state, A, PERIOD, ins, inflow)
    mean_k(state, B, PERIOD, outs, outflow)
    for i in range(lanes):
        total = inflow[i] + outflow[i]
        out[0, i] = 0.0 if total <= 0.0 else 100.0 * (inflow[i] / total)
