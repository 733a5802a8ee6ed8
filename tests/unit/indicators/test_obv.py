"""On-balance volume against TA-Lib: whole shares, so to the last bit."""

from __future__ import annotations

import talib

from tests.fakes.bars import candles, run

ROWS = candles(400)


def test_equals_talib():
    got = run("obv", ROWS)
    assert got["obv"].tolist() == talib.OBV(ROWS["close"], ROWS["volume"].astype(float)).tolist()


def test_plain_twin_agrees():
    fast, slow = run("obv", ROWS[:60]), run("obv", ROWS[:60], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
