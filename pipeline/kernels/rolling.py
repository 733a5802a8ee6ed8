"""Rolling statistics, one observation at a time.

Every kernel is step(state, x) -> value. ``state`` is float64[k], laid out as its docstring says, zeros at first,
changed in place. x is float64; NaN in gives NaN out and leaves the state untouched. A value that is not
defined yet is NaN. The batch form is the step in a loop, so both agree to the last bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel, warmer

F64 = NDArray[np.float64]


@kernel
def ewm_sma_k(state: F64, n: float, x: float) -> float:
    """Exponential average, alpha 2/(n+1), seeded with the plain mean of the first n (TA-Lib's EMA).

    state[2]: count, sum then value.
    """
    if np.isnan(x):
        return np.nan
    if state[0] < n:
        state[0] += 1.0
        state[1] += x
        if state[0] < n:
            return np.nan
        state[1] /= n
        return state[1]
    state[1] += (x - state[1]) * (2.0 / (n + 1.0))
    return state[1]


@kernel
def wilder_k(state: F64, n: float, x: float) -> float:
    """Wilder's average, alpha 1/n, seeded with the mean of the first n. state[2]: count, sum then value."""
    if np.isnan(x):
        return np.nan
    if state[0] < n:
        state[0] += 1.0
        state[1] += x
        if state[0] < n:
            return np.nan
        state[1] /= n
        return state[1]
    state[1] = (state[1] * (n - 1.0) + x) / n
    return state[1]


@kernel
def push_k(state: F64, n: int, x: float) -> int:
    """Put x into the ring state[1:1+n] (state[0] counts for ever); return how many it holds."""
    count = int(state[0])
    state[1 + count % n] = x
    state[0] = count + 1.0
    return min(count + 1, n)


@kernel
def mean_k(state: F64, n: int, x: float) -> float:
    """Mean of the last n. state[1+n]: ring. Summed afresh each time, so that nothing drifts."""
    if np.isnan(x):
        return np.nan
    if push_k(state, n, x) < n:
        return np.nan
    total = 0.0
    for i in range(1, n + 1):
        total += state[i]
    return total / n


@kernel
def mean_std_k(state: F64, n: int, x: float) -> tuple[float, float]:
    """Mean and population standard deviation of the last n, in two passes. state[1+n]: ring."""
    if np.isnan(x):
        return np.nan, np.nan
    if push_k(state, n, x) < n:
        return np.nan, np.nan
    total = 0.0
    for i in range(1, n + 1):
        total += state[i]
    mean = total / n
    squares = 0.0
    for i in range(1, n + 1):
        squares += (state[i] - mean) * (state[i] - mean)
    return mean, np.sqrt(squares / n)


@kernel
def min_k(state: F64, n: int, x: float) -> float:
    """Smallest of the last n. state[1+n]: ring."""
    if np.isnan(x):
        return np.nan
    if push_k(state, n, x) < n:
        return np.nan
    best = state[1]
    for i in range(2, n + 1):
        best = min(best, state[i])
    return best


@kernel
def max_k(state: F64, n: int, x: float) -> float:
    """Largest of the last n. state[1+n]: ring."""
    if np.isnan(x):
        return np.nan
    if push_k(state, n, x) < n:
        return np.nan
    best = state[1]
    for i in range(2, n + 1):
        best = max(best, state[i])
    return best


@kernel
def lag_k(state: F64, n: int, x: float) -> float:
    """The observation n steps ago. state[1+n]: ring."""
    if np.isnan(x):
        return np.nan
    count = int(state[0])
    at = 1 + count % n
    old = state[at] if count >= n else np.nan
    state[at] = x
    state[0] = count + 1.0
    return old


@kernel
def accept_k(slots: NDArray[np.int64], ts: NDArray[np.int64], bars: F64, last: NDArray[np.int64], ok: NDArray[np.bool_]) -> int:
    """Gate of a bank of states: mark the rows that are finite and newer than the last of their slot; return how many are not."""
    refused = 0
    for i in range(len(slots)):
        ok[i] = ts[i] > last[slots[i]]
        for k in range(bars.shape[1]):
            ok[i] = ok[i] and np.isfinite(bars[i, k])
        if ok[i]:
            last[slots[i]] = ts[i]
        else:
            refused += 1
    return refused


@warmer
def _warm() -> None:
    """Compile the steps for float64 state; indicators inline them."""
    state = np.zeros(8)
    ewm_sma_k(state, 3.0, 1.0)
    wilder_k(np.zeros(8), 3.0, 1.0)
    for step in (mean_k, min_k, max_k, lag_k):
        step(np.zeros(8), 3, 1.0)
    mean_std_k(np.zeros(8), 3, 1.0)
