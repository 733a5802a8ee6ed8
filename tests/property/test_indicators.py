"""Laws that every registered indicator keeps; a new file in ``pipeline/indicators`` is held to them at once."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.registry import INDICATORS
from pipeline.indicators.bank import Bank, bars_of
from pipeline.run.discovery import discover
from tests.fakes.bars import agree, candles, run

discover()
NAMES = INDICATORS.names()
ORACLES = {
    **{f"ema_{n}": lambda o, h, l, c, v, n=n: talib.EMA(c, n) for n in (9, 21, 50, 200)},
    "sma_20": lambda o, h, l, c, v: talib.SMA(c, 20),
    "sma_50": lambda o, h, l, c, v: talib.SMA(c, 50),
    "volume_avg_20": lambda o, h, l, c, v: talib.SMA(v, 20),
    "rsi_14": lambda o, h, l, c, v: talib.RSI(c, 14),
    "atr_14": lambda o, h, l, c, v: talib.ATR(h, l, c, 14),
    "macd": lambda o, h, l, c, v: talib.MACD(c)[0],
    "macd_signal": lambda o, h, l, c, v: talib.MACD(c)[1],
    "macd_hist": lambda o, h, l, c, v: talib.MACD(c)[2],
    "bollinger_upper": lambda o, h, l, c, v: talib.BBANDS(c, 20)[0],
    "bollinger_middle": lambda o, h, l, c, v: talib.BBANDS(c, 20)[1],
    "bollinger_lower": lambda o, h, l, c, v: talib.BBANDS(c, 20)[2],
    "stoch_k": lambda o, h, l, c, v: talib.STOCH(h, l, c, 14, 3, 0, 3, 0)[0],
    "stoch_d": lambda o, h, l, c, v: talib.STOCH(h, l, c, 14, 3, 0, 3, 0)[1],
    "mom_10": lambda o, h, l, c, v: talib.MOM(c, 10),
    "roc_10": lambda o, h, l, c, v: talib.ROC(c, 10),
    "adx_14": lambda o, h, l, c, v: talib.ADX(h, l, c, 14),
    "plus_di": lambda o, h, l, c, v: talib.PLUS_DI(h, l, c, 14),
    "minus_di": lambda o, h, l, c, v: talib.MINUS_DI(h, l, c, 14),
}
"""TA-Lib's answer for a column, where it has one."""

walks = st.builds(
    candles,
    st.integers(1, 420),
    seed=st.integers(0, 2**31),
    gap_ticks=st.integers(0, 8),
    start=st.sampled_from([2.0, 90.0, 1500.0, 60_000.0]),
)


def bytes_of(columns):
    return {name: column.tobytes() for name, column in columns.items()}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(rows=walks, size=st.integers(1, 60))
def test_batch_equals_steps(name, rows, size):
    spec = INDICATORS.get(name)
    state, params, parts = np.zeros((1, spec.size)), np.array(spec.params, np.float64), []
    for i in range(0, len(rows), size):
        out = np.empty((len(rows[i : i + size]), len(spec.columns)))
        spec.step(state, np.zeros(len(out), np.int64), bars_of(rows[i : i + size]), params, out)
        parts.append(out)
    whole = np.stack(list(run(name, rows).values()), axis=1)
    assert np.concatenate(parts).tobytes() == whole.tobytes()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(rows=walks, data=st.data())
def test_prefix_invariance(name, rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    whole, head = run(name, rows), run(name, rows[:cut])
    assert all(whole[c][:cut].tobytes() == head[c].tobytes() for c in whole)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(rows=walks, power=st.integers(-3, 6))
def test_scale_law(name, rows, power):
    """Prices times a power of two: each column grows by that to its degree, to the last bit."""
    bigger = rows.copy()
    for field in ("open", "high", "low", "close"):
        bigger[field] *= 2.0**power
    before, after = run(name, rows), run(name, bigger)
    for column, degree in zip(INDICATORS.get(name).columns, INDICATORS.get(name).degree, strict=True):
        assert (before[column] * 2.0 ** (power * degree)).tobytes() == after[column].tobytes(), column


@pytest.mark.parametrize("name", NAMES)
def test_warmup_is_as_told(name):
    spec, rows = INDICATORS.get(name), candles(400)
    defined = np.stack([~np.isnan(c) for c in run(name, rows).values()], axis=1)
    assert defined.all(axis=1).argmax() + 1 == spec.warmup
    assert defined[spec.warmup - 1 :].all()


@pytest.mark.parametrize("column", sorted(ORACLES))
@settings(max_examples=25, deadline=None)
@given(rows=walks)
def test_equals_talib_from_the_first_defined_value(column, rows):
    name = next(n for n, s in INDICATORS.items() if column in s.columns)
    o, h, l, c, v = (rows[f].astype(np.float64) for f in ("open", "high", "low", "close", "volume"))
    if len(rows) < 3:  # TA-Lib raises on inputs shorter than it likes
        return
    theirs = ORACLES[column](o, h, l, c, v)
    agree(run(name, rows)[column], theirs)


@settings(max_examples=25, deadline=None)
@given(rows=walks, data=st.data())
def test_warm_equals_cold(rows, data):
    cut = data.draw(st.integers(0, len(rows)))
    zero = np.zeros(len(rows), np.int64)
    whole, first, second = Bank(1), Bank(1), Bank(1)
    expected, _ = whole.step(zero, rows)
    head, _ = first.step(zero[:cut], rows[:cut])
    second.load(first.dump())
    tail, _ = second.step(zero[cut:], rows[cut:])
    assert expected.tobytes() == head.tobytes() + tail.tobytes()
    assert whole.dump() == second.dump()


@settings(max_examples=25, deadline=None)
@given(rows=walks, bad=st.sampled_from([np.nan, np.inf, -np.inf]), field=st.sampled_from(["open", "high", "low", "close"]), data=st.data())
def test_what_is_not_finite_never_enters_nor_leaves(rows, bad, field, data):
    at = data.draw(st.integers(0, len(rows) - 1))
    broken, zero = rows.copy(), np.zeros(len(rows), np.int64)
    broken[field][at] = bad
    bank, without = Bank(1), Bank(1)
    values, warm = bank.step(zero, broken)
    expected, _ = without.step(zero[1:], np.delete(rows, at))
    assert np.isfinite(values).all()
    assert not values[~warm].any()
    assert not warm[at].any()
    assert np.delete(values, at, axis=0).tobytes() == expected.tobytes()
    assert bank.refused == 1
