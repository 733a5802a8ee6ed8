"""Williams %R against TA-Lib."""

from __future__ import annotations

import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(400)


def test_equals_talib():
    agree(run("williams_r", ROWS)["willr_14"], talib.WILLR(ROWS["high"], ROWS["low"], ROWS["close"], 14))


def test_a_range_of_nothing_is_zero():
    rows = candles(30)
    for name in ("open", "high", "low", "close"):
        rows[name] = 100.0
    assert run("williams_r", rows)["willr_14"][-1] == run("williams_r", rows, plain=True)["willr_14"][-1] == 0.0
