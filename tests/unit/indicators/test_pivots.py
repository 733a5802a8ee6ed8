"""Pivot levels: arithmetic by hand, and the cut first session."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.bars import candles, run


def test_levels_of_the_session_before():
    rows = candles(40, per_day=10)
    rows["high"][10:20], rows["low"][10:20] = 100.0, 90.0
    rows["high"][13], rows["low"][17], rows["close"][19] = 110.0, 80.0, 95.0
    got = {column: values[20:30] for column, values in run("pivots", rows).items()}
    expected = {"pivot": 95.0, "r1": 110.0, "r2": 125.0, "r3": 140.0, "s1": 80.0, "s2": 65.0, "s3": 50.0}
    for name, level in expected.items():
        values = got["pivot" if name == "pivot" else f"pivot_{name}"]
        assert values.tolist() == pytest.approx([level] * 10, rel=1e-12)


def test_the_session_in_which_history_begins_gives_none():
    got = run("pivots", candles(40, per_day=10), plain=True)["pivot"]
    assert np.isnan(got[:20]).all()
    assert not np.isnan(got[20:]).any()
    assert len(set(got[20:])) == 2
