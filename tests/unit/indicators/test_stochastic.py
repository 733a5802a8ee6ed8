"""Slow stochastic against TA-Lib."""

from __future__ import annotations

import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(400)


def test_equals_talib():
    got = run("stochastic", ROWS)
    k, d = talib.STOCH(ROWS["high"], ROWS["low"], ROWS["close"], 14, 3, 0, 3, 0)
    agree(got["stoch_k"], k)
    agree(got["stoch_d"], d)


def test_a_range_of_nothing_is_zero():
    rows = candles(30)
    for name in ("open", "high", "low", "close"):
        rows[name] = 100.0
    assert run("stochastic", rows)["stoch_k"][-1] == 0.0
    assert run("stochastic", rows, plain=True)["stoch_d"][-1] == 0.0
