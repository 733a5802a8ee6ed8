"""The chart job: patterns beside the indicators, and one entry for each hit."""

from __future__ import annotations

import numpy as np

from pipeline.core.types import CandleFlag, CandleWave, ChartWave, IndicatorWave, PatternHit
from pipeline.jobs.chart import job
from tests.fakes.bars import candles, found
from tests.fakes.context import context

ROWS = candles(300)


def wave(row):
    return IndicatorWave(int(row["ts"][0]) + 62_000, row, ("a",), np.ones((1, 1)), np.ones((1, 1), np.bool_))


def run(state, rows):
    return [list(job.step(state, wave(rows[i : i + 1]), 1)) for i in range(len(rows))]


def test_each_wave_carries_on_what_it_brought():
    out = run(job.initial(context()), ROWS)
    assert all(isinstance(o[0], ChartWave) and o[0].columns == ("a",) and o[0].values.tolist() == [[1.0]] for o in out)
    names = out[0][0].patterns
    assert [o[0].found[0, names.index("doji")] for o in out] == found(ROWS, "doji")


def test_hits_name_symbol_timeframe_and_side():
    hits = [h for o in run(job.initial(context()), ROWS) for h in o[1:]]
    assert hits
    assert all(isinstance(h, PatternHit) and h.symbol == "ALPHA" and h.timeframe == "1m" and h.ts > h.ts_candle for h in hits)
    assert {(h.pattern, h.side) for h in hits} >= {("doji", "neutral"), ("bullish_engulfing", "bullish"), ("bearish_engulfing", "bearish")}


def test_history_fills_the_rings():
    state = job.initial(context())
    past = ROWS[:100].copy()
    past["flags"] = int(CandleFlag.HISTORY)
    assert list(job.step(state, CandleWave(1, past), 1)) == []
    got = [o[0].found[0].tolist() for o in run(state, ROWS[100:])]
    assert got == [o[0].found[0].tolist() for o in run(job.initial(context()), ROWS)[100:]]


def test_a_restored_state_goes_on_bit_for_bit():
    state, twin = job.initial(context()), job.initial(context())
    run(state, ROWS[:150])
    job.load(twin, job.dump(state))
    assert [o[0].found.tolist() for o in run(state, ROWS[150:])] == [o[0].found.tolist() for o in run(twin, ROWS[150:])]
    assert job.dump(state) == job.dump(twin)
