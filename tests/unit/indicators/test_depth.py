"""Depth of history, from the registry."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.registry import INDICATORS
from pipeline.indicators.bank import Bank
from pipeline.indicators.depth import depth
from tests.fakes.bars import candles


def test_every_timeframe_covers_the_longest_average_and_the_sessions_before():
    assert {tf: depth(tf) for tf in (1, 3, 5, 10, 15, 60)} == {1: 1501, 3: 891, 5: 891, 10: 891, 15: 891, 60: 891}


@pytest.mark.parametrize("minutes", [5, 60])
def test_after_it_all_columns_are_warm_and_agree_with_a_longer_past(minutes):
    per_day, count = 375 // minutes, depth(minutes)
    rows = candles(3 * per_day * (count // per_day + 2), per_day=per_day)[: 3 * count]
    short, long = Bank(1), Bank(1)
    zero = np.zeros(len(rows), np.int64)
    values, _ = long.step(zero, rows)
    few, few_warm = short.step(zero[:count], rows[-count:])
    gaps = {c for _, s in INDICATORS.items() if s.has_gaps for c in s.columns}
    assert {c for c, w in zip(short.columns, few_warm[-1], strict=True) if not w} <= gaps
    at = [short.columns.index(f"ema_{n}") for n in (9, 20, 21, 50, 200)]
    np.testing.assert_allclose(few[-1, at], values[-1, at], rtol=2e-5)
    others = [i for i, c in enumerate(short.columns) if c.startswith(("sma", "bollinger", "donchian", "ichimoku", "vwap", "pivot"))]
    np.testing.assert_allclose(few[-1, others], values[-1, others], rtol=1e-9, atol=1e-9)
