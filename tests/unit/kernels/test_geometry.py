"""Parts of drawn candles, and averages against plain sums."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.kernels import geometry as g

WHITE, BLACK, HIGHER = (100.0, 104.0, 99.0, 103.0), (103.0, 104.0, 99.0, 100.0), (105.0, 108.0, 104.0, 107.0)


def pushed(*candles):
    view = np.zeros(g.VIEW)
    for i, candle in enumerate(candles):
        g.push_k(view, i, *candle)
    return view


def test_parts():
    v = pushed(HIGHER, BLACK, WHITE)
    assert [g.color_k(v, k) for k in (0, 1)] == [1, -1]
    assert (g.open_k(v, 0), g.high_k(v, 0), g.low_k(v, 0), g.close_k(v, 0)) == WHITE
    for k in (0, 1):
        assert (g.body_k(v, k), g.top_k(v, k), g.bottom_k(v, k)) == (3.0, 103.0, 100.0)
        assert (g.upper_k(v, k), g.lower_k(v, k)) == (1.0, 1.0)
        assert [g.size_k(v, k, column) for column in (g.BODIES, g.RANGES, g.SHADOWS, g.NEARS)] == [3.0, 5.0, 2.0, 5.0]


def test_gaps_are_between_bodies():
    v = pushed(WHITE, BLACK, HIGHER)
    assert g.is_gap_up_k(v, 0, 1)
    assert g.is_gap_down_k(v, 1, 0)
    assert not g.is_gap_up_k(v, 1, 2)


@pytest.fixture(scope="module")
def walk():
    rng = np.random.default_rng(3)
    bodies, above, below = rng.integers(-9, 10, 60), rng.integers(0, 9, 60), rng.integers(0, 9, 60)
    return [(100.0, 100.0 + max(b, 0) + a, 100.0 + min(b, 0) - l, 100.0 + b) for b, a, l in zip(bodies, above, below, strict=True)]


@pytest.mark.parametrize("n", [11, 12, 15, 20, 60])
def test_averages_are_those_before_each_candle(walk, n):
    v = pushed(*walk[:n])
    o, h, l, c = np.array(walk[:n]).T
    for k in range(g.BACK):
        end = n - 1 - k
        if end < 10:
            continue
        first = 10 + k
        bodies, ranges = abs(c - o)[end - 10 : end].mean(), (h - l)[end - 10 : end].mean()
        assert g.is_long_k(v, k, first) == (abs(c[end] - o[end]) > bodies)
        assert g.is_short_k(v, k, first) == (abs(c[end] - o[end]) < bodies)
        assert g.is_doji_k(v, k, first) == (abs(c[end] - o[end]) <= 0.1 * ranges)
        assert g.very_short_k(v, k, first) == pytest.approx(0.1 * ranges, rel=1e-12)
        assert g.short_k(v, k, first) == pytest.approx((ranges - bodies) / 2, rel=1e-12)
        near = (h - l)[end - 5 : end].mean()
        assert g.near_k(v, k, first) == pytest.approx(0.2 * near, rel=1e-12)
        assert g.far_k(v, k, first) == pytest.approx(0.6 * near, rel=1e-12)
        assert g.equal_k(v, k, first) == pytest.approx(0.05 * near, rel=1e-12)


def test_totals_differ_only_by_where_they_were_opened(walk):
    """On whole numbers no sum is rounded: then all of them are the same number."""
    v = pushed(*walk)
    totals = v[g.TOTALS :]
    for column, seeds in ((g.BODIES, g.LONG_SEEDS), (g.RANGES, g.LONG_SEEDS), (g.SHADOWS, g.LONG_SEEDS), (g.NEARS, g.SHORT_SEEDS)):
        assert len(set(totals[column : column + seeds].tolist())) == 1


def test_a_total_is_opened_at_its_candle_by_a_sum_oldest_first():
    """0.3 + 0.1 + ... is not 0.1 + ... + 0.3: the order is TA-Lib's."""
    sizes = [0.3, 0.1, 1e17, -1e17, 0.7, 0.2, 0.9, 0.4, 0.8, 0.6, 0.5, 0.25, 0.15]
    for at in (10, 11, 12):
        v = pushed(*((0.0, size, 0.0, 0.0) for size in sizes[: at + 1]))
        total = 0.0
        for size in sizes[at - 10 : at]:
            total += size
        assert v[g.TOTALS + g.RANGES + at - 10] == total


def test_a_pattern_with_a_later_start_takes_the_last_total(walk):
    v = pushed(*walk)
    assert g.average_k(v, 0, 40, g.BODIES) == g.average_k(v, 0, 14, g.BODIES)
    assert g.near_average_k(v, 0, 40) == g.near_average_k(v, 0, 11)


def test_the_plain_twin_gives_the_same_bits(walk):
    plain = np.zeros(g.VIEW)
    for i, candle in enumerate(walk):
        g.push_k.py_func(plain, i, *candle)
    assert plain.tobytes() == pushed(*walk).tobytes()
