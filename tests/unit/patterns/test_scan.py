"""The scan: many slots, several candles of a slot in one wave, refusals, state to bytes and back."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.registry import PATTERNS
from pipeline.core.snapshot import pack, unpack
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


def test_an_empty_wave_is_fine():
    assert Scan(1).step(ZERO[:0], ROWS[:0]).shape == (0, len(Scan(1).patterns))
