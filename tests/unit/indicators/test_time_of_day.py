"""Time-of-day factor: what is usual is learned from the days before."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.bars import agree, candles, run
from tests.fakes.slow_columns import frame_of, time_of_day


def test_equals_the_slow_one():
    rows = candles(1500, per_day=75)
    agree(run("time_of_day", rows)["volume_tod_factor"], time_of_day(frame_of(rows))["volume_tod_factor"])


def test_days_before_in_the_same_five_minutes():
    rows = candles(50, per_day=10)
    rows["volume"] = np.r_[[100] * 5, [10] * 5, [300] * 5, [10] * 5, [200] * 5, [10] * 5, [400] * 5, [5] * 5, [125] * 5, [35] * 5]
    got = run("time_of_day", rows, plain=True)["volume_tod_factor"]
    assert np.isnan(got[:30]).all(), "two days are not enough"
    assert got[30:40].tolist() == pytest.approx([2.0] * 5 + [0.5] * 5)
    assert got[40:].tolist() == pytest.approx([0.5] * 5 + [4.0] * 5)


def test_no_usual_volume_no_factor_and_evenings_teach_nothing():
    rows = candles(50, per_day=10)
    rows["volume"][:30] = 0
    got = run("time_of_day", rows)["volume_tod_factor"]
    assert np.isnan(got[:40]).all()
    assert not np.isnan(got[40:]).any()
    rows = candles(50, per_day=10)
    rows["ts"] += 9 * 3_600_000  # from 18:15
    assert np.isnan(run("time_of_day", rows)["volume_tod_factor"]).all()
