"""A day of patterns: late and retold candles take their place, nothing counts twice, state to bytes and back."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.snapshot import pack, unpack
from pipeline.patterns.day import Day
from pipeline.patterns.reliability import Tally
from pipeline.patterns.scan import Scan
from tests.fakes.bars import candles

ROWS = candles(300)
ZERO = np.zeros(len(ROWS), np.int64)
SINCE = int(ROWS["ts"][150])


def plain(rows):
    """Scan and tally without a day."""
    scan, tally = Scan(1), Tally(1)
    found = scan.step(ZERO[: len(rows)], rows)
    tally.step(ZERO[: len(rows)], rows["close"], found, scan.taken)
    return found, scan, tally


def told(rows, slots=1):
    day = Day(slots, SINCE)
    day.step(ZERO[: len(rows)], rows)
    return day


def same(day, rows):
    _, scan, tally = plain(rows)
    pairs = zip((*day.scan.arrays(), *day.tally.arrays()), (*scan.arrays(), *tally.arrays()), strict=True)
    return all(mine.tobytes() == theirs.tobytes() for mine, theirs in pairs)


def test_in_order_it_is_scan_and_tally():
    day = Day(1, SINCE)
    got = [day.step(ZERO[:1], ROWS[i : i + 1])[0].tolist() for i in range(300)]
    assert got == plain(ROWS)[0].tolist()
    assert same(day, ROWS)
    assert day.again is None


def test_a_late_candle_takes_its_place():
    day = told(np.delete(ROWS[:250], [200, 230]))
    found = day.step(ZERO[:3], ROWS[[200, 230, 250]])
    assert found.tolist() == plain(ROWS)[0][[200, 230, 250]].tolist()
    assert day.taken.tolist() == [False, False, True]
    assert day.scan.refused == 0
    assert same(day, ROWS[:251])
    assert day.again.found.tolist() == plain(ROWS)[0][150:251].tolist()
    assert day.again.ts.tolist() == ROWS["ts"][150:251].tolist()


def test_a_candle_told_again_counts_once():
    wrong = ROWS[:250].copy()
    wrong["close"][220] = wrong["low"][220] = 1.0
    day = told(wrong)
    day.step(ZERO[:2], np.concatenate([wrong[220:221], ROWS[220:221]]))
    assert same(day, ROWS[:250])
    assert day.tally.counts.tolist() == [250]
    assert day.again.were_hit.shape == (1, len(day.tally.names))


def test_candles_from_before_the_day_and_infinite_ones_are_refused():
    day = told(ROWS[:250])
    bad = ROWS[[100, 200]].copy()
    bad["high"][1] = np.inf
    assert not day.step(ZERO[:2], bad).any()
    assert (day.scan.refused, day.taken.tolist(), day.again) == (2, [False, False], None)
    assert same(day, ROWS[:250])


def test_other_slots_stay_as_they_are():
    day = Day(3, SINCE)
    for i in range(200):
        day.step(np.array([0, 2]), ROWS[[i, i]])
    before = [array[2].tobytes() for array in (*day.scan.arrays(), *day.tally.arrays())]
    other = ROWS[180:181].copy()
    other["close"] = other["high"]
    day.step(ZERO[:1], other)
    assert [array[2].tobytes() for array in (*day.scan.arrays(), *day.tally.arrays())] == before
    assert day.again.touched.tolist() == [0]
    assert not same(Day(1, SINCE), ROWS[:200])


@pytest.mark.parametrize("cut", [100, 150, 220])
def test_state_survives_bit_for_bit(cut):
    day, twin = told(ROWS[:cut]), Day(1, SINCE)
    twin.load(day.dump())
    assert same(twin, ROWS[:cut])
    assert twin.dump() == day.dump()
    assert twin.step(ZERO[cut:], ROWS[cut:]).tolist() == day.step(ZERO[cut:], ROWS[cut:]).tolist()
    assert twin.dump() == day.dump()


def test_a_state_of_another_day_is_corrupt():
    plain_part, arrays = unpack(told(ROWS[:160]).dump())
    with pytest.raises(Corrupt, match="clear the session"):
        Day(1, SINCE).load(pack(plain_part | {"since": 0}, arrays))


def test_an_empty_wave_is_fine():
    assert Day(1, SINCE).step(ZERO[:0], ROWS[:0]).shape == (0, len(Scan(1).patterns))
