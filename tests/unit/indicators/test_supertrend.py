"""Supertrend against a slow one written from the definition, the way pandas-ta does it."""

from __future__ import annotations

import numpy as np
import talib

from tests.fakes.bars import agree, candles, run


def slow(rows, n=10, m=3.0):
    high, low, close = rows["high"], rows["low"], rows["close"]
    width = m * talib.ATR(high, low, close, n)
    upper, lower = (high + low) / 2 + width, (high + low) / 2 - width
    line, direction = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    side = 1
    for i in range(n, len(rows)):
        if i > n:
            if close[i] > upper[i - 1]:
                side = 1
            elif close[i] < lower[i - 1]:
                side = -1
            elif side > 0:
                lower[i] = max(lower[i], lower[i - 1])
            else:
                upper[i] = min(upper[i], upper[i - 1])
        line[i], direction[i] = (lower[i] if side > 0 else upper[i]), side
    return line, direction


def test_equals_the_slow_one_and_turns_both_ways():
    rows = candles(1500)
    line, direction = slow(rows)
    got = run("supertrend", rows)
    agree(got["supertrend"], line)
    agree(got["supertrend_dir"], direction)
    assert {-1.0, 1.0} <= set(direction[10:].tolist())


def test_the_stop_never_gives_way_within_a_trend():
    got = run("supertrend", candles(500), plain=True)
    line, side = got["supertrend"][10:], got["supertrend_dir"][10:]
    same = side[1:] == side[:-1]
    assert ((np.diff(line) * side[1:])[same] >= 0).all()
