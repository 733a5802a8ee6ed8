"""Rings, averages and the gate of a bank, each against the slow way."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.kernels import rolling as r
from tests.unit.kernels.test_lanes import LANES, X, stepped


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


def test_the_gate_refuses_old_and_infinite_rows():
    slots, ts = np.array([0, 0, 0, 1, 1], np.int64), np.array([5, 5, 6, 1, 2], np.int64)
    bars = np.ones((5, 2))
    bars[3, 1] = np.inf
    last, ok = np.array([4, 0], np.int64), np.empty(5, np.bool_)
    assert r.accept_k(slots, ts, bars, last, ok) == 2
    assert ok.tolist() == [True, False, True, False, True]
    assert last.tolist() == [6, 2]
