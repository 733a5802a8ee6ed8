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
def rank_k(state: F64, i: int) -> None:
    """Find the fullest bucket, the lowest of equals."""
    best = 0
    for k in range(1, BUCKETS):
        if state[FIRST + k, i] > state[FIRST + best, i]:
            best = k
    state[BEST, i] = best


@kernel
def widen_k(state: F64, i: int, is_down: bool) -> None:
    """Make buckets twice as wide, joining neighbours; the room that this makes lies below or above."""
    start = int(state[START, i])
    if is_down:
        fresh = ((start + BUCKETS - 1) >> 1) - (BUCKETS - 1)
        for k in range(BUCKETS - 1, -1, -1):
            volume = state[FIRST + k, i]
            state[FIRST + k, i] = 0.0
            state[FIRST + ((start + k) >> 1) - fresh, i] += volume
    else:
        fresh = start >> 1
        for k in range(BUCKETS):
            volume = state[FIRST + k, i]
            state[FIRST + k, i] = 0.0
            state[FIRST + ((start + k) >> 1) - fresh, i] += volume
    state[START, i] = fresh
    state[LEVEL, i] += 1.0
    rank_k(state, i)


@kernel
def spread_k(state: F64, i: int, low: int, high: int, close: int, volume: float) -> None:
    """Share a candle's volume among the finest buckets low..high that it touched, in whole shares; the rest goes to its close."""
    while True:
        level, start = int(state[LEVEL, i]), int(state[START, i])
        if (low >> level) < start:
            widen_k(state, i, True)
        elif (high >> level) >= start + BUCKETS:
            widen_k(state, i, False)
        else:
            break
    share = np.floor(volume / (high - low + 1))
    state[FIRST + (close >> level) - start, i] += volume - share * (high - low + 1)
    for k in range(low >> level, (high >> level) + 1):
        touched = min(high, ((k + 1) << level) - 1) - max(low, k << level) + 1
        state[FIRST + k - start, i] += share * touched
    state[TOTAL, i] += volume
    best = int(state[BEST, i])
    for k in range((low >> level) - start, (high >> level) - start + 1):
        more = state[FIRST + k, i] - state[FIRST + best, i]
        if more > 0.0 or (more == 0.0 and k < best):
            best = k
    state[BEST, i] = best


@kernel
def area_k(state: F64, i: int) -> tuple[int, int]:
    """Give the first and last bucket of the value area: from the fullest on, always the fuller neighbour (the upper of equals)."""
    low = high = int(state[BEST, i])
    inside, wanted = state[FIRST + low, i], AREA * state[TOTAL, i]
    while inside < wanted and (low > 0 or high < BUCKETS - 1):
        above = state[FIRST + high + 1, i] if high < BUCKETS - 1 else -1.0
        below = state[FIRST + low - 1, i] if low > 0 else -1.0
        if above >= below:
            high += 1
            inside += above
        else:
            low -= 1
            inside += below
    return low, high


@indicator("volume_profile", columns=("poc", "value_area_high", "value_area_low"), params=(BUCKETS, AREA), warmup=1, size=FIRST + BUCKETS)
@kernel
def step(state: F64, bars: F64, params: F64, out: F64) -> None:
    """Middle of the fullest bucket, and the edges of the buckets around it that hold 70 % of the session's volume.

    64 buckets, at first 1/4096 of the session's first open wide; when the price leaves them, pairs are joined and they are twice as
    wide, so the state stays at 71 floats (568 bytes) whatever the day does. Shares are whole numbers, so no sum depends on
    its order. Not defined before the first volume of a day (never, for an index). state: day, first open, finest width, times
    joined, number of the first bucket counted from the open, volume, fullest bucket, buckets.
    """
    for i in range(out.shape[1]):
        volume = bars[VOLUME, i]
        out[:, i] = np.nan
        if np.isnan(volume):
            continue
        if state[STATE_DAY, i] != bars[DAY, i]:
            state[:, i] = 0.0
            state[STATE_DAY, i] = bars[DAY, i]
            state[ORIGIN, i] = bars[OPEN, i]
            state[WIDTH, i] = bars[OPEN, i] / FINEST
            state[START, i] = -(BUCKETS // 2)
        low = np.floor((bars[LOW, i] - state[ORIGIN, i]) / state[WIDTH, i])
        high = np.floor((bars[HIGH, i] - state[ORIGIN, i]) / state[WIDTH, i])
        if volume > 0.0 and low > -FAR and high < FAR and low <= high:
            close = np.floor((bars[CLOSE, i] - state[ORIGIN, i]) / state[WIDTH, i])
            spread_k(state, i, int(low), int(high), int(min(max(close, low), high)), volume)
        if state[TOTAL, i] > 0.0:
            first, last = area_k(state, i)
            start, width = state[START, i], state[WIDTH, i] * 2.0 ** state[LEVEL, i]
            out[0, i] = state[ORIGIN, i] + (start + state[BEST, i] + 0.5) * width
            out[1, i] = state[ORIGIN, i] + (start + last + 1.0) * width
            out[2, i] = state[ORIGIN, i] + (start + first) * width
