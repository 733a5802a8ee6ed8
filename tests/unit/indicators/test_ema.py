"""EMA against TA-Lib."""

from __future__ import annotations

import pytest
import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(600)


@pytest.mark.parametrize("period", [9, 20, 21, 50, 200])
def test_equals_talib(period):
    agree(run("ema", ROWS)[f"ema_{period}"], talib.EMA(ROWS["close"], period))


def test_plain_twin_agrees():
    fast, slow = run("ema", ROWS[:60]), run("ema", ROWS[:60], plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)
