"""Support and resistance: the nearest of the last swing highs and lows below and above the close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import largest_k, push_all_k, push_k

F64 = NDArray[np.float64]
REACH = 5
"""Candles on each side that a swing high overtops."""
SPAN = 2 * REACH + 1
KEPT = 8
"""Swing highs kept, and swing lows."""
LOWS, TOPS, BOTTOMS = 1 + SPAN, 2 * (1 + SPAN), 2 * (1 + SPAN) + 1 + KEPT


@kernel
def place_k(state: F64, at: int, i: int, age: int) -> int:
    """Place of the observation that came ``age`` after the oldest of a full ring."""
    count = int(state[at, i])
    place = (count if count < SPAN else count - SPAN) + age
    return at + 1 + (place if place < SPAN else place - SPAN)


@kernel
def keep_swings_k(state: F64, at: int, kept: int, x: F64) -> None:
    """Put x into a ring; keep the middle of it when it overtops those before it and none after it is higher."""
    push_all_k(state, at, SPAN, x)
    largest = np.empty(len(x))
    largest_k(state, at + 1, SPAN, largest)
    for i in range(len(x)):
        if state[at, i] < SPAN or np.isnan(x[i]):
            continue
        middle = state[place_k(state, at, i, REACH), i]
        is_swing = middle == largest[i]
        for age in range(REACH):
            is_swing = is_swing and state[place_k(state, at, i, age), i] < middle
        if is_swing:
            push_k(state, kept, i, KEPT, middle)


@indicator("levels", columns=("support", "resistance"), params=(REACH, KEPT), warmup=SPAN, size=BOTTOMS + 1 + KEPT, has_gaps=True)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Support is the highest of the kept swing prices below the close, resistance the lowest above it; highs and lows change roles.

    A swing is known five candles after it: nothing is taken back. There may be none on a side: a price that no kept swing
    has reached. state: rings of highs, of negated lows, of swing highs, of negated swing lows.
    """
    support, resistance, close = out[0], out[1], bars[CLOSE]
    keep_swings_k(state, 0, TOPS, bars[HIGH])
    keep_swings_k(state, LOWS, BOTTOMS, -bars[LOW])
    support[:] = -np.inf
    resistance[:] = np.inf
    for ring, sign in ((TOPS, 1.0), (BOTTOMS, -1.0)):
        for k in range(KEPT):
            for i in range(len(close)):
                level = sign * state[ring + 1 + k, i]
                is_kept = state[ring, i] > k
                support[i] = level if is_kept & (level < close[i]) & (level > support[i]) else support[i]
                resistance[i] = level if is_kept & (level > close[i]) & (level < resistance[i]) else resistance[i]
    for i in range(len(close)):
        support[i] = support[i] if support[i] > -np.inf else np.nan
        resistance[i] = resistance[i] if resistance[i] < np.inf else np.nan
