"""The history job marks what it passes on."""

from __future__ import annotations

import numpy as np

from pipeline.core.types import CandleFlag, CandleWave
from pipeline.jobs.history import job
from tests.fakes.bars import candles
from tests.fakes.context import context
from tests.fakes.shown import samples_of


def test_candles_are_marked_and_sampled():
    rows = np.frombuffer(candles(3).tobytes(), candles(3).dtype)
    wave, *shown = job.step(job.initial(context()), CandleWave(5, rows), 5)
    assert wave.rows["flags"].tolist() == [int(CandleFlag.HISTORY)] * 3
    assert wave.rows["close"].tolist() == rows["close"].tolist()
    told = samples_of(shown)
    assert len(told) == 18
    assert told["candle:ALPHA:1m:close", int(rows["ts"][2])] == rows["close"][2]


def test_what_was_told_is_not_told_again_after_a_restart():
    state, twin = job.initial(context()), job.initial(context())
    assert list(job.step(state, CandleWave(5, candles(3)), 5))
    job.load(twin, job.dump(state))
    for one in (state, twin):
        assert list(job.step(one, CandleWave(5, candles(3)), 9)) == []
        assert list(job.step(one, CandleWave(6, candles(3)), 9))
