"""Support and resistance: the nearest of the last swing highs and lows below and above the close."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, HIGH, LOW, indicator
from pipeline.kernels.jit import kernel
from pipeline.kernels.rolling import push_k

F64 = NDArray[np.float64]
REACH = 5
"""Candles on each side that a swing high overtops."""
SPAN = 2 * REACH + 1
KEPT = 8
"""Swing highs kept, and swing lows."""
LOWS, TOPS, BOTTOMS = 1 + SPAN, 2 * (1 + SPAN), 2 * (1 + SPAN) + 1 + KEPT


@kernel
def swing_k(ring: F64) -> float:
    """Give the middle of a full ring when it overtops those before it and none after it is higher; else NaN."""
    count = int(ring[0])
    first = count if count < SPAN else count - SPAN
    place = first + REACH
    middle = ring[1 + (place if place < SPAN else place - SPAN)]
    for k in range(SPAN):
        place = first + k
        x = ring[1 + (place if place < SPAN else place - SPAN)]
        if x > middle or (x == middle and k < REACH):
            return np.nan
    return middle


@indicator("levels", columns=("support", "resistance"), params=(REACH, KEPT), warmup=SPAN, size=BOTTOMS + 1 + KEPT, has_gaps=True)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Support is the highest of the kept swing prices below the close, resistance the lowest above it; highs and lows change roles.

    A swing is known five candles after it: nothing is taken back. There may be none on a side: a price that no kept swing
    has reached. state: rings of highs, of negated lows, of swing highs, of negated swing lows.
    """
    for i in range(len(slots)):
        state, close = states[slots[i]], bars[i, CLOSE]
        out[i, :] = np.nan
        push_k(state[:LOWS], SPAN, bars[i, HIGH])
        if push_k(state[LOWS:TOPS], SPAN, -bars[i, LOW]) < SPAN:
            continue
        top, bottom = swing_k(state[:LOWS]), swing_k(state[LOWS:TOPS])
        if not np.isnan(top):
            push_k(state[TOPS:BOTTOMS], KEPT, top)
        if not np.isnan(bottom):
            push_k(state[BOTTOMS:], KEPT, bottom)
        support, resistance = -np.inf, np.inf
        for side in range(2):
            ring = state[TOPS:BOTTOMS] if side == 0 else state[BOTTOMS:]
            for k in range(min(int(ring[0]), KEPT)):
                level = ring[1 + k] if side == 0 else -ring[1 + k]
                if level < close:
                    support = max(support, level)
                elif level > close:
                    resistance = min(resistance, level)
        if support > -np.inf:
            out[i, 0] = support
        if resistance < np.inf:
            out[i, 1] = resistance
