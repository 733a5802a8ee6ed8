"""ATR against TA-Lib."""

from __future__ import annotations

import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(400)


def test_equals_talib():
    agree(run("atr", ROWS)["atr_14"], talib.ATR(ROWS["high"], ROWS["low"], ROWS["close"], 14))


def test_plain_twin_agrees():
    assert run("atr", ROWS[:60])["atr_14"].tobytes() == run("atr", ROWS[:60], plain=True)["atr_14"].tobytes()
