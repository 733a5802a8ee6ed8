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


def test_there_is_no_state():
    state = job.initial(context())
    job.load(state, job.dump(state))
    assert state == job.initial(context())
