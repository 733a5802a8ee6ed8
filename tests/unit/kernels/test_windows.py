"""Windows in two folds against NumPy over the same window, and against exact fractions."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import numpy as np
import pytest

from pipeline.kernels import windows as w
from tests.unit.kernels.test_lanes import X, name_of, stepped

SLOW = {
    w.mean_k: lambda window: window.mean(axis=0),
    w.min_k: lambda window: window.min(axis=0),
    w.max_k: lambda window: window.max(axis=0),
}


@pytest.mark.parametrize("n", [1, 2, 7, 30])
@pytest.mark.parametrize("step", SLOW, ids=name_of)
def test_windows_equal_the_slow_way(step, n):
    state = np.zeros((2 + n, X.shape[1]))
    for i, x in enumerate(X):
        got = stepped(step, state, n, x)[0]
        if i + 1 < n:
            assert np.isnan(got).all()
        else:
            assert got == pytest.approx(SLOW[step](X[i + 1 - n : i + 1]), rel=1e-13)


@pytest.mark.parametrize("n", [1, 7, 20, 50])
def test_mean_and_deviation(n):
    state = np.zeros((4 + 2 * n, X.shape[1]))
    for i, x in enumerate(X):
        got = stepped(w.mean_std_k, state, n, x)
        window = X[max(i + 1 - n, 0) : i + 1]
        wanted = np.stack([window.mean(axis=0), window.std(axis=0)])
        assert np.isnan(got).all() if i + 1 < n else got == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shape", ["still", "jump", "large"])
def test_deviation_keeps_its_digits(shape):
    """A price that stood still and moves now, a jump, and small moves on a large price: wherever a block ends, against exact fractions."""
    shapes = {"still": [2720.7] * 45, "jump": [2720.7] * 22 + [2720.75] * 20, "large": [6e4 + k % 3 * 0.05 for k in range(45)]}
    state, n, prices = np.zeros((44, 1)), 20, shapes[shape]
    for i, x in enumerate(prices):
        (mean,), (std,) = stepped(w.mean_std_k, state, n, [x])
        if i + 1 < n:
            continue
        window = [Fraction(x) for x in prices[i + 1 - n : i + 1]]
        assert std == pytest.approx(math.sqrt(statistics.pvariance(window)), rel=1e-13, abs=0.0)
        assert mean == pytest.approx(float(sum(window) / n), rel=1e-15)


def test_a_window_reads_few_places_whatever_its_length():
    """All but the count, the head and the place that comes after the next are poisoned: none is looked at."""
    for place in range(18):
        state = np.zeros((22, 1))
        for x in range(20 + place):
            stepped(w.max_k, state, 20, [float(x)])
        poisoned = np.full_like(state, 1e9)
        read = [0, 1, 2 + place + 1]
        poisoned[read] = state[read]
        assert stepped(w.max_k, poisoned, 20, [float(20 + place)])[0, 0] == 20 + place
