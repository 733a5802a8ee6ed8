"""Rolling steps against NumPy over the same window; compiled and plain twins alike."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.kernels import rolling as r

X = np.random.default_rng(5).normal(100.0, 3.0, 200)
SLOW = {
    r.mean_k: lambda w: w.mean(),
    r.min_k: lambda w: w.min(),
    r.max_k: lambda w: w.max(),
}


@pytest.mark.parametrize("n", [1, 2, 7, 30])
@pytest.mark.parametrize("step", SLOW, ids=lambda s: s.py_func.__name__)
def test_windows_equal_the_slow_way(step, n):
    state = np.zeros(2 + n)
    for i, x in enumerate(X):
        got = step(state, n, x)
        if i + 1 < n:
            assert np.isnan(got)
        else:
            assert got == pytest.approx(SLOW[step](X[i + 1 - n : i + 1]), rel=1e-13)


@pytest.mark.parametrize("n", [2, 20])
def test_mean_and_deviation(n):
    state = np.zeros(1 + n)
    got = [r.mean_std_k(state, n, x) for x in X]
    assert all(np.isnan(a) and np.isnan(b) for a, b in got[: n - 1])
    for i in range(n - 1, len(X)):
        window = X[i + 1 - n : i + 1]
        assert got[i] == pytest.approx((window.mean(), window.std()), rel=1e-12)


@pytest.mark.parametrize(("size", "n"), [(50, 20), (50, 50), (7, 1)])
def test_mean_and_deviation_of_a_part_of_a_ring(size, n):
    state = np.zeros(1 + size)
    for i, x in enumerate(X):
        r.push_k(state, size, x)
        got = r.newest_mean_std_k(state, size, n)
        window = X[max(i + 1 - n, 0) : i + 1]
        assert np.isnan(got).all() if i + 1 < n else got == pytest.approx((window.mean(), window.std()), rel=1e-12, abs=1e-12)
        assert got == r.newest_mean_std_k.py_func(state, size, n) or i + 1 < n


def test_a_ring_counts_to_its_size_and_goes_round():
    state = np.zeros(4)
    assert [r.push_k(state, 3, float(x)) for x in range(8)] == [1, 2, 3, 3, 3, 3, 3, 3]
    assert sorted(state[1:]) == [5.0, 6.0, 7.0]


def test_true_range():
    assert r.true_range_k(100.0, 103.0, 101.0) == 3.0
    assert r.true_range_k(100.0, 99.0, 96.0) == 4.0
    assert r.true_range_k(100.0, 101.0, 98.0) == 3.0


def test_lag_gives_the_value_n_steps_ago():
    state = np.zeros(4)
    assert [r.lag_k(state, 3, float(x)) for x in range(6)][3:] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(("step", "alpha"), [(r.ewm_sma_k, 2 / 11), (r.wilder_k, 1 / 10)])
def test_exponential_averages(step, alpha):
    state, value = np.zeros(2), np.nan
    for i, x in enumerate(X):
        got = step(state, 10.0, x)
        value = X[:10].mean() if i == 9 else value + alpha * (x - value)
        assert np.isnan(got) if i < 9 else got == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("step", [r.mean_k, r.min_k, r.max_k, r.lag_k, r.ewm_sma_k, r.wilder_k, r.mean_std_k])
def test_nan_in_gives_nan_out_and_no_change(step):
    state = np.zeros(8)
    for x in X[:5]:
        step(state, 3, x)
    before = state.copy()
    assert np.isnan(step(state, 3, np.nan)).all()
    assert state.tobytes() == before.tobytes()


@pytest.mark.parametrize("step", [r.mean_k, r.min_k, r.max_k, r.lag_k, r.ewm_sma_k, r.wilder_k])
def test_plain_twin_has_the_same_bits(step):
    a, b = np.zeros(8), np.zeros(8)
    for x in X[:50]:
        assert np.float64(step(a, 5, x)).tobytes() == np.float64(step.py_func(b, 5, x)).tobytes()


def test_the_gate_refuses_old_and_infinite_rows():
    slots, ts = np.array([0, 0, 0, 1, 1], np.int64), np.array([5, 5, 6, 1, 2], np.int64)
    bars = np.ones((5, 2))
    bars[3, 1] = np.inf
    last, ok = np.array([4, 0], np.int64), np.empty(5, np.bool_)
    assert r.accept_k(slots, ts, bars, last, ok) == 2
    assert ok.tolist() == [True, False, True, False, True]
    assert last.tolist() == [6, 2]
