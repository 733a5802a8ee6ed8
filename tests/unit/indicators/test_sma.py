"""Plain averages against TA-Lib."""

from __future__ import annotations

import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(300)


def test_equals_talib():
    got = run("sma", ROWS)
    agree(got["sma_20"], talib.SMA(ROWS["close"], 20))
    agree(got["sma_50"], talib.SMA(ROWS["close"], 50))
    agree(got["volume_avg_20"], talib.SMA(ROWS["volume"].astype(float), 20))


def test_plain_twin_agrees():
    fast, slow = run("sma", ROWS[:60]), run("sma", ROWS[:60], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
