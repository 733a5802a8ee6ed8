"""Ichimoku kinko hyo, 9, 26, 52 (Hosoda, 1969)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import lag_k
from pipeline.kernels.windows import max_k, min_k

F64 = NDArray[np.float64]
TENKAN, KIJUN, SENKOU = 9, 26, 52
T, K, S = 2 + TENKAN, 2 + KIJUN, 2 + SENKOU
HIGHS_T, HIGHS_K, HIGHS_S = 0, T, T + K
LOWS_T, LOWS_K, LOWS_S = T + K + S, 2 * T + K + S, 2 * T + 2 * K + S
LEAD_A, LEAD_B, CLOSES = (2 * (T + K + S) + ring * (1 + KIJUN) for ring in range(3))
"""Where each window and each ring begins."""
COLUMNS = ("ichimoku_tenkan", "ichimoku_kijun", "ichimoku_senkou_a", "ichimoku_senkou_b", "ichimoku_chikou")


@kernel
def middle_k(state: F64, highs: int, lows: int, n: int, bars: F64, out: F64) -> None:
    """Middle between the highest high and the lowest low of the last n candles."""
    lowest = np.empty(len(out))
    max_k(state, highs, n, bars[HIGH], out)
    min_k(state, lows, n, bars[LOW], lowest)
    for i in range(len(out)):
        out[i] = (out[i] + lowest[i]) / 2.0


@indicator("ichimoku", columns=COLUMNS, params=(TENKAN, KIJUN, SENKOU), warmup=SENKOU + KIJUN, size=CLOSES + 1 + KIJUN)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Middles of the range of 9 (tenkan) and 26 (kijun) candles, the cloud over this candle, and the lagging line's place.

    The cloud is drawn 26 candles ahead: senkou A and B of this candle are those that were worked out 26 candles ago, A from
    tenkan and kijun, B from the range of 52. Chikou is the close drawn 26 candles back; what it tells is whether it lies above the price
    there, so its value is the close less the close 26 candles ago: nothing of the future is in any column.
    state: three windows of highs, three of lows, rings of A, of B and of closes.
    """
    lanes = out.shape[1]
    tenkan, kijun, senkou = np.empty(lanes), np.empty(lanes), np.empty(lanes)
    middle_k(state, HIGHS_T, LOWS_T, TENKAN, bars, tenkan)
    middle_k(state, HIGHS_K, LOWS_K, KIJUN, bars, kijun)
    middle_k(state, HIGHS_S, LOWS_S, SENKOU, bars, senkou)
    for i in range(lanes):
        out[0, i] = tenkan[i]
        out[1, i] = kijun[i]
        out[2, i] = lag_k(state, LEAD_A, i, KIJUN, (tenkan[i] + kijun[i]) / 2.0)
        out[3, i] = lag_k(state, LEAD_B, i, KIJUN, senkou[i])
        out[4, i] = bars[CLOSE, i] - lag_k(state, CLOSES, i, KIJUN, bars[CLOSE, i])
