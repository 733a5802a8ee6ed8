"""Donchian channel against TA-Lib: no arithmetic but the middle, so to the last bit."""

from __future__ import annotations

import talib

from tests.fakes.bars import candles, run

ROWS = candles(400)


def test_equals_talib():
    got = run("donchian", ROWS)
    for name, theirs in zip(("upper", "middle", "lower"), talib.DONCHIAN(ROWS["high"], ROWS["low"], 20), strict=True):
        assert got[f"donchian_{name}"].tobytes() == theirs.tobytes()


def test_plain_twin_agrees():
    fast, slow = run("donchian", ROWS[:60]), run("donchian", ROWS[:60], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
