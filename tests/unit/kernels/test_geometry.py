"""Parts of drawn candles."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.kernels import geometry as g

WHITE, BLACK, HIGHER = (100.0, 104.0, 99.0, 103.0), (103.0, 104.0, 99.0, 100.0), (105.0, 108.0, 104.0, 107.0)


@pytest.fixture
def ring():
    out = np.zeros((g.DEPTH, 4))
    for i, candle in enumerate((WHITE, BLACK, HIGHER)):
        out[i] = candle
    return out


def test_parts(ring):
    assert [g.color_k(ring, i) for i in (0, 1)] == [1, -1]
    for i in (0, 1):
        assert (g.body_k(ring, i), g.top_k(ring, i), g.bottom_k(ring, i)) == (3.0, 103.0, 100.0)
        assert (g.upper_k(ring, i), g.lower_k(ring, i)) == (1.0, 1.0)
        assert (g.size_k(ring, i, g.BODY), g.size_k(ring, i, g.RANGE)) == (3.0, 5.0)


def test_gaps_are_between_bodies(ring):
    assert g.is_gap_up_k(ring, 2, 1)
    assert g.is_gap_down_k(ring, 1, 2)
    assert not g.is_gap_up_k(ring, 1, 0)


def test_totals_roll_and_wrap():
    ring = np.zeros((g.DEPTH, 4))
    sizes = np.arange(1.0, 40.0)
    total = 0.0
    for i, size in enumerate(sizes):
        ring[i % g.DEPTH] = (0.0, size, 0.0, size)
        if i == 10:
            total = g.total_k(ring, i, g.BODY, 10)
        if i >= 10:
            assert total == sizes[i - 10 : i].sum() == g.total_k(ring, i, g.RANGE, 10)
            total = g.roll_k(total, ring, i, g.BODY, 10)
