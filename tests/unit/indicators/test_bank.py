"""The bank: many slots, one call; refusals; state to bytes and back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.registry import INDICATORS
from pipeline.core.snapshot import pack, unpack
from pipeline.indicators.bank import LANES, Bank, bars_of
from tests.fakes.bars import candles, run

ROWS = candles(260)
ZERO = np.zeros(len(ROWS), np.int64)


def test_columns_are_those_of_the_registry_in_its_order():
    bank = Bank(1)
    assert bank.columns == tuple(c for name in INDICATORS.names() for c in INDICATORS.get(name).columns)
    assert {"ema_9", "ema_21", "ema_50", "ema_200", "rsi_14", "atr_14", "macd_hist", "stoch_d", "vwap", "supertrend_dir"} <= set(
        bank.columns
    )


def test_values_are_those_of_each_indicator_alone():
    bank = Bank(1)
    values, warm = bank.step(ZERO, ROWS)
    assert not values[~warm].any()
    for name in INDICATORS.names():
        for column, alone in run(name, ROWS).items():
            at = bank.columns.index(column)
            assert values[warm[:, at], at].tobytes() == alone[~np.isnan(alone)].tobytes()
            assert warm[:, at].tolist() == (~np.isnan(alone)).tolist()


def test_slots_do_not_touch_each_other():
    bank, alone = Bank(3), Bank(1)
    both = np.concatenate([ROWS, ROWS[::1]])[np.argsort(np.tile(np.arange(260), 2), kind="stable")]
    values, _ = bank.step(np.tile([0, 2], 260).astype(np.int64), both)
    expected, _ = alone.step(ZERO, ROWS)
    assert values[0::2].tobytes() == values[1::2].tobytes() == expected.tobytes()
    assert not bank.states[:, :, 1].any()


def test_old_and_infinite_candles_are_refused_and_change_nothing():
    bank, twin = Bank(1), Bank(1)
    bank.step(ZERO[:100], ROWS[:100])
    twin.step(ZERO[:100], ROWS[:100])
    bad = ROWS[98:102].copy()
    bad["close"][3] = np.nan
    values, warm = bank.step(ZERO[:4], bad)
    expected, _ = twin.step(ZERO[:1], ROWS[100:101])
    assert bank.refused == 3
    assert warm.any(axis=1).tolist() == [False, False, True, False]
    assert values[2].tobytes() == expected[0].tobytes()
    assert not values[[0, 1, 3]].any()


def test_read_only_rows_are_taken():
    rows = np.frombuffer(ROWS.tobytes(), ROWS.dtype)
    assert Bank(1).step(ZERO, rows)[0].tobytes() == Bank(1).step(ZERO, ROWS)[0].tobytes()


def test_state_survives_bit_for_bit():
    bank, twin = Bank(2), Bank(2)
    bank.step(ZERO[:130], ROWS[:130])
    twin.load(bank.dump())
    assert twin.dump() == bank.dump()
    assert twin.step(ZERO[130:], ROWS[130:])[0].tobytes() == bank.step(ZERO[130:], ROWS[130:])[0].tobytes()


@pytest.mark.parametrize(
    "change",
    [{"columns": ["other"]}, {"sizes": {}}, {"shape": [1, 2, 3]}, {"slots": 7}, {"params": {}}, {"version": 1}, {"since": 0}],
    ids=lambda c: next(iter(c)),
)
def test_a_state_of_other_indicators_or_another_layout_is_corrupt(change):
    plain, arrays = unpack(Bank(1).dump())
    with pytest.raises(Corrupt, match="clear the session"):
        Bank(1).load(pack(plain | change, arrays))


def test_a_state_that_was_made_with_other_parameters_is_corrupt():
    """An RSI of 13 has the columns and the size of one of 14."""
    mine = INDICATORS.get("rsi")
    other = replace(mine, params=(mine.params[0] - 1, *mine.params[1:]))
    with pytest.raises(Corrupt, match="clear the session"):
        Bank(1, (mine,)).load(Bank(1, (other,)).dump())


def test_a_state_of_the_layout_before_is_corrupt():
    """It had one array an indicator, and said nothing of its shape."""
    bank = Bank(1)
    old = pack({"refused": 0, "columns": list(bank.columns)}, {"ema": np.zeros((1, 10)), "last:": np.zeros(1, np.int64)})
    with pytest.raises(Corrupt, match="clear the session"):
        bank.load(old)


def test_slots_beyond_a_tile_and_out_of_order():
    """More slots than a tile has, waves that jump between tiles: every slot has the bits that it has alone."""
    slots = np.array([2 * LANES, 3, LANES + 5, LANES - 1, 0, LANES], np.int64)
    bank, expected = Bank(2 * LANES + 1), Bank(1).step(ZERO, ROWS)[0]
    for i in range(60):
        values, _ = bank.step(slots, np.repeat(ROWS[i : i + 1], len(slots)))
        assert all(row.tobytes() == expected[i].tobytes() for row in values)
    untouched = np.delete(np.arange(3 * LANES), slots)
    assert not bank.states.transpose(0, 2, 1).reshape(3 * LANES, -1)[untouched].any()


def test_a_refused_row_beside_a_good_one_of_its_slot():
    bank, twin = Bank(2), Bank(2)
    for one in (bank, twin):
        one.step(ZERO[:40], ROWS[:40])
    values, warm = bank.step(np.array([0, 0, 1], np.int64), ROWS[[10, 40, 40]])
    expected, _ = twin.step(np.array([0, 1], np.int64), ROWS[[40, 40]])
    assert (values[0].any(), warm[0].any(), bank.taken.tolist()) == (False, False, [False, True, True])
    assert values[1:].tobytes() == expected.tobytes()


DAY = int(ROWS["ts"][200])
"""Candles from the two hundredth on are the running day's, for these tests."""


