"""Average volume against TA-Lib."""

from __future__ import annotations

import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(400)


def test_equals_talib():
    got = run("average_volume", ROWS)
    agree(got["volume_avg_20"], talib.SMA(ROWS["volume"].astype(float), 20))


def test_plain_twin_agrees():
    fast, slow = run("average_volume", ROWS[:60]), run("average_volume", ROWS[:60], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
