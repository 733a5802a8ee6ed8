"""The live job: waves, their samples and the comparison with I1."""

from __future__ import annotations

from pipeline.core.job import HashWrite, SampleWrite
from pipeline.core.schema import CANDLE_CHECK, CANDLE_FIELD
from pipeline.core.types import CandleFlag, CandleWave
from pipeline.jobs.live import job
from tests.fakes.context import context
from tests.fakes.feed_rows import OPEN, batch, repair, trade


def run(state, *times, price=100.0):
    out = []
    for ms in times:
        out += job.step(state, batch(trade(OPEN + ms, price, 5, sid=1), ts=OPEN + ms), OPEN + ms)
    return out


def test_a_wave_comes_with_its_samples_and_check():
    state = job.initial(context())
    out = run(state, *range(0, 60_000, 10_000))
    assert out == []
    wave, *rest = run(state, 62_500)
    assert isinstance(wave, CandleWave)
    samples = [o for o in rest if isinstance(o, SampleWrite)]
    assert [(s.series, s.labels, s.ts, s.value) for s in samples[:1]] == [(CANDLE_FIELD, ("BRAVO", "1m", "open"), OPEN, 100.0)]
    assert [s.labels[2] for s in samples] == ["open", "high", "low", "close", "volume", "oi"]
    (check,) = [o for o in rest if isinstance(o, HashWrite)]
    assert (check.hash, check.labels) == (CANDLE_CHECK, ("BRAVO",))
    assert check.fields["late"] == 0


def test_the_end_of_the_input_closes_what_is_open():
    state = job.initial(context())
    run(state, 0, 10_000)
    waves = [o for o in job.finish(state, OPEN + 10_000) if isinstance(o, CandleWave)]
    assert sorted(t for w in waves for t in w.rows["timeframe"].tolist()) == [1, 3, 5, 10, 15, 60]


def test_a_restored_state_goes_on_bit_for_bit():
    state, twin = job.initial(context()), job.initial(context())
    run(state, *range(0, 100_000, 7000))
    job.load(twin, job.dump(state))
    ours, theirs = run(state, *range(100_000, 400_000, 7000)), run(twin, *range(100_000, 400_000, 7000))
    assert [o.rows.tobytes() for o in ours if isinstance(o, CandleWave)] == [o.rows.tobytes() for o in theirs if isinstance(o, CandleWave)]
    assert job.dump(state) == job.dump(twin)
    assert ours


def test_a_repaired_minute_is_told_again_with_its_samples_and_count():
    state = job.initial(context())
    run(state, *range(0, 65_000, 5000))
    fixed = batch(repair(OPEN + 65_000, 1, OPEN, 100.0, 120.0, 90.0, 110.0, 900), ts=OPEN + 65_000)
    wave, *rest = job.step(state, fixed, OPEN + 65_000)
    assert isinstance(wave, CandleWave)
    assert [(r["timeframe"], r["high"], r["flags"]) for r in wave.rows] == [(1, 120.0, CandleFlag.REVISED)]
    assert [(s.ts, s.value) for s in rest if isinstance(s, SampleWrite) and s.labels[2] == "volume"] == [(OPEN, 900.0)]
    (check,) = [o for o in rest if isinstance(o, HashWrite)]
    assert check.fields["repaired"] == 1