def right(rows=ROWS):
    bank = Bank(1, since=DAY)
    bank.step(ZERO[: len(rows)], rows)
    return bank


def test_a_late_candle_takes_its_place():
    """What comes after has the values that it would have had; of the late one's own row too. Nothing counts as refused."""
    bank, expected = right(np.delete(ROWS[:250], 230)), Bank(1).step(ZERO, ROWS)[0]
    values, warm = bank.step(ZERO[:2], ROWS[[230, 250]])
    assert values.tobytes() == expected[[230, 250]].tobytes()
    assert (warm.any(axis=1).all(), bank.taken.tolist(), bank.placed.tolist(), bank.refused) == (True, [False, True], [True, True], 0)
    assert bank.again.ts.tolist() == ROWS["ts"][230:251].tolist()
    assert bank.again.values.tobytes() == expected[230:251].tobytes()
    assert bank.again.closes.tolist() == ROWS["close"][230:251].tolist()
    assert bank.dump() == right(ROWS[:251]).dump()
    bank.step(ZERO[:1], ROWS[251:252])
    assert bank.again is None


def test_a_candle_told_again_stands_as_it_was_told_last():
    wrong = ROWS[:250].copy()
    wrong["high"][249], wrong["volume"][220] = 2000.0, 1
    bank = right(wrong)
    assert bank.newest["high"][0] == 2000.0
    bank.step(ZERO[:3], np.concatenate([wrong[220:221], ROWS[220:221], ROWS[249:250]]))
    assert bank.dump() == right(ROWS[:250]).dump()
    assert bank.newest["high"][0] == ROWS["high"][249]


def test_candles_from_before_the_day_and_infinite_ones_are_refused_still():
    bank = right()
    before, bad = bank.dump(), ROWS[[150, 230, 230]].copy()
    bad["close"][1] = np.nan
    values, warm = bank.step(ZERO[:3], bad)
    assert (bank.refused, bank.taken.any(), bank.placed.tolist(), warm.any(axis=1).tolist()) == (
        2,
        False,
        [False, False, True],
        [False, False, True],
    )
    assert not values[:2].any()
    assert bank.states.tobytes() == right().states.tobytes()
    assert unpack(bank.dump())[1]["states"].tobytes() == unpack(before)[1]["states"].tobytes()


def test_a_wave_over_the_days_start_is_of_both():
    """History that holds a part of today: yesterday's candles go into where the day began, today's do not."""
    bank, cold = Bank(3, since=DAY), Bank(3, since=DAY)
    slots, rows = np.repeat([0, 2], 240), np.concatenate([ROWS[:240]] * 2)
    values, _ = bank.step(slots, rows)
    for i in range(240):
        expected, _ = cold.step(np.array([0, 2]), ROWS[[i, i]])
    assert values[[239, 479]].tobytes() == expected.tobytes()
    assert (bank.taken.all(), bank.placed.all(), bank.dump()) == (True, True, cold.dump())
    assert not unpack(bank.dump())[1]["states"][:, :, 1].any()


def test_bars_carry_the_ist_day_and_minute():
    bars = bars_of(ROWS[:2])
    assert bars[:, 6].tolist() == [555, 556]
    assert bars[0, :5].tolist() == [ROWS[n][0] for n in ("open", "high", "low", "close", "volume")]
    assert bars[0, 5] == (ROWS["ts"][0] + 19_800_000) // 86_400_000


def test_an_empty_wave_is_fine():
    values, warm = Bank(1).step(ZERO[:0], ROWS[:0])
    assert values.shape == warm.shape == (0, len(Bank(1).columns))
