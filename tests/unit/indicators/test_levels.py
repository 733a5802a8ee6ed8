"""Support and resistance against lists, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.bars import agree, candles, run
from tests.fakes.slow_columns import frame_of, levels


@pytest.mark.parametrize("seed", range(4))
def test_equals_the_slow_one(seed):
    rows = candles(900, seed=seed)
    got = run("levels", rows)
    for column, theirs in levels(frame_of(rows)).items():
        agree(got[column], theirs)


def test_a_top_is_known_five_candles_later_and_a_higher_price_has_no_resistance():
    rows = candles(40)
    path = np.r_[np.arange(100.0, 115.0), np.arange(113.0, 103.0, -1), np.arange(105.0, 120.0)]
    for name in ("open", "high", "low", "close"):
        rows[name] = path
    got = run("levels", rows, plain=True)
    assert np.isnan(got["resistance"][:19]).all()
    assert set(got["resistance"][19:34].tolist()) == {114.0}
    assert np.isnan(got["resistance"][-1])
    assert got["support"][-1] == 114.0
    assert got["support"][30] == 104.0
