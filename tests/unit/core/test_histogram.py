from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.histogram import Histogram


def test_quantiles_are_within_a_bucket_of_the_sorted_truth():
    values = np.random.default_rng(3).lognormal(5, 2, 20_000)
    one, other = Histogram(), Histogram()
    for value in values:
        one.add(value)
    other.add_all(values)
    assert (one.counts == other.counts).all()
    for part, found in zip((0.5, 0.99, 0.999), one.tail(), strict=True):
        assert found == pytest.approx(np.quantile(values, part, method="inverted_cdf"), rel=0.023)


def test_extremes_and_nothing():
    empty = Histogram()
    assert empty.tail() == [0.0, 0.0, 0.0]
    empty.add(0.0)
    empty.add(-5.0)
    empty.add(1e300)
    assert empty.total == 3
    assert empty.quantile(0.1) < 0.002
    assert empty.quantile(1.0) > 2**30
    empty.clear()
    assert empty.total == 0
    assert empty.counts.sum() == 0


def test_counts_of_another_are_added_or_taken():
    day, minute = Histogram(), Histogram()
    minute.add(3.0, 5)
    day.add_counts(minute)
    day.take(minute)
    assert (day.total, minute.total, minute.counts.sum()) == (10, 0, 0)


def test_many_of_one_value():
    h = Histogram()
    h.add(100.0, times=1000)
    assert h.total == 1000
    assert h.quantile(0.999) == pytest.approx(100.0, rel=0.023)
