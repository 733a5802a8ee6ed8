"""MFI against TA-Lib, and ties that round differently."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from tests.fakes.bars import agree, candles, run


@pytest.mark.parametrize("seed", range(8))
def test_equals_talib(seed):
    rows = candles(600, seed=seed)
    agree(run("mfi", rows)["mfi_14"], talib.MFI(rows["high"], rows["low"], rows["close"], rows["volume"].astype(float), 14))


def test_typical_prices_that_are_equal_in_ticks_are_no_move():
    """The sums of these are equal in paise and differ in floating point."""
    one, two = (101.05, 100.05, 100.3), (100.95, 100.15, 100.3)
    assert one[0] + one[1] + one[2] != two[0] + two[1] + two[2]
    assert round(sum(one), 6) == round(sum(two), 6)
    rows = candles(40)
    for name, a, b in zip(("high", "low", "close"), one, two, strict=True):
        rows[name] = np.where(np.arange(40) % 2, a, b)
    rows["close"][20], rows["high"][20] = 130.0, 130.0
    got = run("mfi", rows, plain=True)["mfi_14"]
    rise, fall = (130.0 + rows["low"][20] + 130.0) / 3 * rows["volume"][20], sum(one) / 3 * rows["volume"][21]
    assert got[30] == pytest.approx(100 * rise / (rise + fall), rel=1e-12)
    assert got[19] == 0.0
