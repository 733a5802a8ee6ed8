"""Supertrend against TA-Lib."""

from __future__ import annotations

import numpy as np
import talib

from tests.fakes.bars import agree, candles, run


def test_equals_talib_and_turns_both_ways():
    rows = candles(1500)
    line, direction = talib.SUPERTREND(rows["high"], rows["low"], rows["close"], 10, 3.0)
    got = run("supertrend", rows)
    agree(got["supertrend"], line)
    assert np.isnan(got["supertrend_dir"][:10]).all()
    assert got["supertrend_dir"][10:].tolist() == direction[10:].tolist()
    assert set(direction[10:].tolist()) == {-1, 1}


def test_the_stop_never_gives_way_within_a_trend():
    got = run("supertrend", candles(500), plain=True)
    line, side = got["supertrend"][10:], got["supertrend_dir"][10:]
    same = side[1:] == side[:-1]
    assert ((np.diff(line) * side[1:])[same] >= 0).all()
