"""The scan: many slots, several candles of a slot in one wave, refusals, state to bytes and back."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.registry import PATTERNS, Registry
from pipeline.core.snapshot import pack, unpack
from pipeline.kernels.geometry import high_k, is_long_k, low_k
from pipeline.kernels.jit import kernel
from pipeline.patterns import scan, spec
from pipeline.patterns.scan import Scan
from tests.fakes.bars import candles

ROWS = candles(300)
ZERO = np.zeros(len(ROWS), np.int64)


def one_by_one(scan, rows, slot=0):
    return np.concatenate([scan.step(np.array([slot]), rows[i : i + 1]) for i in range(len(rows))])


def test_names_are_those_of_the_registry():
    assert Scan(1).patterns == PATTERNS.names()


def test_a_wave_of_history_equals_candle_by_candle():
    assert Scan(1).step(ZERO, ROWS).tolist() == one_by_one(Scan(1), ROWS).tolist()


def test_slots_do_not_touch_each_other():
    scan = Scan(3)
    other = candles(300, seed=9)
    rows = np.stack([ROWS, other], axis=1).reshape(-1)
    got = scan.step(np.tile([0, 2], 300).astype(np.int64), rows)
    assert got[0::2].tolist() == one_by_one(Scan(1), ROWS).tolist()
    assert got[1::2].tolist() == one_by_one(Scan(1), other).tolist()
    assert not scan.views[1].any()


def test_old_and_infinite_candles_are_refused():
    scan, twin = Scan(1), Scan(1)
    scan.step(ZERO[:100], ROWS[:100])
    twin.step(ZERO[:100], ROWS[:100])
    bad = ROWS[99:102].copy()
    bad["high"][1] = np.inf
    got = scan.step(ZERO[:3], bad)
    assert scan.refused == 2
    assert got[2].tolist() == twin.step(ZERO[:1], ROWS[101:102])[0].tolist()
    assert not got[:2].any()


def test_state_survives_bit_for_bit():
    scan, twin = Scan(2), Scan(2)
    scan.step(ZERO[:150], ROWS[:150])
    twin.load(scan.dump())
    assert twin.dump() == scan.dump()
    assert twin.step(ZERO[150:], ROWS[150:]).tolist() == scan.step(ZERO[150:], ROWS[150:]).tolist()


def test_a_state_of_other_patterns_is_corrupt():
    plain, arrays = unpack(Scan(1).dump())
    with pytest.raises(Corrupt, match="clear the session"):
        Scan(1).load(pack(plain | {"patterns": ["other"]}, arrays))


def test_a_slot_beyond_the_end_is_refused_before_anything_is_written():
    with pytest.raises(Corrupt, match="outside the 2 of today"):
        Scan(2).step(np.array([2]), ROWS[:1])
    with pytest.raises(Corrupt, match="outside the 2 of today"):
        Scan(2).step(np.array([-1]), ROWS[:1])


def test_state_is_small():
    scan = Scan(10)
    assert scan.views.nbytes + scan.counts.nbytes + scan.last.nbytes <= 10 * 2048


@kernel
def outside_k(v):
    """An outside candle with a body longer than average: a pattern that TA-Lib does not have."""
    return 10 if high_k(v, 0) > high_k(v, 1) and low_k(v, 0) < low_k(v, 1) and is_long_k(v, 0, 40) else 0


def test_a_new_pattern_is_one_decorated_kernel(monkeypatch):
    """Its first candle is later than any of TA-Lib's functions has."""
    fresh = Registry("pattern")
    monkeypatch.setattr(spec, "PATTERNS", fresh)
    monkeypatch.setattr(scan, "PATTERNS", fresh)
    spec.pattern("outside", candles=2, lean=spec.Lean.NEUTRAL, warmup=40)(outside_k)
    got = Scan(1)
    assert got.patterns == ("outside",)
    o, h, l, c = (ROWS[name] for name in ("open", "high", "low", "close"))
    bodies = np.abs(c - o)
    expected = [i >= 40 and h[i] > h[i - 1] and l[i] < l[i - 1] and bodies[i] > bodies[i - 10 : i].mean() + 1e-9 for i in range(len(ROWS))]
    assert any(expected)
    assert (got.step(ZERO, ROWS)[:, 0] == 10).tolist() == expected


def test_an_empty_wave_is_fine():
    assert Scan(1).step(ZERO[:0], ROWS[:0]).shape == (0, len(Scan(1).patterns))
