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
def window_k(side: F64, k: int, n: int, at: int, x: float, gone: float) -> None:
    """Keep side[k], the largest of the newest n, when x has just been put at place ``at`` of the ring and ``gone`` has left the window."""
    if x >= side[k]:
        side[k] = x
    elif gone == side[k]:
        best = x
        for back in range(1, n):
            place = at - back
            best = max(best, side[4 + (place if place >= 0 else place + SENKOU)])
        side[k] = best


@kernel
def largest_k(side: F64, x: float) -> None:
    """Step the largest of the last 9, 26 and 52. side[56]: the three, ring of 52 (its cells begin as minus infinity)."""
    ring = side[3:]
    if ring[0] == 0.0:
        side[:3] = -np.inf
        ring[1:] = -np.inf
    count = int(ring[0])
    at = count if count < SENKOU else count - SENKOU
    short, middle = at - TENKAN, at - KIJUN
    gone_short = ring[1 + (short if short >= 0 else short + SENKOU)]
    gone_middle = ring[1 + (middle if middle >= 0 else middle + SENKOU)]
    gone_long = ring[1 + at]
    push_k(ring, SENKOU, x)
    window_k(side, 0, TENKAN, at, x, gone_short)
    window_k(side, 1, KIJUN, at, x, gone_middle)
    window_k(side, 2, SENKOU, at, x, gone_long)


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
        largest_k(state[:HALF], bars[i, HIGH])
        largest_k(state[HALF:LEAD_A], -bars[i, LOW])
        high, low = state[:3], state[HALF : HALF + 3]
        count = int(state[3])
        tenkan = (high[0] - low[0]) / 2.0 if count >= TENKAN else np.nan
        kijun = (high[1] - low[1]) / 2.0 if count >= KIJUN else np.nan
        out[i, 0] = tenkan
        out[i, 1] = kijun
        out[i, 2] = lag_k(state[LEAD_A:LEAD_B], KIJUN, (tenkan + kijun) / 2.0)
        out[i, 3] = lag_k(state[LEAD_B:CLOSES], KIJUN, (high[2] - low[2]) / 2.0 if count >= SENKOU else np.nan)
        out[i, 4] = bars[i, CLOSE] - lag_k(state[CLOSES:], KIJUN, bars[i, CLOSE])
