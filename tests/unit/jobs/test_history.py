"""The history job marks what it passes on."""

from __future__ import annotations

import numpy as np

from pipeline.core.job import SampleWrite
from pipeline.core.types import CandleFlag, CandleWave
from pipeline.jobs.history import job
from tests.fakes.bars import candles
from tests.fakes.context import context


def test_candles_are_marked_and_sampled():
    rows = np.frombuffer(candles(3).tobytes(), candles(3).dtype)
    wave, *samples = job.step(job.initial(context()), CandleWave(5, rows), 5)
    assert wave.rows["flags"].tolist() == [int(CandleFlag.HISTORY)] * 3
    assert wave.rows["close"].tolist() == rows["close"].tolist()
    assert len(samples) == 18
    assert all(isinstance(s, SampleWrite) for s in samples)


def test_there_is_no_state():
    state = job.initial(context())
    job.load(state, job.dump(state))
    assert state == job.initial(context())
