"""Momentum and rate of change against TA-Lib."""

from __future__ import annotations

import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(100)


def test_equals_talib():
    got = run("momentum", ROWS)
    agree(got["mom_10"], talib.MOM(ROWS["close"], 10))
    agree(got["roc_10"], talib.ROC(ROWS["close"], 10))


def test_plain_twin_agrees():
    fast, slow = run("momentum", ROWS[:30]), run("momentum", ROWS[:30], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
