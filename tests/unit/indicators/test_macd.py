"""MACD against TA-Lib: the three columns begin together."""

from __future__ import annotations

import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(400)


def test_equals_talib():
    got = run("macd", ROWS)
    for name, theirs in zip(("macd", "macd_signal", "macd_hist"), talib.MACD(ROWS["close"], 12, 26, 9), strict=True):
        agree(got[name], theirs)


def test_plain_twin_agrees():
    fast, slow = run("macd", ROWS[:60]), run("macd", ROWS[:60], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
