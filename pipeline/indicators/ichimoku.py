"""Ichimoku kinko hyo, 9, 26, 52 (Hosoda, 1969)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import lag_k, max_k, min_k

F64 = NDArray[np.float64]
TENKAN, KIJUN, SENKOU = 9, 26, 52
T, K, S = 2 + TENKAN, 2 + KIJUN, 2 + SENKOU
HIGHS_K, HIGHS_S, LOWS_T = T, T + K, T + K + S
LOWS_K, LOWS_S, LEAD_A = LOWS_T + T, LOWS_T + T + K, 2 * LOWS_T
LEAD_B, CLOSES = LEAD_A + 1 + KIJUN, LEAD_A + 2 * (1 + KIJUN)
"""Where each ring begins."""
COLUMNS = ("ichimoku_tenkan", "ichimoku_kijun", "ichimoku_senkou_a", "ichimoku_senkou_b", "ichimoku_chikou")


@indicator("ichimoku", columns=COLUMNS, params=(TENKAN, KIJUN, SENKOU), warmup=SENKOU + KIJUN, size=CLOSES + 1 + KIJUN)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Middles of the range of 9 (tenkan) and 26 (kijun) candles, the cloud over this candle, and the lagging line's place.

    The cloud is drawn 26 candles ahead: senkou A and B of this candle are those that were worked out 26 candles ago, A from
    tenkan and kijun, B from the range of 52. Chikou is the close drawn 26 candles back; what it tells is whether it lies above the price
    there, so its value is the close less the close 26 candles ago: nothing of the future is in any column.
    state: three rings of highs, three of lows, one of A, of B and of closes.
    """
    for i in range(len(slots)):
        state = states[slots[i]]
        high, low = bars[i, HIGH], bars[i, LOW]
        tenkan = (max_k(state, 0, TENKAN, high) + min_k(state, LOWS_T, TENKAN, low)) / 2.0
        kijun = (max_k(state, HIGHS_K, KIJUN, high) + min_k(state, LOWS_K, KIJUN, low)) / 2.0
        middle = (max_k(state, HIGHS_S, SENKOU, high) + min_k(state, LOWS_S, SENKOU, low)) / 2.0
        out[i, 0] = tenkan
        out[i, 1] = kijun
        out[i, 2] = lag_k(state, LEAD_A, KIJUN, (tenkan + kijun) / 2.0)
        out[i, 3] = lag_k(state, LEAD_B, KIJUN, middle)
        out[i, 4] = bars[i, CLOSE] - lag_k(state, CLOSES, KIJUN, bars[i, CLOSE])
