"""CCI against TA-Lib, to the last bit where the market moves."""

from __future__ import annotations

import numpy as np
import pytest
import talib

from tests.fakes.bars import candles, run


@pytest.mark.parametrize("start", [90.0, 60_000.0])
def test_has_talibs_bits(start):
    rows = candles(400, start=start)
    ours, theirs = run("cci", rows)["cci_20"], talib.CCI(rows["high"], rows["low"], rows["close"], 20)
    assert ours.tobytes() == theirs.tobytes()


def test_a_market_that_stands_still():
    rows = candles(60)
    for name in ("open", "high", "low", "close"):
        rows[name][20:] = 2720.7
    ours, theirs = run("cci", rows, plain=True)["cci_20"], talib.CCI(rows["high"], rows["low"], rows["close"], 20)
    np.testing.assert_allclose(ours[19:], theirs[19:], rtol=1e-9)
    assert ours[-1] == 0.0
