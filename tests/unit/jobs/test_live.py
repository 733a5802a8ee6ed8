"""The live job: waves, their samples and the comparison with I1."""

from __future__ import annotations

import numpy as np

from pipeline.core.types import CANDLE, CandleFlag, CandleWave
from pipeline.jobs.live import job, samples
from tests.fakes.context import context
from tests.fakes.feed_rows import OPEN, batch, repair, trade
from tests.fakes.shown import hashes_of, samples_of


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
    values = {"open": 100.0, "high": 100.0, "low": 100.0, "close": 100.0, "volume": 30.0, "oi": 0.0}
    assert samples_of(rest) == {(f"candle:BRAVO:1m:{name}", OPEN): value for name, value in values.items()}
    ((key, check),) = hashes_of(rest).items()
    assert key == "candle:check:BRAVO"
    assert (check["time"], check["late"], check["auction_px"]) == ("2025-12-15 09:15:00.000 +05:30", "0", "0")


def test_each_timeframe_is_sampled_at_its_own_start():
    rows = np.concatenate([job_rows(1, 14), job_rows(3, 12), job_rows(15, 0)])
    told = samples_of(samples(("ALPHA", "BRAVO"), rows))
    assert len(told) == 3 * 2 * 6
    for label, minute in (("1m", 14), ("3m", 12), ("15m", 0)):
        assert [told[f"candle:{name}:{label}:volume", OPEN + minute * 60_000] for name in ("ALPHA", "BRAVO")] == [7.0, 2.0**53]
    assert list(samples(("ALPHA", "BRAVO"), rows[:0])) == []


def job_rows(timeframe, minute):
    rows = np.zeros(2, CANDLE)
    rows["sid"], rows["timeframe"], rows["ts"], rows["low"], rows["volume"] = [0, 1], timeframe, OPEN + minute * 60_000, 1.0, [7, 2**53]
    return rows


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
    assert samples_of(rest)["candle:BRAVO:1m:volume", OPEN] == 900.0
    assert hashes_of(rest)["candle:check:BRAVO"]["repaired"] == "1"
