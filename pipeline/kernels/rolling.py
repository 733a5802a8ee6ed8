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
    """Put x into the ring state[1:1+n]; return how many it holds.

    state[0] counts to n and then goes round from n to 2n - 1: no division finds the next place.
    """
    at = int(state[0])
    state[1 + (at if at < n else at - n)] = x
    at += 1
    state[0] = n if at == 2 * n else at
    return min(at, n)


@kernel
def total_k(state: F64, start: int, n: int) -> float:
    """Sum of state[start:start+n] in four lanes: one long chain of additions would wait for itself."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = start + n - n % 4
    for i in range(start, whole, 4):
        a += state[i]
        b += state[i + 1]
        c += state[i + 2]
        d += state[i + 3]
    for i in range(whole, start + n):
        a += state[i]
    return (a + b) + (c + d)


@kernel
def squares_k(state: F64, start: int, n: int, mean: float) -> float:
    """Sum of squared distances of state[start:start+n] from a mean, in four lanes."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = start + n - n % 4
    for i in range(start, whole, 4):
        a += (state[i] - mean) * (state[i] - mean)
        b += (state[i + 1] - mean) * (state[i + 1] - mean)
        c += (state[i + 2] - mean) * (state[i + 2] - mean)
        d += (state[i + 3] - mean) * (state[i + 3] - mean)
    for i in range(whole, start + n):
        a += (state[i] - mean) * (state[i] - mean)
    return (a + b) + (c + d)


@kernel
def mean_k(state: F64, n: int, x: float) -> float:
    """Mean of the last n. state[1+n]: ring. Summed afresh each time, so that nothing drifts."""
    if np.isnan(x):
        return np.nan
    if push_k(state, n, x) < n:
        return np.nan
    return total_k(state, 1, n) / n


@kernel
def newest_mean_std_k(state: F64, size: int, n: int) -> tuple[float, float]:
    """Mean and population standard deviation of the newest n in a ring of ``size`` >= n, in two passes. state[1+size]: ring."""
    held = int(state[0])
    if held < n:
        return np.nan, np.nan
    end = held if held <= size else held - size
    back = min(end, n)
    rest = n - back
    mean = (total_k(state, 1 + end - back, back) + total_k(state, 1 + size - rest, rest)) / n
    squares = squares_k(state, 1 + end - back, back, mean) + squares_k(state, 1 + size - rest, rest, mean)
    return mean, np.sqrt(squares / n)


@kernel
def mean_std_k(state: F64, n: int, x: float) -> tuple[float, float]:
    """Mean and population standard deviation of the last n, in two passes. state[1+n]: ring."""
    if np.isnan(x):
        return np.nan, np.nan
    if push_k(state, n, x) < n:
        return np.nan, np.nan
    mean = total_k(state, 1, n) / n
    return mean, np.sqrt(squares_k(state, 1, n, mean) / n)


@kernel
def max_k(state: F64, n: int, x: float) -> float:
    """Largest of the last n. state[2+n]: the largest, ring. Looks through the ring only when the largest has left it."""
    if np.isnan(x):
        return np.nan
    ring = state[1:]
    at = int(ring[0])
    gone = ring[1 + at - n] if at >= n else np.inf
    held = push_k(ring, n, x)
    if at == 0 or x >= state[0]:
        state[0] = x
    elif gone == state[0]:
        best = ring[1]
        for i in range(2, n + 1):
            best = max(best, ring[i])
        state[0] = best
    return state[0] if held == n else np.nan


@kernel
def min_k(state: F64, n: int, x: float) -> float:
    """Smallest of the last n. state[2+n]: as of ``max_k``, of the negative."""
    best = max_k(state, n, -x)
    return np.nan if np.isnan(best) else -best


@kernel
def true_range_k(before: float, high: float, low: float) -> float:
    """Largest of the candle's range and the ways from the close before to its high and low (Wilder, 1978)."""
    return max(high - low, max(abs(high - before), abs(low - before)))


@kernel
def lag_k(state: F64, n: int, x: float) -> float:
    """The observation n steps ago. state[1+n]: ring."""
    if np.isnan(x):
        return np.nan
    at = int(state[0])
    old = state[1 + at - n] if at >= n else np.nan
    push_k(state, n, x)
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
    newest_mean_std_k(np.zeros(8), 3, 2)
    true_range_k(1.0, 1.0, 1.0)
