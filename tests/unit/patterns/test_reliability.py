"""The record of patterns: against a slow obvious count, intervals against published figures, state to bytes and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import Corrupt
from pipeline.core.registry import PATTERNS
from pipeline.core.snapshot import pack, unpack
from pipeline.patterns.reliability import AHEAD, Tally, rates, told, told_base, told_of, wilson
from pipeline.patterns.scan import Scan
from pipeline.patterns.spec import Lean
from tests.fakes.bars import candles
from tests.fakes.cdl import of_one, scanned
from tests.fakes.examples import examples

ZERO = np.zeros(1, np.int64)


def counted_slowly(rows):
    """{claim: (hits, true)} and (candles, rose, fell), by looking ahead."""
    closes, out, base = rows["close"].tolist(), {}, [0, 0, 0]
    moves = [closes[i + AHEAD] - closes[i] for i in range(len(rows) - AHEAD)]
    for move in moves:
        base = [base[0] + 1, base[1] + (move > 0), base[2] + (move < 0)]
    for name, strengths in scanned(rows).items():
        spec = PATTERNS.get(name)
        for move, strength in zip(moves, strengths.tolist(), strict=False):
            if strength == 0:
                continue
            side = spec.side(strength)
            came = (side == "bullish" and move > 0) or (side == "bearish" and move < 0)
            hits, true = out.get(f"{name}:{side}", (0, 0))
            out[f"{name}:{side}"] = hits + 1, true + came
    return out, base


def counted(tally):
    return {tally.names[k]: (int(tally.hits[0, k]), int(tally.true[0, k])) for k in tally.known(ZERO)[1]}, tally.base[0].tolist()


@examples
@given(st.builds(candles, st.integers(1, 400), seed=st.integers(0, 2**31), start=st.sampled_from([3.0, 1000.0])))
def test_equals_a_count_that_looks_ahead(rows):
    assert counted(of_one(rows)) == counted_slowly(rows)


def test_a_claim_is_a_pattern_on_a_side():
    tally = Tally(1)
    assert {"harami:bullish", "harami:bearish", "hammer:bullish", "doji:neutral"} <= set(tally.names)
    assert not {"hammer:bearish", "doji:bullish"} & set(tally.names)
    assert len(tally.names) == sum(2 if spec.lean is Lean.EITHER else 1 for _, spec in PATTERNS.items())


def test_answers_find_their_claims():
    tally, names = Tally(1), PATTERNS.names()
    asked = [
        ("harami", 8, "harami:bullish"),
        ("harami", -10, "harami:bearish"),
        ("spinning_top", -10, "spinning_top:neutral"),
        ("hikkake", -20, "hikkake:bearish"),
    ]
    claims = tally.claims_of(np.array([names.index(name) for name, _, _ in asked]), np.array([s for _, s, _ in asked], np.int8))
    assert [tally.names[k] for k in claims] == [claim for _, _, claim in asked]


@pytest.mark.parametrize(
    ("true", "count", "low", "high"),
    # From the table in Newcombe, Statistics in Medicine 17 (1998) 857-872, method 3 (Wilson's).
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_interval_of_a_rate(true, count, low, high):
    got = wilson(np.array([float(true)]), np.array([float(count)]))
    assert [round(float(x[0]), 4) for x in got] == [low, high]


def test_nothing_counted_says_nothing():
    assert [float(x[0]) for x in wilson(np.zeros(1), np.zeros(1))] == [0.0, 1.0]


def one(side, hits, true, base):
    return rates(np.array([side]), np.array([hits]), np.array([true]), np.array([base]))


def test_rates_of_one_claim():
    # The difference 56/70 - 48/80 and its interval are an example of Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10.
    known = one(1, 70, 56, [80, 48, 20])
    assert (float(known.hit_ratio[0]), float(known.base_ratio[0])) == (0.8, 0.6)
    assert [round(float(x[0]), 4) for x in (known.gain_low_ratio, known.gain_high_ratio)] == [0.0524, 0.3339]
    assert float(known.lift[0]) == pytest.approx(4 / 3)
    assert float(one(-1, 70, 56, [80, 48, 20]).base_ratio[0]) == 0.25


def test_a_neutral_claim_and_one_without_hits_have_no_rate():
    for known in (one(0, 9, 0, [80, 48, 20]), one(1, 0, 0, [80, 48, 20]), one(1, 3, 2, [0, 0, 0])):
        assert all(np.isfinite(getattr(known, name)).all() for name in known.__slots__)
    assert float(one(0, 9, 0, [80, 48, 20]).hit_ratio[0]) == 0.0
    assert float(one(1, 3, 2, [0, 0, 0]).lift[0]) == 0.0


def test_it_is_told_in_a_line():
    up, none = np.array([1]), np.array([0])
    assert told(one(1, 40, 26, [1000, 480, 470]), up) == ["65% of 40 (50..78), base 48%, +17 (+1..+30), lift 1.35"]
    assert told(one(0, 12, 0, [1000, 480, 470]), none) == ["12 hits, takes no side"]
    assert told_base(np.array([1000, 480, 470], np.int32)) == "rose 48%, fell 47% of 1000, 5 candles later"
    assert told_base(np.zeros(3, np.int32)) == "rose 0%, fell 0% of 0, 5 candles later"


def test_parts_make_the_record_of_the_whole_and_all_of_it_is_told():
    rows = candles(700, seed=3)
    whole, parts = of_one(rows), of_one(rows, 9)
    assert whole.dump() == parts.dump()
    lines = told_of(parts, 0)
    assert lines.pop("any") == told_base(whole.base[0])
    assert {name: line.split(" ")[2] if "% of" in line else line.split(" ")[0] for name, line in lines.items()} == {
        name: str(hits) for name, (hits, _) in counted(whole)[0].items()
    }


def test_slots_do_not_touch_each_other_and_refused_rows_do_not_count():
    rows = candles(200, seed=4)
    scan, tally = Scan(3), Tally(3)
    for i in range(len(rows)):
        wave = np.concatenate([rows[i : i + 1], rows[i : i + 1], rows[max(i - 1, 0) : max(i - 1, 0) + 1]])
        slots = np.array([0, 2, 0])  # the third row is an old one
        tally.step(slots, wave["close"], scan.step(slots, wave), scan.taken)
    alone = of_one(rows)
    for slot in (0, 2):
        assert tally.hits[slot].tolist() == alone.hits[0].tolist()
        assert tally.true[slot].tolist() == alone.true[0].tolist()
        assert tally.base[slot].tolist() == alone.base[0].tolist()
    assert not tally.base[1].any()


@examples
@given(st.integers(0, 120), st.integers(0, 2**31))
def test_warm_equals_cold(cut, seed):
    rows = candles(120, seed=seed)
    found, taken = Scan(1), np.ones(120, np.bool_)
    strengths, zero = found.step(np.zeros(120, np.int64), rows), np.zeros(120, np.int64)
    cold, first, second = Tally(1), Tally(1), Tally(1)
    cold.step(zero, rows["close"], strengths, taken)
    first.step(zero[:cut], rows["close"][:cut], strengths[:cut], taken[:cut])
    second.load(first.dump())
    second.step(zero[cut:], rows["close"][cut:], strengths[cut:], taken[cut:])
    assert second.dump() == cold.dump()


def test_a_record_of_other_claims_is_corrupt():
    plain, arrays = unpack(Tally(1).dump())
    for wrong in (plain | {"claims": ["other"]}, plain | {"ahead": AHEAD + 1}):
        with pytest.raises(Corrupt, match="clear the session"):
            Tally(1).load(pack(wrong, arrays))
