"""RSI against TA-Lib."""

from __future__ import annotations

import numpy as np
import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(400)


def test_equals_talib():
    agree(run("rsi", ROWS)["rsi_14"], talib.RSI(ROWS["close"], 14))


def test_extremes():
    rows = candles(40)
    rows["close"] = 100.0 + np.arange(40)
    assert run("rsi", rows)["rsi_14"][-1] == 100.0
    rows["close"] = 100.0 - np.arange(40)
    assert run("rsi", rows)["rsi_14"][-1] == 0.0
    rows["close"] = 100.0
    assert run("rsi", rows)["rsi_14"][-1] == 0.0
    assert run("rsi", rows, plain=True)["rsi_14"][-1] == 0.0
