"""Laws that every registered indicator keeps; a new file in ``pipeline/indicators`` is held to them at once.

One walk goes through all indicators of the registry. How many walks: the profile (``tests/conftest.py``), 200 or, under
``TICKTICK_NIGHTLY=1``, 20,000.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.registry import INDICATORS
from pipeline.indicators.bank import Bank, bars_of
from pipeline.run.discovery import discover
from tests.fakes.bars import agree, candles, run
from tests.fakes.slow_columns import slow_columns
from tests.fakes.talib_columns import talib_columns

discover()
SPECS = dict(INDICATORS.items())
PRICES = ("open", "high", "low", "close")

walks = st.builds(
    candles,
    st.integers(1, 420),
    seed=st.integers(0, 2**31),
    gap_ticks=st.integers(0, 8),
    start=st.sampled_from([2.0, 90.0, 1500.0, 60_000.0]),
    per_day=st.sampled_from([40, 75, 375]),
)


@given(rows=walks, size=st.integers(1, 60))
def test_batch_equals_steps(rows, size):
    for name, spec in SPECS.items():
        state, params, parts = np.zeros((1, spec.size)), np.array(spec.params, np.float64), []
        for i in range(0, len(rows), size):
            out = np.empty((len(rows[i : i + size]), len(spec.columns)))
            spec.step(state, np.zeros(len(out), np.int64), bars_of(rows[i : i + size]), params, out)
            parts.append(out)
        whole = np.stack(list(run(name, rows).values()), axis=1)
        assert np.concatenate(parts).tobytes() == whole.tobytes(), name


@given(rows=walks, share=st.floats(0, 1))
def test_prefix_invariance(rows, share):
    cut = round(share * len(rows))
    for name in SPECS:
        whole, head = run(name, rows), run(name, rows[:cut])
        assert all(whole[c][:cut].tobytes() == head[c].tobytes() for c in whole), name


@given(rows=walks, power=st.integers(-3, 6))
def test_scale_law(rows, power):
    """Prices times a power of two: each column grows by that to its degree, to the last bit."""
    bigger = rows.copy()
    for field in PRICES:
        bigger[field] *= 2.0**power
    for name, spec in SPECS.items():
        before, after = run(name, rows), run(name, bigger)
        for column, degree in zip(spec.columns, spec.degree, strict=True):
            assert (before[column] * 2.0 ** (power * degree)).tobytes() == after[column].tobytes(), column


@pytest.mark.parametrize("name", SPECS)
def test_warmup_is_as_told(name):
    """Without sessions: all columns for the first time at the warmup. With them: nothing in the first, everything after what it asks for."""
    spec, per_day = SPECS[name], 60
    defined = np.stack([~np.isnan(c) for c in run(name, candles(420, per_day=per_day)).values()], axis=1)
    if spec.sessions > 0:
        assert not defined[:per_day].any()
        first = (spec.sessions + 1) * per_day + spec.warmup
    else:
        first = spec.warmup
        assert not defined[: first - 1].all(axis=1).any()
        assert spec.has_gaps or defined[first - 1].all()
    assert spec.has_gaps or defined[first - 1 :].all()
    assert defined[first - 1 :].any(axis=0).all()


@given(rows=walks)
def test_equals_talib_from_the_first_defined_value(rows):
    if len(rows) < 3:  # TA-Lib raises on inputs shorter than it likes
        return
    ours = {column: values for name in SPECS for column, values in run(name, rows).items()}
    for column, theirs in talib_columns(rows).items():
        agree(ours[column], theirs)


@settings(max_examples=max(10, settings().max_examples // 20))
@given(rows=walks, quiet=st.integers(1, 9))
def test_equals_the_slow_way(rows, quiet):
    """What TA-Lib does not have, recomputed from its definition; some candles have no volume."""
    rows["volume"][::quiet] = 0
    ours = {column: values for name in SPECS for column, values in run(name, rows).items()}
    for column, theirs in slow_columns(rows).items():
        agree(ours[column], theirs)


def test_every_column_has_an_oracle():
    rows = candles(80, per_day=40)
    assert {c for spec in SPECS.values() for c in spec.columns} == set(talib_columns(rows)) | set(slow_columns(rows))


@given(rows=walks, share=st.floats(0, 1))
def test_warm_equals_cold(rows, share):
    cut = round(share * len(rows))
    zero = np.zeros(len(rows), np.int64)
    whole, first, second = Bank(1), Bank(1), Bank(1)
    expected, _ = whole.step(zero, rows)
    head, _ = first.step(zero[:cut], rows[:cut])
    second.load(first.dump())
    tail, _ = second.step(zero[cut:], rows[cut:])
    assert expected.tobytes() == head.tobytes() + tail.tobytes()
    assert whole.dump() == second.dump()


@given(rows=walks, bad=st.sampled_from([np.nan, np.inf, -np.inf]), field=st.sampled_from(PRICES), share=st.floats(0, 1))
def test_what_is_not_finite_never_enters_nor_leaves(rows, bad, field, share):
    at = round(share * (len(rows) - 1))
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
