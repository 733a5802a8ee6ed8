"""Session VWAP against its definition."""

from __future__ import annotations

import numpy as np
import talib

from tests.fakes.bars import agree, candles, run
from tests.fakes.slow_columns import frame_of, vwap

ROWS = candles(100)


def typical(rows):
    return (rows["high"] + rows["low"] + rows["close"]) / 3


def test_equals_talib_within_a_day():
    agree(run("vwap", ROWS)["vwap"], talib.VWAP(ROWS["high"], ROWS["low"], ROWS["close"], ROWS["volume"].astype(float)))


def test_bands_are_weighted_deviations_of_the_day():
    rows = candles(300, per_day=75)
    got = run("vwap", rows)
    for column, theirs in vwap(frame_of(rows)).items():
        agree(got[column], theirs)


def test_plain_twin_agrees():
    fast, slow = run("vwap", ROWS), run("vwap", ROWS, plain=True)
    assert all(fast[c].tobytes() == slow[c].tobytes() for c in fast)


def test_a_new_day_starts_anew():
    rows = candles(20)
    rows["ts"][10:] += 86_400_000
    got = run("vwap", rows)["vwap"]
    np.testing.assert_allclose(got[10], typical(rows)[10], rtol=1e-12)


def test_no_volume_no_vwap():
    rows = candles(5)
    rows["volume"] = 0
    assert np.isnan(run("vwap", rows, plain=True)["vwap"]).all()
