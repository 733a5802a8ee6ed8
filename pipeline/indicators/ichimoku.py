"""Ichimoku kinko hyo, 9, 26, 52 (Hosoda, 1969)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import lag_k, push_k

F64 = NDArray[np.float64]
TENKAN, KIJUN, SENKOU = 9, 26, 52
HALF = 4 + SENKOU
"""Floats of one side: the largest of three windows, ring of the longest."""
LEAD_A, LEAD_B, CLOSES = 2 * HALF, 2 * HALF + 1 + KIJUN, 2 * HALF + 2 * (1 + KIJUN)
COLUMNS = ("ichimoku_tenkan", "ichimoku_kijun", "ichimoku_senkou_a", "ichimoku_senkou_b", "ichimoku_chikou")


@kernel
def window_k(state: F64, side: int, k: int, n: int, place: int, x: float) -> None:
    """Keep the largest of the newest n at state[side + k]; x is about to be put at ``place`` of the ring."""
    ring, leaves = side + 4, place - n
    gone = state[ring + (leaves if leaves >= 0 else leaves + SENKOU)]
    if x >= state[side + k]:
        state[side + k] = x
    elif gone == state[side + k]:
        best = x
        for back in range(1, n):
            at = place - back
            best = max(best, state[ring + (at if at >= 0 else at + SENKOU)])
        state[side + k] = best


@kernel
def largest_k(state: F64, side: int, x: float) -> None:
    """Step the largest of the last 9, 26 and 52. state[side:]: the three, ring of 52, whose cells begin as minus infinity."""
    count = int(state[side + 3])
    if count == 0:
        state[side : side + HALF] = -np.inf
        state[side + 3] = 0.0
    place = count if count < SENKOU else count - SENKOU
    window_k(state, side, 0, TENKAN, place, x)
    window_k(state, side, 1, KIJUN, place, x)
    window_k(state, side, 2, SENKOU, place, x)
    push_k(state, side + 3, SENKOU, x)


@indicator("ichimoku", columns=COLUMNS, params=(TENKAN, KIJUN, SENKOU), warmup=SENKOU + KIJUN, size=CLOSES + 1 + KIJUN)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Middles of the range of 9 (tenkan) and 26 (kijun) candles, the cloud over this candle, and the lagging line's place.

    The cloud is drawn 26 candles ahead: senkou A and B of this candle are those that were worked out 26 candles ago, A from
    tenkan and kijun, B from the range of 52. Chikou is the close drawn 26 candles back; what it tells is whether it lies above the price
    there, so its value is the close less the close 26 candles ago: nothing of the future is in any column.
    state: highs and negated lows, each with the largest of three windows; rings of A, of B and of closes.
    """
    for i in range(len(slots)):
        state = states[slots[i]]
        largest_k(state, 0, bars[i, HIGH])
        largest_k(state, HALF, -bars[i, LOW])
        count = int(state[3])
        tenkan = (state[0] - state[HALF]) / 2.0 if count >= TENKAN else np.nan
        kijun = (state[1] - state[HALF + 1]) / 2.0 if count >= KIJUN else np.nan
        middle = (state[2] - state[HALF + 2]) / 2.0 if count >= SENKOU else np.nan
        out[i, 0] = tenkan
        out[i, 1] = kijun
        out[i, 2] = lag_k(state, LEAD_A, KIJUN, (tenkan + kijun) / 2.0)
        out[i, 3] = lag_k(state, LEAD_B, KIJUN, middle)
        out[i, 4] = bars[i, CLOSE] - lag_k(state, CLOSES, KIJUN, bars[i, CLOSE])
