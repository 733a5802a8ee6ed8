"""Keltner channels against TA-Lib: both averages begin together."""

from __future__ import annotations

import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(400)


def test_equals_talib():
    got = run("keltner", ROWS)
    for name, theirs in zip(("upper", "middle", "lower"), talib.KC(ROWS["high"], ROWS["low"], ROWS["close"], 20, 10, 2.0), strict=True):
        agree(got[f"keltner_{name}"], theirs)


def test_plain_twin_agrees():
    fast, slow = run("keltner", ROWS[:60]), run("keltner", ROWS[:60], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
