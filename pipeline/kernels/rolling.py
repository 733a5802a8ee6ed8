"""Rolling statistics of many lanes at once, one observation of each at a time.

``state`` is float64[places, lanes], zeros at first, changed in place: a lane is one series (a symbol's timeframe), and the lanes of one
place lie side by side in memory. ``at`` is the place where a kernel's own state begins, laid out as its docstring says. An
observation that is NaN gives NaN and leaves its lane untouched; a value that is not defined yet is NaN.

Rings are read whole for all lanes, place by place: the loop inside runs over lanes, which have nothing to do with each other, so the
compiler may take several at once on any machine without one bit of a result changing (there is no fast math). What carries a value
(``ewm_sma_k``, ``wilder_k``) steps one lane ``i``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel, warmer

F64 = NDArray[np.float64]


@kernel
def ewm_sma_k(state: F64, at: int, i: int, n: float, x: float) -> float:
    """Exponential average, alpha 2/(n+1), seeded with the plain mean of the first n (TA-Lib's EMA).

    state[2]: count, sum then value.
    """
    if np.isnan(x):
        return np.nan
    if state[at, i] < n:
        state[at, i] += 1.0
        state[at + 1, i] += x
        if state[at, i] < n:
            return np.nan
        state[at + 1, i] /= n
        return state[at + 1, i]
    state[at + 1, i] += (x - state[at + 1, i]) * (2.0 / (n + 1.0))
    return state[at + 1, i]


@kernel
def wilder_k(state: F64, at: int, i: int, n: float, x: float) -> float:
    """Wilder's average, alpha 1/n, seeded with the mean of the first n. state[2]: count, sum then value."""
    if np.isnan(x):
        return np.nan
    if state[at, i] < n:
        state[at, i] += 1.0
        state[at + 1, i] += x
        if state[at, i] < n:
            return np.nan
        state[at + 1, i] /= n
        return state[at + 1, i]
    state[at + 1, i] = (state[at + 1, i] * (n - 1.0) + x) / n
    return state[at + 1, i]


@kernel
def push_k(state: F64, at: int, i: int, n: int, x: float) -> None:
    """Put x into the ring of one lane. state[1+n]: count, ring.

    The count goes to n and then round from n to 2n - 1: no division finds the next place, and from n on the ring is full.
    """
    count = int(state[at, i])
    state[at + 1 + (count if count < n else count - n), i] = x
    state[at, i] = n if count + 1 == 2 * n else count + 1


@kernel
def push_all_k(state: F64, at: int, n: int, x: F64) -> None:
    """Put an observation of every lane into its ring. state[1+n]: count, ring."""
    for i in range(len(x)):
        if not np.isnan(x[i]):
            push_k(state, at, i, n, x[i])


@kernel
def blank_k(count: F64, n: int, x: F64, out: F64) -> None:
    """Make NaN of what is not defined: the ring is not full, or there was no observation."""
    for i in range(len(x)):
        out[i] = out[i] if (count[i] >= n) & (x[i] == x[i]) else np.nan


@kernel
def total_k(state: F64, start: int, n: int, out: F64) -> None:
    """Sum of the places start.. of each lane, one after the other."""
    out[:] = 0.0
    whole = start + n - n % 4
    for j in range(start, whole, 4):
        for i in range(len(out)):
            out[i] = out[i] + state[j, i] + state[j + 1, i] + state[j + 2, i] + state[j + 3, i]
    for j in range(whole, start + n):
        for i in range(len(out)):
            out[i] += state[j, i]


@kernel
def larger_k(a: float, b: float) -> float:
    """Larger of two that are no NaN: ``max()`` would ask about that."""
    return a if a > b else b  # noqa: FURB136


@kernel
def largest_k(state: F64, start: int, n: int, out: F64) -> None:
    """Largest of the places start.. of each lane, none of them NaN."""
    out[:] = state[start]
    whole = start + n - n % 4
    for j in range(start, whole, 4):
        for i in range(len(out)):
            p = larger_k(state[j, i], state[j + 1, i])
            q = larger_k(state[j + 2, i], state[j + 3, i])
            out[i] = larger_k(larger_k(p, q), out[i])
    for j in range(whole, start + n):
        for i in range(len(out)):
            out[i] = larger_k(state[j, i], out[i])


@kernel
def lag_k(state: F64, at: int, i: int, n: int, x: float) -> float:
    """The observation n steps ago. state[1+n]: ring."""
    if np.isnan(x):
        return np.nan
    count = int(state[at, i])
    old = state[at + 1 + count - n, i] if count >= n else np.nan
    push_k(state, at, i, n, x)
    return old


@kernel
def true_range_k(before: float, high: float, low: float) -> float:
    """Largest of the candle's range and the ways from the close before to its high and low (Wilder, 1978)."""
    return max(high - low, max(abs(high - before), abs(low - before)))


@kernel
def accept_k(slots: NDArray[np.int64], ts: NDArray[np.int64], bars: F64, last: NDArray[np.int64], ok: NDArray[np.bool_]) -> int:
    """Gate of a bank of states: mark the rows that are finite and newer than the last of their slot; return how many are not."""
    refused = 0
    for i in range(len(slots)):
        nothing = 0.0
        for k in range(bars.shape[1]):
            nothing += bars[i, k] * 0.0  # NaN of what is not finite
        ok[i] = (ts[i] > last[slots[i]]) & (nothing == 0.0)
        if ok[i]:
            last[slots[i]] = ts[i]
        else:
            refused += 1
    return refused


@warmer
def _warm() -> None:
    """Compile the steps for float64 state; indicators inline them."""
    state, row = np.zeros((8, 1)), np.zeros(1)
    for average in (ewm_sma_k, wilder_k):
        average(state, 0, 0, 3.0, 1.0)
    push_all_k(state, 0, 3, row)
    for fold in (total_k, largest_k):
        fold(state, 1, 3, row.copy())
    blank_k(state[0], 3, row, row.copy())
    lag_k(state, 0, 0, 3, 1.0)
    true_range_k(1.0, 1.0, 1.0)
