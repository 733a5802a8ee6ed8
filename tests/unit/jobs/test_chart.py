"""The chart job: patterns beside the indicators, and one entry for each hit."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.batches import HashesWrite, Records
from pipeline.core.errors import Corrupt
from pipeline.core.hits import PatternHit
from pipeline.core.registry import PATTERNS
from pipeline.core.schema import PATTERN_RECORD
from pipeline.core.session import ist_clock
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CandleFlag, CandleWave, ChartWave, IndicatorWave
from pipeline.jobs.chart import job
from pipeline.patterns.reliability import told, told_base
from tests.fakes.bars import candles, found
from tests.fakes.cdl import of_one
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


def hits_of(out):
    return [hit for o in out for records in o if isinstance(records, Records) for hit in records.each()]


def writes_of(out):
    """Labels and fields of the hashes that are set."""
    for write in (w for w in out if isinstance(w, HashesWrite)):
        assert write.hash is PATTERN_RECORD
        yield from write.each()


def records_of(out):
    """The hash as it stands in the end."""
    fields = {}
    for labels, mapping in (write for o in out for write in writes_of(o)):
        assert labels == ("ALPHA", "1m")
        fields |= mapping
    return fields


def test_hits_name_symbol_timeframe_and_side():
    hits = hits_of(run(job.initial(context()), ROWS))
    assert hits
    assert all(h.symbol == "ALPHA" and h.timeframe == "1m" and h.ts > h.ts_candle for h in hits)
    told_sides = {(h.pattern, h.side) for h in hits}
    assert told_sides >= {("doji", "neutral"), ("bullish_engulfing", "bullish"), ("harami", "bullish"), ("harami", "bearish")}
    assert all((h.strength > 0) == (h.side == "bullish") for h in hits if h.side != "neutral")


def test_hits_and_their_record_are_those_of_the_tally_one_by_one():
    state, count = job.initial(context()), 0
    for i in range(len(ROWS)):
        out = list(job.step(state, wave(ROWS[i : i + 1]), 1))
        _, patterns = np.nonzero(out[0].found)
        strengths, tally = out[0].found[0, patterns], state.day.tally
        claims, start = tally.claims_of(patterns, strengths), int(ROWS["ts"][i])
        known = tally.rates(np.zeros_like(claims), claims)
        plain = []
        for k, claim in enumerate(claims.tolist()):
            is_rated = known.hits[k] > 0 and tally.sides[claim] != 0
            ratios = (known.hit_ratio, known.low_ratio, known.high_ratio, known.base_ratio)
            parts = (float(np.round(x[k], 4)) if is_rated else 0.0 for x in ratios)
            plain.append(
                PatternHit(start + 62_000, start, "ALPHA", "1m", *tally.words[claim], int(strengths[k]), int(known.hits[k]), *parts)
            )
        assert hits_of([out]) == plain
        names = [tally.names[claim] for claim in claims.tolist()]
        fields = {"any": told_base(tally.base[0])} | dict(zip(names, told(known, tally.sides[claims]), strict=True))
        if plain:
            assert next(writes_of(out)) == (("ALPHA", "1m"), fields | {"newest": " ".join([ist_clock(start)[:5], *names])})
        count += len(plain)
    assert count > 100


def test_hits_carry_their_record_so_far():
    hits = hits_of(run(job.initial(context()), ROWS))
    last = [h for h in hits if h.pattern == "harami" and h.side == "bearish"][-1]
    at = int(np.flatnonzero(ROWS["ts"] == last.ts_candle)[0])
    tally = of_one(ROWS[: at + 1])
    claim = tally.names.index("harami:bearish")
    assert last.hits == tally.hits[0, claim] > 0
    assert last.hit_ratio == round(tally.true[0, claim] / tally.hits[0, claim], 4)
    assert last.base_ratio == round(tally.base[0, 2] / tally.base[0, 0], 4)
    assert last.low_ratio < last.hit_ratio < last.high_ratio
    assert {(h.hit_ratio, h.low_ratio, h.high_ratio, h.base_ratio) for h in hits if h.side == "neutral" or h.hits == 0} == {(0.0,) * 4}


def test_the_record_is_told_whole_at_first_and_then_what_was_found():
    state = job.initial(context())
    past = ROWS[:200].copy()
    past["flags"] = int(CandleFlag.HISTORY)
    assert list(job.step(state, CandleWave(1, past), 1)) == []
    out = run(state, ROWS[200:])
    first = [fields for _, fields in writes_of(out[0])][-1]
    tally = of_one(ROWS[:201])
    assert set(first) == {"any"} | {tally.names[k] for k in tally.known(np.zeros(1, np.int64))[1]}
    assert all(len(fields) <= 12 for o in out[1:] for _, fields in writes_of(o))
    last = hits_of(out)[-1]
    final = of_one(ROWS[: int(np.flatnonzero(ROWS["ts"] == last.ts_candle)[0]) + 1])
    claim = np.array([final.names.index(f"{last.pattern}:{last.side}")])
    now = records_of(out)
    assert now[f"{last.pattern}:{last.side}"] == told(final.rates(np.zeros(1, np.int64), claim), final.sides[claim])[0]
    assert now["any"] == told_base(final.base[0])
    together = [f"{h.pattern}:{h.side}" for h in hits_of(out) if h.ts_candle == last.ts_candle]
    assert now["newest"].split() == [ist_clock(last.ts_candle)[:5], *together]


def test_two_candles_of_a_slot_in_one_wave_tell_the_newer():
    state = job.initial(context())
    run(state, ROWS[:100])
    for i in range(100, 300, 2):
        rows = ROWS[i : i + 2]
        out = list(job.step(state, IndicatorWave(int(rows["ts"][1]) + 62_000, rows, ("a",), np.ones((2, 1)), np.ones((2, 1), np.bool_)), 1))
        hits = hits_of([out])
        if len({h.ts_candle for h in hits}) == 2:
            newest = [f"{h.pattern}:{h.side}" for h in hits if h.ts_candle == rows["ts"][1]]
            _, fields = next(writes_of(out))
            assert fields["newest"].split() == [ist_clock(int(rows["ts"][1]))[:5], *newest]
            return
    raise AssertionError("no such wave among the candles")


def both(*rows):
    rows = np.concatenate(rows)
    return IndicatorWave(int(rows["ts"].max()) + 62_000, rows, ("a",), np.ones((len(rows), 1)), np.ones((len(rows), 1), np.bool_))


def test_after_a_late_candle_the_record_is_that_of_the_right_candles():
    """No hit is told for it, nor again for the newest; the hash is as if all had come in order, the newest hits among it."""
    state, cold = job.initial(context()), job.initial(context())
    out, expected = run(state, np.delete(ROWS[:260], 240)), run(cold, ROWS[:260])
    (wave_out, *more) = job.step(state, both(ROWS[240:241], ROWS[259:260]), 1)
    assert wave_out.found.tolist() == [expected[240][0].found[0].tolist(), expected[259][0].found[0].tolist()]
    assert hits_of([more]) == []
    now, right = records_of([*out, more]), records_of(expected)
    final = of_one(ROWS[:260])
    known = final.known(np.zeros(1, np.int64))[1]
    lines = dict(zip((final.names[k] for k in known), told(final.rates(np.zeros_like(known), known), final.sides[known]), strict=True))
    assert {name: now[name] for name in lines} == lines
    assert (now["any"], now["newest"]) == (told_base(final.base[0]), right["newest"])
    assert job.dump(state) == job.dump(cold)


def test_a_hit_that_a_revision_takes_away_leaves_the_record():
    """A flat candle is found by many; told again as one on which nothing is found, the day has no hit, and says so."""
    state, flat = job.initial(context()), ROWS[200:201].copy()
    past = ROWS[:200].copy()
    past["flags"] = int(CandleFlag.HISTORY)
    past["ts"] -= 86_400_000
    assert list(job.step(state, CandleWave(1, past), 1)) == []
    for name in ("open", "high", "low", "close"):
        flat[name] = past["close"][-1]
    first = list(job.step(state, both(flat), 1))
    assert hits_of([first])
    assert records_of([first])["newest"].startswith(ist_clock(int(flat["ts"][0]))[:5])
    for shape in ROWS[201:]:
        like = shape.reshape(1).copy()
        like["ts"] = flat["ts"]
        out = list(job.step(state, both(like), 1))
        assert hits_of([out]) == []
        assert (records_of([first, out])["newest"] == "-") == (not out[0].found.any())
        if not out[0].found.any():
            return
    raise AssertionError("something is found on every shape")


def test_a_wave_without_a_hit_makes_only_the_wave():
    state = job.initial(context())
    run(state, ROWS[:50])
    outs = run(state, ROWS[50:])
    quiet = [o for o in outs if not o[0].found.any()]
    assert quiet
    assert all(len(o) == 1 for o in quiet)


def test_every_answer_becomes_one_hit():
    outs = run(job.initial(context()), ROWS)
    names = PATTERNS.names()
    for out in outs:
        expected = [(names[k], int(out[0].found[0, k])) for k in np.flatnonzero(out[0].found[0])]
        assert [(h.pattern, h.strength) for h in hits_of([out])] == expected


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


def test_a_state_whose_slots_are_numbered_otherwise_is_corrupt():
    state = job.initial(context())
    plain, arrays = unpack(job.dump(state))
    with pytest.raises(Corrupt, match="clear the session"):
        job.load(state, pack({key: value for key, value in plain.items() if key != "slots"}, arrays))


def test_slots_are_named_as_they_are_numbered():
    state, rows = job.initial(context()), np.concatenate([ROWS[:101]] * 3)
    rows["sid"], rows["timeframe"] = np.repeat([1, 0, 1], 101), np.repeat([1, 5, 60], 101)
    is_newest = np.arange(len(rows)) % 101 == 100
    assert list(job.step(state, CandleWave(1, rows[~is_newest]), 1)) == []
    newest = rows[is_newest]
    out = job.step(state, IndicatorWave(2, newest, ("a",), np.ones((3, 1)), np.ones((3, 1), np.bool_)), 1)
    assert {labels for labels, _ in writes_of(out)} == {("BRAVO", "1m"), ("ALPHA", "5m"), ("BRAVO", "60m")}
