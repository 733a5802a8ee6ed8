"""Mean, deviation and extremes of the last n observations of many lanes, in a few places read a step, whatever n is.

``state``, ``at``, NaN and lanes are as in ``rolling.py``. A window of n always lies over the end of one block of n observations and the
beginning of the next. Of the block before, each place keeps the fold of all from there to its end; of the running block, its
observations and the fold of them so far: the window is two folds put together. When a block is over, its places are folded from the
end, and this window is the block itself. Nothing is ever taken out again, so nothing drifts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel, warmer
from pipeline.kernels.rolling import larger_k

F64 = NDArray[np.float64]


@kernel
def place_k(count: int, n: int) -> int:
    """Place of the next observation in its block; a count goes to n and then round from n to 2n - 1, see ``push_k``."""
    return count if count < n else count - n


@kernel
def after_k(count: int, n: int) -> int:
    """The count with one more."""
    return n if count + 1 == 2 * n else count + 1


@kernel
def max_k(state: F64, at: int, n: int, x: F64, out: F64) -> None:
    """Largest of the last n. state[2+n]: count, largest of the running block, its observations and the folds before."""
    head, first = at + 1, at + 2
    for i in range(len(x)):
        if np.isnan(x[i]):
            out[i] = np.nan
            continue
        count = int(state[at, i])
        place = place_k(count, n)
        best = x[i] if place == 0 else larger_k(state[head, i], x[i])
        state[at, i], state[head, i], state[first + place, i] = after_k(count, n), best, x[i]
        if place == n - 1:
            for j in range(first + n - 2, first - 1, -1):
                state[j, i] = larger_k(state[j + 1, i], state[j, i])
            out[i] = best
        else:
            out[i] = larger_k(best, state[first + place + 1, i]) if count >= n else np.nan


@kernel
def min_k(state: F64, at: int, n: int, x: F64, out: F64) -> None:
    """Smallest of the last n. state[2+n]: as of ``max_k``, of the negative."""
    negative = np.empty(len(x))
    for i in range(len(x)):
        negative[i] = -x[i]
    max_k(state, at, n, negative, out)
    for i in range(len(x)):
        out[i] = -out[i] if out[i] == out[i] else np.nan


@kernel
def mean_k(state: F64, at: int, n: int, x: F64, out: F64) -> None:
    """Mean of the last n. state[2+n]: as of ``max_k``, of sums."""
    head, first = at + 1, at + 2
    for i in range(len(x)):
        if np.isnan(x[i]):
            out[i] = np.nan
            continue
        count = int(state[at, i])
        place = place_k(count, n)
        total = x[i] if place == 0 else state[head, i] + x[i]
        state[at, i], state[head, i], state[first + place, i] = after_k(count, n), total, x[i]
        if place == n - 1:
            for j in range(first + n - 2, first - 1, -1):
                state[j, i] += state[j + 1, i]
            out[i] = total / n
        else:
            out[i] = (total + state[first + place + 1, i]) / n if count >= n else np.nan


@kernel
def mean_std_k(state: F64, at: int, n: int, x: F64, mean: F64, std: F64) -> None:
    """Mean and population standard deviation of the last n.

    Sums are of distances from the last observation of the block before, and from the newest when the window is the block itself. As
    that is one of the window, the squares are at most n times what is left of them in the end: no more than n units in the last
    place are lost, and a price that stands still has no deviation at all.
    state[4+2n]: count, where distances are from, their sum and sum of squares in the running block; its observations and the folded
    sums before, the folded squares.
    """
    origin, head, first = at + 1, at + 2, at + 4
    for i in range(len(x)):
        mean[i], std[i] = np.nan, np.nan
        if np.isnan(x[i]):
            continue
        count = int(state[at, i])
        place = place_k(count, n)
        if count == 0:
            state[origin, i] = x[i]
        far = x[i] - state[origin, i]
        total, squares = far, far * far
        if place > 0:
            total, squares = state[head, i] + total, state[head + 1, i] + squares
        state[at, i], state[head, i], state[head + 1, i], state[first + place, i] = after_k(count, n), total, squares, x[i]
        if place == n - 1:
            state[origin, i] = x[i]
            total, squares = 0.0, 0.0
            for j in range(first + n - 1, first - 1, -1):
                far = state[j, i] - x[i]
                total += far
                squares += far * far
                state[j, i], state[j + n, i] = total, squares
            mean[i], std[i] = total, squares
        elif count >= n:
            mean[i], std[i] = total + state[first + place + 1, i], squares + state[first + n + place + 1, i]
    for i in range(len(x)):
        left = std[i] - mean[i] * mean[i] / n
        mean[i] = state[origin, i] + mean[i] / n
        std[i] = np.sqrt(larger_k(0.0, left) / n)


@warmer
def _warm() -> None:
    """Compile the steps for float64 state; indicators inline them."""
    state, row = np.zeros((10, 1)), np.zeros(1)
    for step in (mean_k, min_k, max_k):
        step(state, 0, 3, row, row.copy())
    mean_std_k(state, 0, 3, row, row.copy(), row.copy())
