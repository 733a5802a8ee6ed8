"""Rolling statistics, one observation at a time.

Every kernel is step(state, at, n, x) -> value over ``state[at:]``, float64, laid out as its docstring says, zeros at first, changed in
place: one array holds what an indicator carries, and a place in it costs nothing, while a slice of it costs more than most steps.
x is float64; NaN in gives NaN out and leaves the state untouched. A value that is not defined yet is NaN. The batch form
is the step in a loop, so both agree to the last bit. Give ``at`` and ``n`` as constants where you can: the compiler then
unrolls the loops, which takes a fifth of the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel, warmer

F64 = NDArray[np.float64]


@kernel
def ewm_sma_k(state: F64, at: int, n: float, x: float) -> float:
    """Exponential average, alpha 2/(n+1), seeded with the plain mean of the first n (TA-Lib's EMA).

    state[2]: count, sum then value.
    """
    if np.isnan(x):
        return np.nan
    if state[at] < n:
        state[at] += 1.0
        state[at + 1] += x
        if state[at] < n:
            return np.nan
        state[at + 1] /= n
        return state[at + 1]
    state[at + 1] += (x - state[at + 1]) * (2.0 / (n + 1.0))
    return state[at + 1]


@kernel
def wilder_k(state: F64, at: int, n: float, x: float) -> float:
    """Wilder's average, alpha 1/n, seeded with the mean of the first n. state[2]: count, sum then value."""
    if np.isnan(x):
        return np.nan
    if state[at] < n:
        state[at] += 1.0
        state[at + 1] += x
        if state[at] < n:
            return np.nan
        state[at + 1] /= n
        return state[at + 1]
    state[at + 1] = (state[at + 1] * (n - 1.0) + x) / n
    return state[at + 1]


@kernel
def push_k(state: F64, at: int, n: int, x: float) -> int:
    """Put x into the ring that follows the count; return how many it holds. state[1+n]: count, ring.

    The count goes to n and then round from n to 2n - 1: no division finds the next place.
    """
    count = int(state[at])
    state[at + 1 + (count if count < n else count - n)] = x
    count += 1
    state[at] = n if count == 2 * n else count
    return min(count, n)


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
def off_k(state: F64, start: int, n: int, x: float) -> tuple[float, float]:
    """Sum of the distances of state[start:start+n] from x, and of their squares, in four lanes."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    aa, bb, cc, dd = 0.0, 0.0, 0.0, 0.0
    whole = start + n - n % 4
    for i in range(start, whole, 4):
        p, q, r, s = state[i] - x, state[i + 1] - x, state[i + 2] - x, state[i + 3] - x
        a, b, c, d = a + p, b + q, c + r, d + s
        aa, bb, cc, dd = aa + p * p, bb + q * q, cc + r * r, dd + s * s
    for i in range(whole, start + n):
        p = state[i] - x
        a, aa = a + p, aa + p * p
    return (a + b) + (c + d), (aa + bb) + (cc + dd)


@kernel
def mean_k(state: F64, at: int, n: int, x: float) -> float:
    """Mean of the last n. state[1+n]: ring. Summed afresh each time, so that nothing drifts."""
    if np.isnan(x):
        return np.nan
    if push_k(state, at, n, x) < n:
        return np.nan
    return total_k(state, at + 1, n) / n


@kernel
def mean_std_k(state: F64, at: int, n: int, x: float) -> tuple[float, float]:
    """Mean and population standard deviation of the last n. state[1+n]: ring.

    In one pass over distances from the newest: as it is one of them, the squares are at most n times what is left of them in the
    end, so no more than n units in the last place are lost, and a price that stands still has no deviation at all.
    """
    if np.isnan(x):
        return np.nan, np.nan
    if push_k(state, at, n, x) < n:
        return np.nan, np.nan
    total, squares = off_k(state, at + 1, n, x)
    return x + total / n, np.sqrt(max(squares - total * total / n, 0.0) / n)


@kernel
def largest_k(state: F64, start: int, n: int) -> float:
    """Largest of state[start:start+n], none of them NaN, in four lanes."""
    a = b = c = d = state[start]
    whole = start + n - n % 4
    for i in range(start, whole, 4):
        a = state[i] if state[i] > a else a  # noqa: FURB136  (max() would ask about NaN)
        b = state[i + 1] if state[i + 1] > b else b  # noqa: FURB136
        c = state[i + 2] if state[i + 2] > c else c  # noqa: FURB136
        d = state[i + 3] if state[i + 3] > d else d  # noqa: FURB136
    for i in range(whole, start + n):
        a = state[i] if state[i] > a else a  # noqa: FURB136
    return max(max(a, b), max(c, d))


@kernel
def max_k(state: F64, at: int, n: int, x: float) -> float:
    """Largest of the last n. state[2+n]: the largest, ring. Looks through the ring only when the largest has left it."""
    if np.isnan(x):
        return np.nan
    count = int(state[at + 1])
    gone = state[at + 2 + count - n] if count >= n else np.inf
    held = push_k(state, at + 1, n, x)
    if count == 0 or x >= state[at]:
        state[at] = x
    elif gone == state[at]:
        state[at] = largest_k(state, at + 2, n)
    return state[at] if held == n else np.nan


@kernel
def min_k(state: F64, at: int, n: int, x: float) -> float:
    """Smallest of the last n. state[2+n]: as of ``max_k``, of the negative."""
    best = max_k(state, at, n, -x)
    return np.nan if np.isnan(best) else -best


@kernel
def lag_k(state: F64, at: int, n: int, x: float) -> float:
    """The observation n steps ago. state[1+n]: ring."""
    if np.isnan(x):
        return np.nan
    count = int(state[at])
    old = state[at + 1 + count - n] if count >= n else np.nan
    push_k(state, at, n, x)
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
    for average in (ewm_sma_k, wilder_k):
        average(np.zeros(8), 0, 3.0, 1.0)
    for step in (mean_k, min_k, max_k, lag_k):
        step(np.zeros(8), 0, 3, 1.0)
    mean_std_k(np.zeros(8), 0, 3, 1.0)
    true_range_k(1.0, 1.0, 1.0)
