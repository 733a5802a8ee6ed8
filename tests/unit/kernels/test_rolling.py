"""Rolling steps against NumPy over the same window; compiled and plain twins alike; lanes that do not know of each other."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import numpy as np
import pytest

from pipeline.kernels import rolling as r

LANES = 3
X = np.random.default_rng(5).normal(100.0, 3.0, (200, LANES))
SLOW = {
    r.mean_k: lambda w: w.mean(),
    r.min_k: lambda w: w.min(),
    r.max_k: lambda w: w.max(),
}
WHOLE = [r.mean_k, r.min_k, r.max_k, r.mean_std_k]
"""Steps of all lanes."""
LANE = [r.lag_k, r.ewm_sma_k, r.wilder_k]
"""Steps of one lane."""


def name_of(step):
    return step.py_func.__name__


def stepped(step, state, n, x, *, at=0, plain=False):
    """Give float64[values, lanes] of one observation of each lane."""
    call, x = step.py_func if plain else step, np.array(x, np.float64)
    if step in LANE:
        return np.array([[call(state, at, i, n, x[i]) for i in range(len(x))]])
    out = np.empty((2 if step is r.mean_std_k else 1, len(x)))
    call(state, at, n, x, *out)
    return out


@pytest.mark.parametrize("n", [1, 2, 7, 30])
@pytest.mark.parametrize("step", SLOW, ids=name_of)
def test_windows_equal_the_slow_way(step, n):
    state = np.zeros((1 + n, LANES))
    for i, x in enumerate(X):
        got = stepped(step, state, n, x)[0]
        if i + 1 < n:
            assert np.isnan(got).all()
        else:
            assert got == pytest.approx([SLOW[step](w) for w in X[i + 1 - n : i + 1].T], rel=1e-13)


@pytest.mark.parametrize("n", [1, 7, 20, 50])
def test_mean_and_deviation(n):
    state = np.zeros((1 + n, LANES))
    for i, x in enumerate(X):
        got = stepped(r.mean_std_k, state, n, x)
        window = X[max(i + 1 - n, 0) : i + 1]
        wanted = np.stack([window.mean(axis=0), window.std(axis=0)])
        assert np.isnan(got).all() if i + 1 < n else got == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_a_ring_counts_to_its_size_and_goes_round():
    state, counts = np.zeros((4, 1)), []
    for x in range(8):
        r.push_k(state, 0, 0, 3, float(x))
        counts.append(state[0, 0])
    assert counts == [1, 2, 3, 4, 5, 3, 4, 5], "full from three on"
    assert sorted(state[1:, 0]) == [5.0, 6.0, 7.0]


@pytest.mark.parametrize("n", range(1, 12))
def test_sums_and_extremes_take_every_place(n):
    state, out = np.random.default_rng(n).normal(size=(n + 2, LANES)), np.empty(LANES)
    r.total_k(state, 1, n, out)
    one_by_one = np.zeros(LANES)
    for place in state[1 : 1 + n]:
        one_by_one += place
    assert out.tobytes() == one_by_one.tobytes(), "in this order, to the last bit"
    r.largest_k(state, 1, n, out)
    assert out.tolist() == state[1 : 1 + n].max(axis=0).tolist()


def test_true_range():
    assert r.true_range_k(100.0, 103.0, 101.0) == 3.0
    assert r.true_range_k(100.0, 99.0, 96.0) == 4.0
    assert r.true_range_k(100.0, 101.0, 98.0) == 3.0


@pytest.mark.parametrize("shape", ["still", "jump", "large"])
def test_deviation_keeps_its_digits(shape):
    """A price that stood still and moves now, and small moves on a large price: against exact fractions."""
    window = {"still": [2720.7] * 20, "jump": [2720.7] * 19 + [2720.75], "large": [6e4 + k % 3 * 0.05 for k in range(20)]}[shape]
    state = np.zeros((21, 1))
    for x in window:
        (mean,), (std,) = stepped(r.mean_std_k, state, 20, [x])
    exact = statistics.pvariance([Fraction(x) for x in window])
    assert std == pytest.approx(math.sqrt(exact), rel=1e-13, abs=0.0)
    assert mean == pytest.approx(float(sum(map(Fraction, window)) / 20), rel=1e-15)


@pytest.mark.parametrize("step", WHOLE + LANE, ids=name_of)
def test_its_own_places_are_all_that_a_step_touches(step):
    state = np.full((12, LANES), 7.0)
    state[3:9] = 0.0
    for x in X[:9]:
        stepped(step, state, 5, x, at=3)
    assert (state[[0, 1, 2, 9, 10, 11]] == 7.0).all()


def test_lag_gives_the_value_n_steps_ago():
    state = np.zeros((4, 1))
    assert [r.lag_k(state, 0, 0, 3, float(x)) for x in range(6)][3:] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("step", "alpha"), [(r.ewm_sma_k, 2 / 11), (r.wilder_k, 1 / 10)])
def test_exponential_averages(step, alpha):
    state, value = np.zeros((2, LANES)), np.full(LANES, np.nan)
    for i, x in enumerate(X):
        got = stepped(step, state, 10.0, x)[0]
        value = X[:10].mean(axis=0) if i == 9 else value + alpha * (x - value)
        assert np.isnan(got).all() if i < 9 else got == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("step", WHOLE + LANE, ids=name_of)
def test_nan_in_gives_nan_out_and_no_change_of_that_lane(step):
    state = np.zeros((8, LANES))
    for x in X[:5]:
        stepped(step, state, 3, x)
    before, some = state.copy(), X[5].copy()
    some[1] = np.nan
    got = stepped(step, state, 3, some)
    assert np.isnan(got[:, 1]).all()
    assert not np.isnan(got[:, [0, 2]]).any()
    assert state[:, 1].tobytes() == before[:, 1].tobytes()
    assert all(state[:, i].tobytes() != before[:, i].tobytes() for i in (0, 2))


@pytest.mark.parametrize("lanes", [1, 2, 8, 37])
@pytest.mark.parametrize("step", WHOLE + LANE, ids=name_of)
def test_many_lanes_and_the_plain_twin_have_the_bits_of_one(step, lanes):
    """The compiler takes several lanes at once, and the rest one by one: no bit may tell."""
    walk = np.random.default_rng(lanes).normal(100.0, 3.0, (40, lanes))
    state, plain, alone = np.zeros((8, lanes)), np.zeros((8, lanes)), np.zeros((lanes, 8, 1))
    for x in walk:
        got = stepped(step, state, 5, x)
        assert got.tobytes() == stepped(step, plain, 5, x, plain=True).tobytes()
        assert got.tobytes() == np.hstack([stepped(step, one, 5, x[i : i + 1]) for i, one in enumerate(alone)]).tobytes()


def test_the_gate_refuses_old_and_infinite_rows():
    slots, ts = np.array([0, 0, 0, 1, 1], np.int64), np.array([5, 5, 6, 1, 2], np.int64)
    bars = np.ones((5, 2))
    bars[3, 1] = np.inf
    last, ok = np.array([4, 0], np.int64), np.empty(5, np.bool_)
    assert r.accept_k(slots, ts, bars, last, ok) == 2
    assert ok.tolist() == [True, False, True, False, True]
    assert last.tolist() == [6, 2]
