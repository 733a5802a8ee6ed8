"""Plain averages and their bands against TA-Lib."""

from __future__ import annotations

import pytest
import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(300)


@pytest.mark.parametrize("period", [20, 50])
def test_equals_talib(period):
    got = run("sma", ROWS)
    agree(got[f"sma_{period}"], talib.SMA(ROWS["close"], period))
    for part, times in (("upper", 1), ("lower", -1)):
        agree(got[f"sma_{period}_{part}"], talib.SMA(ROWS["close"], period) + times * talib.STDDEV(ROWS["close"], period))


def test_plain_twin_agrees():
    fast, slow = run("sma", ROWS[:60]), run("sma", ROWS[:60], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
