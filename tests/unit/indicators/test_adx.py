"""Directional movement against TA-Lib."""

from __future__ import annotations

import numpy as np
import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(500)


def check(rows, **how):
    got, hlc = run("adx", rows, **how), (rows["high"], rows["low"], rows["close"])
    agree(got["adx_14"], talib.ADX(*hlc, 14))
    agree(got["plus_di"], talib.PLUS_DI(*hlc, 14))
    agree(got["minus_di"], talib.MINUS_DI(*hlc, 14))


def test_equals_talib():
    check(ROWS)
    check(ROWS[:80], plain=True)


def test_a_market_that_stands_still():
    rows = candles(80)
    for name in ("open", "high", "low", "close"):
        rows[name] = 100.0
    check(rows)
    rows["high"][40:] += np.arange(40) * 0.05
    check(rows)
    check(rows, plain=True)
