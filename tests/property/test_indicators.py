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
from pipeline.indicators.bank import LANES, Bank
from pipeline.run.discovery import discover
from tests.fakes.bars import agree, candles, run
from tests.fakes.slow_columns import slow_columns
from tests.fakes.talib_columns import talib_columns

discover()
SPECS = dict(INDICATORS.items())
SCALE = {"mfi_14": 100.0}
"""TA-Lib's running sums keep a trace of flows that have left: up to a billionth of the whole where there is nothing."""
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
    bank, zero = Bank(1), np.zeros(len(rows), np.int64)
    parts = [bank.step(zero[i : i + size], rows[i : i + size]) for i in range(0, len(rows), size)]
    whole, warm = Bank(1).step(zero, rows)
    assert whole.tobytes() == b"".join(values.tobytes() for values, _ in parts)
    assert warm.tobytes() == b"".join(is_warm.tobytes() for _, is_warm in parts)


@given(slots=st.integers(2, LANES + 40), seed=st.integers(0, 2**31), share=st.floats(0.1, 1))
@settings(max_examples=max(10, settings().max_examples // 4))
def test_slots_in_waves_equal_each_alone(slots, seed, share):
    """Waves of some of the slots, in any order within a wave: every slot has the bits that it has alone."""
    rng, count = np.random.default_rng(seed), 70
    mine = np.sort(rng.choice(slots, min(slots, 6), replace=False))
    walk = np.stack([candles(count, seed=seed + k, per_day=30) for k in range(len(mine))])
    is_there = rng.random(walk.shape) < share
    bank, got = Bank(slots), [[] for _ in mine]
    for t in range(count):
        present = rng.permutation(np.flatnonzero(is_there[:, t]))
        values, warm = bank.step(mine[present], walk[present, t])
        for k, row in zip(present, zip(values, warm, strict=True), strict=True):
            got[k].append(row)
    for k in range(len(mine)):
        values, warm = Bank(1).step(np.zeros(is_there[k].sum(), np.int64), walk[k, is_there[k]])
        assert values.tobytes() == b"".join(v.tobytes() for v, _ in got[k])
        assert warm.tobytes() == b"".join(w.tobytes() for _, w in got[k])


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
        agree(ours[column], theirs, scale=SCALE.get(column, 1.0))


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
