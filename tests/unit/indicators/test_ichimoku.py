"""Ichimoku against pandas, and where the cloud stands."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.bars import agree, candles, run
from tests.fakes.slow_columns import frame_of, ichimoku


@pytest.mark.parametrize("seed", range(4))
def test_equals_pandas(seed):
    rows = candles(700, seed=seed)
    got = run("ichimoku", rows)
    for column, theirs in ichimoku(frame_of(rows)).items():
        agree(got[column], theirs)


def test_the_cloud_over_a_candle_is_26_candles_old():
    rows = candles(120)
    got = run("ichimoku", rows, plain=True)
    then = slice(40 - 8, 41), slice(40 - 25, 41)
    middles = [(rows["high"][s].max() + rows["low"][s].min()) / 2 for s in then]
    assert got["ichimoku_senkou_a"][66] == np.mean(middles)
    assert got["ichimoku_chikou"][66] == rows["close"][66] - rows["close"][40]
