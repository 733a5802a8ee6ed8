"""The bank: many slots, one call; refusals; state to bytes and back."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.registry import INDICATORS
from pipeline.core.snapshot import pack, unpack
from pipeline.indicators.bank import Bank, bars_of
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


def test_a_state_of_other_indicators_is_corrupt():
    plain, arrays = unpack(Bank(1).dump())
    with pytest.raises(Corrupt, match="clear the session"):
        Bank(1).load(pack(plain | {"columns": ["other"]}, arrays))


def test_bars_carry_the_ist_day_and_minute():
    bars = bars_of(ROWS[:2])
    assert bars[:, 6].tolist() == [555, 556]
    assert bars[0, :5].tolist() == [ROWS[n][0] for n in ("open", "high", "low", "close", "volume")]
    assert bars[0, 5] == (ROWS["ts"][0] + 19_800_000) // 86_400_000


def test_an_empty_wave_is_fine():
    values, warm = Bank(1).step(ZERO[:0], ROWS[:0])
    assert values.shape == warm.shape == (0, len(Bank(1).columns))
