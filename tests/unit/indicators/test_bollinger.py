"""Bollinger bands against TA-Lib."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from tests.fakes.bars import agree, candles, run

ROWS = candles(400)


def test_equals_talib():
    got = run("bollinger", ROWS)
    for name, theirs in zip(("upper", "middle", "lower"), talib.BBANDS(ROWS["close"], 20, 2, 2), strict=True):
        agree(got[f"bollinger_{name}"], theirs)
    known = got["bollinger_width"][19:]
    np.testing.assert_allclose(known, (got["bollinger_upper"] - got["bollinger_lower"])[19:] / got["bollinger_middle"][19:])


def test_a_still_price_has_no_width():
    rows = candles(40)
    rows["close"] = 2720.7
    got = run("bollinger", rows, plain=True)
    assert got["bollinger_width"][-1] == pytest.approx(0.0, abs=1e-12)
