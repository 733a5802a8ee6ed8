from pipeline.core.job import Context, HashWrite
from pipeline.core.schema import REGIME
from pipeline.core.types import Recommendation, Signal
from pipeline.jobs.filtering import job
from tests.fakes.trading import DATE, PAPERS, PARAMS, at, day, wave

T = at("10:01")
CONTEXT = Context(PAPERS, DATE, "paper", PARAMS, day())
BASE = {"sid": 0, "rsi_14": 60.0, "atr_14": 1.0, "vwap": 100.0, "adx_14": 30.0}
DOWN, UP = BASE | {"close": 99.0, "ema_9": 99.5, "ema_21": 100.0}, BASE | {"close": 101.0, "ema_9": 100.5, "ema_21": 100.0}


def run(state, ts, *rows):
    return list(job.step(state, wave(ts, *rows), ts))


def test_waves_become_signals_and_recommendations():
    state = job.initial(CONTEXT)
    run(state, T - 60_000, DOWN)
    assert [type(r) for r in run(state, T, UP)] == [Signal, Recommendation]


def test_a_regime_is_written_when_it_changes():
    state = job.initial(CONTEXT)
    row = UP | {"timeframe": 5, "bollinger_width": 0.01}
    mine, market = run(state, T, row)
    assert isinstance(mine, HashWrite)
    assert (mine.hash, mine.labels, market.labels) == (REGIME, ("AAA",), ("market",))
    assert mine.fields["regime"] == "trending"
    assert run(state, T + 300_000, row) == []


def test_saved_and_loaded_it_goes_on_the_same():
    state, twin = job.initial(CONTEXT), job.initial(CONTEXT)
    run(state, T - 60_000, DOWN)
    job.load(twin, job.dump(state))
    assert run(twin, T, UP) == run(state, T, UP)
    assert job.dump(twin) == job.dump(state)
