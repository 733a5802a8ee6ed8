"""Session VWAP against its definition."""

from __future__ import annotations

import numpy as np

from tests.fakes.bars import candles, run

ROWS = candles(100)


def typical(rows):
    return (rows["high"] + rows["low"] + rows["close"]) / 3


def test_equals_its_definition():
    expected = np.cumsum(typical(ROWS) * ROWS["volume"]) / np.cumsum(ROWS["volume"])
    np.testing.assert_allclose(run("vwap", ROWS)["vwap"], expected, rtol=1e-12)


def test_a_new_day_starts_anew():
    rows = candles(20)
    rows["ts"][10:] += 86_400_000
    got = run("vwap", rows)["vwap"]
    np.testing.assert_allclose(got[10], typical(rows)[10], rtol=1e-12)


def test_no_volume_no_vwap():
    rows = candles(5)
    rows["volume"] = 0
    assert np.isnan(run("vwap", rows, plain=True)["vwap"]).all()
