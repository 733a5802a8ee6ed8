"""Directional movement: ADX, +DI and -DI over 14 candles (Wilder, 1978)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator, seed_fades
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import true_range_k, wilder_k

F64 = NDArray[np.float64]
COUNT, PREV_HIGH, PREV_LOW, PREV_CLOSE, PLUS, MINUS, TRUE_RANGE, ADX = range(8)


@kernel
def move_k(state: F64, i: int, high: float, low: float, n: float) -> None:
    """Add one candle's directional movement and true range to Wilder's sums (n - 1 plain, then smoothed)."""
    up, down = high - state[PREV_HIGH, i], state[PREV_LOW, i] - low
    plus, minus = 0.0, 0.0
    if down > 0.0 and up < down:
        minus = down
    elif up > 0.0 and up > down:
        plus = up
    if state[COUNT, i] >= n:
        state[PLUS, i] -= state[PLUS, i] / n
        state[MINUS, i] -= state[MINUS, i] / n
        state[TRUE_RANGE, i] -= state[TRUE_RANGE, i] / n
    state[PLUS, i] += plus
    state[MINUS, i] += minus
    state[TRUE_RANGE, i] += true_range_k(state[PREV_CLOSE, i], high, low)


@kernel
def average_k(state: F64, i: int, n: float, dx: float) -> float:
    """Wilder's average of DX; a candle without movement leaves it as it is, as in TA-Lib."""
    if np.isnan(dx):
        if state[ADX, i] < n:
            return wilder_k(state, ADX, i, n, 0.0)
        return state[ADX + 1, i]
    return wilder_k(state, ADX, i, n, dx)


@indicator("adx", columns=("adx_14", "plus_di", "minus_di"), params=(14,), warmup=28, size=9, degree=0, settle=2 * seed_fades(1 / 14))
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """DI = 100 * smoothed movement / smoothed true range; ADX = Wilder's average of 100 |+DI - -DI| / (+DI + -DI).

    state[9]: candles seen, previous high, low and close, sums of +DM, -DM and true range, ADX.
    """
    n = params[0]
    for i in range(out.shape[1]):
        out[:, i] = np.nan
        if np.isnan(bars[CLOSE, i]):
            continue
        if state[COUNT, i] > 0.0:
            move_k(state, i, bars[HIGH, i], bars[LOW, i], n)
        if state[COUNT, i] >= n:
            plus, minus, dx = 0.0, 0.0, np.nan
            if state[TRUE_RANGE, i] > 0.0:
                plus = 100.0 * (state[PLUS, i] / state[TRUE_RANGE, i])
                minus = 100.0 * (state[MINUS, i] / state[TRUE_RANGE, i])
                if plus + minus > 0.0:
                    dx = 100.0 * (abs(minus - plus) / (plus + minus))
            out[0, i] = average_k(state, i, n, dx)
            out[1, i] = plus
            out[2, i] = minus
        state[COUNT, i] += 1.0
        state[PREV_HIGH, i], state[PREV_LOW, i], state[PREV_CLOSE, i] = bars[HIGH, i], bars[LOW, i], bars[CLOSE, i]
