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
def move_k(state: F64, high: float, low: float, n: float) -> None:
    """Add one candle's directional movement and true range to Wilder's sums (n - 1 plain, then smoothed)."""
    up, down = high - state[PREV_HIGH], state[PREV_LOW] - low
    plus, minus = 0.0, 0.0
    if down > 0.0 and up < down:
        minus = down
    elif up > 0.0 and up > down:
        plus = up
    if state[COUNT] >= n:
        state[PLUS] -= state[PLUS] / n
        state[MINUS] -= state[MINUS] / n
        state[TRUE_RANGE] -= state[TRUE_RANGE] / n
    state[PLUS] += plus
    state[MINUS] += minus
    state[TRUE_RANGE] += true_range_k(state[PREV_CLOSE], high, low)


@kernel
def average_k(state: F64, n: float, dx: float) -> float:
    """Wilder's average of DX; a candle without movement leaves it as it is, as in TA-Lib."""
    if np.isnan(dx):
        if state[ADX] < n:
            return wilder_k(state[ADX : ADX + 2], n, 0.0)
        return state[ADX + 1]
    return wilder_k(state[ADX : ADX + 2], n, dx)


@indicator("adx", columns=("adx_14", "plus_di", "minus_di"), params=(14,), warmup=28, size=9, degree=0, settle=2 * seed_fades(1 / 14))
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """DI = 100 * smoothed movement / smoothed true range; ADX = Wilder's average of 100 |+DI - -DI| / (+DI + -DI).

    state[9]: candles seen, previous high, low and close, sums of +DM, -DM and true range, ADX.
    """
    n = params[0]
    for i in range(len(slots)):
        state = states[slots[i]]
        out[i, :] = np.nan
        if state[COUNT] > 0.0:
            move_k(state, bars[i, HIGH], bars[i, LOW], n)
        if state[COUNT] >= n:
            plus, minus, dx = 0.0, 0.0, np.nan
            if state[TRUE_RANGE] > 0.0:
                plus = 100.0 * (state[PLUS] / state[TRUE_RANGE])
                minus = 100.0 * (state[MINUS] / state[TRUE_RANGE])
                if plus + minus > 0.0:
                    dx = 100.0 * (abs(minus - plus) / (plus + minus))
            out[i, 0] = average_k(state, n, dx)
            out[i, 1] = plus
            out[i, 2] = minus
        state[COUNT] += 1.0
        state[PREV_HIGH], state[PREV_LOW], state[PREV_CLOSE] = bars[i, HIGH], bars[i, LOW], bars[i, CLOSE]
