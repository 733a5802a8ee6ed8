"""Volume profile against a dictionary of all finest buckets, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.bars import agree, candles, run
from tests.fakes.slow_columns import frame_of, profile


@pytest.mark.parametrize(("seed", "start"), [(1, 90.0), (2, 1500.0), (3, 60_000.0), (4, 5.0)])
def test_equals_the_slow_one(seed, start):
    rows = candles(400, seed=seed, start=start, per_day=130)
    got = run("volume_profile", rows)
    for column, theirs in profile(frame_of(rows)).items():
        agree(got[column], theirs)


def test_all_volume_at_one_price_and_then_more_elsewhere():
    rows = candles(3)
    for name in ("open", "high", "low", "close"):
        rows[name] = [4096.0, 4096.0, 4100.0]
    rows["volume"] = [10, 10, 100]
    got = run("volume_profile", rows, plain=True)
    assert got["poc"].tolist() == [4096.5, 4096.5, 4100.5]
    assert got["value_area_high"].tolist() == [4097.0, 4097.0, 4101.0]
    assert got["value_area_low"].tolist() == [4096.0, 4096.0, 4100.0]


def test_a_day_that_leaves_the_buckets_widens_them_and_loses_nothing():
    rows = candles(4)
    for name in ("open", "high", "low", "close"):
        rows[name] = [4096.0, 4200.0, 3900.0, 4096.0]
    rows["volume"] = [10, 20, 30, 40]
    got = run("volume_profile", rows, plain=True)
    assert got["poc"].tolist() == [4096.5, 4202.0, 3900.0, 4100.0]
    assert (got["value_area_low"][-1], got["value_area_high"][-1]) == (4096.0, 4208.0)
    assert all(run("volume_profile", rows)[c].tobytes() == got[c].tobytes() for c in got)


def test_no_volume_and_no_price_give_nothing():
    rows = candles(5)
    rows["volume"] = 0
    assert np.isnan(run("volume_profile", rows, plain=True)["poc"]).all()
    rows = candles(5)
    rows["high"][2] = 1e300
    assert np.isfinite(run("volume_profile", rows)["poc"]).all()
