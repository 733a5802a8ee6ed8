"""What holds of every step of lanes: they do not know of each other, the compiled and the plain twin are alike, NaN leaves a lane alone."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.kernels import rolling as r
from pipeline.kernels import windows as w

LANES = 3
X = np.random.default_rng(5).normal(100.0, 3.0, (200, LANES))
WHOLE = [w.mean_k, w.min_k, w.max_k, w.mean_std_k]
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
    out = np.empty((2 if step is w.mean_std_k else 1, len(x)))
    call(state, at, n, x, *out)
    return out


@pytest.mark.parametrize("step", WHOLE + LANE, ids=name_of)
def test_its_own_places_are_all_that_a_step_touches(step):
    state = np.full((20, LANES), 7.0)
    state[3:17] = 0.0
    for x in X[:13]:
        stepped(step, state, 5, x, at=3)
    assert (state[[0, 1, 2, 17, 18, 19]] == 7.0).all()


@pytest.mark.parametrize("step", WHOLE + LANE, ids=name_of)
def test_nan_in_gives_nan_out_and_no_change_of_that_lane(step):
    state = np.zeros((10, LANES))
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
    state, plain, alone = np.zeros((14, lanes)), np.zeros((14, lanes)), np.zeros((lanes, 14, 1))
    for x in walk:
        got = stepped(step, state, 5, x)
        assert got.tobytes() == stepped(step, plain, 5, x, plain=True).tobytes()
        assert got.tobytes() == np.hstack([stepped(step, one, 5, x[i : i + 1]) for i, one in enumerate(alone)]).tobytes()
