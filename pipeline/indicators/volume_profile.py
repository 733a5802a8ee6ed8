"""Volume profile of the session: point of control and value area (Steidlmayer, 1980s)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.indicators.spec import CLOSE, DAY, HIGH, LOW, OPEN, VOLUME, indicator
from pipeline.kernels.jit import kernel

F64 = NDArray[np.float64]
BUCKETS = 64
FINEST = 4096.0
"""The finest bucket is the session's first open over this: 2.4 basis points."""
FAR = 2.0**40
"""Buckets from the open beyond which a price is no price."""
AREA = 0.7
STATE_DAY, ORIGIN, WIDTH, LEVEL, START, TOTAL, BEST, FIRST = range(8)


@kernel
def rank_k(state: F64) -> None:
    """Find the fullest bucket, the lowest of equals."""
    best = 0
    for k in range(1, BUCKETS):
        if state[FIRST + k] > state[FIRST + best]:
            best = k
    state[BEST] = best


@kernel
def widen_k(state: F64, is_down: bool) -> None:
    """Make buckets twice as wide, joining neighbours; the room that this makes lies below or above."""
    start = int(state[START])
    if is_down:
        fresh = ((start + BUCKETS - 1) >> 1) - (BUCKETS - 1)
        for k in range(BUCKETS - 1, -1, -1):
            volume = state[FIRST + k]
            state[FIRST + k] = 0.0
            state[FIRST + ((start + k) >> 1) - fresh] += volume
    else:
        fresh = start >> 1
        for k in range(BUCKETS):
            volume = state[FIRST + k]
            state[FIRST + k] = 0.0
            state[FIRST + ((start + k) >> 1) - fresh] += volume
    state[START] = fresh
    state[LEVEL] += 1.0
    rank_k(state)


@kernel
def spread_k(state: F64, low: int, high: int, close: int, volume: float) -> None:
    """Share a candle's volume among the finest buckets low..high that it touched, in whole shares; the rest goes to its close."""
    while True:
        level, start = int(state[LEVEL]), int(state[START])
        if (low >> level) < start:
            widen_k(state, True)
        elif (high >> level) >= start + BUCKETS:
            widen_k(state, False)
        else:
            break
    share = np.floor(volume / (high - low + 1))
    state[FIRST + (close >> level) - start] += volume - share * (high - low + 1)
    for k in range(low >> level, (high >> level) + 1):
        touched = min(high, ((k + 1) << level) - 1) - max(low, k << level) + 1
        state[FIRST + k - start] += share * touched
    state[TOTAL] += volume
    best = int(state[BEST])
    for k in range((low >> level) - start, (high >> level) - start + 1):
        more = state[FIRST + k] - state[FIRST + best]
        if more > 0.0 or (more == 0.0 and k < best):
            best = k
    state[BEST] = best


@kernel
def area_k(state: F64) -> tuple[int, int]:
    """Give the first and last bucket of the value area: from the fullest on, always the fuller neighbour (the upper of equals)."""
    low = high = int(state[BEST])
    inside, wanted = state[FIRST + low], AREA * state[TOTAL]
    while inside < wanted and (low > 0 or high < BUCKETS - 1):
        above = state[FIRST + high + 1] if high < BUCKETS - 1 else -1.0
        below = state[FIRST + low - 1] if low > 0 else -1.0
        if above >= below:
            high += 1
            inside += above
        else:
            low -= 1
            inside += below
    return low, high


@indicator("volume_profile", columns=("poc", "value_area_high", "value_area_low"), params=(BUCKETS, AREA), warmup=1, size=FIRST + BUCKETS)
@kernel
def step(states: F64, slots: NDArray[np.int64], bars: F64, params: F64, out: F64) -> None:
    """Middle of the fullest bucket, and the edges of the buckets around it that hold 70 % of the session's volume.

    64 buckets, at first 1/4096 of the session's first open wide; when the price leaves them, pairs are joined and they are twice as
    wide, so the state stays at 71 floats (568 bytes) whatever the day does. Shares are whole numbers, so no sum depends on
    its order. Not defined before the first volume of a day (never, for an index). state: day, first open, finest width, times
    joined, number of the first bucket counted from the open, volume, fullest bucket, buckets.
    """
    for i in range(len(slots)):
        state, volume = states[slots[i]], bars[i, VOLUME]
        if state[STATE_DAY] != bars[i, DAY]:
            state[:] = 0.0
            state[STATE_DAY] = bars[i, DAY]
            state[ORIGIN] = bars[i, OPEN]
            state[WIDTH] = bars[i, OPEN] / FINEST
            state[START] = -(BUCKETS // 2)
        out[i, :] = np.nan
        low = np.floor((bars[i, LOW] - state[ORIGIN]) / state[WIDTH])
        high = np.floor((bars[i, HIGH] - state[ORIGIN]) / state[WIDTH])
        if volume > 0.0 and low > -FAR and high < FAR and low <= high:
            close = np.floor((bars[i, CLOSE] - state[ORIGIN]) / state[WIDTH])
            spread_k(state, int(low), int(high), int(min(max(close, low), high)), volume)
        if state[TOTAL] > 0.0:
            first, last = area_k(state)
            start, width = state[START], state[WIDTH] * 2.0 ** state[LEVEL]
            out[i, 0] = state[ORIGIN] + (start + state[BEST] + 0.5) * width
            out[i, 1] = state[ORIGIN] + (start + last + 1.0) * width
            out[i, 2] = state[ORIGIN] + (start + first) * width
