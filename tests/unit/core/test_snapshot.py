"""A state comes back bit for bit, and damaged bytes are never taken for a state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import Corrupt
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CANDLE, TICK

json_like = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(), inner, max_size=4)),
    max_leaves=10,
)


def sample() -> bytes:
    rows = np.zeros(3, TICK)
    rows["ltp"] = [1.0, np.nan, -0.0]
    rows["bid_px"][1] = [1, 2, 3, 4, 5]
    return pack({"n": 1, "px": 0.1}, {"ticks": rows, "candles": np.zeros((2, 3), CANDLE), "flags": np.array([True, False])})


def test_arrays_of_every_kind_come_back_bit_for_bit_and_writable() -> None:
    plain, arrays = unpack(sample())
    assert plain == {"n": 1, "px": 0.1}
    assert arrays["ticks"].dtype == TICK
    assert arrays["candles"].dtype == CANDLE
    assert arrays["candles"].shape == (2, 3)
    assert np.isnan(arrays["ticks"]["ltp"][1])
    assert np.signbit(arrays["ticks"]["ltp"][2])
    assert arrays["flags"].tolist() == [True, False]
    arrays["ticks"]["ltp"][0] = 9.0
    assert pack(*unpack(sample())) == sample()


def test_an_array_that_is_a_view_is_packed_by_its_values() -> None:
    grid = np.arange(12.0).reshape(3, 4)
    _, arrays = unpack(pack(None, {"column": grid[:, 1], "turned": grid.T}))
    assert arrays["column"].tolist() == [1.0, 5.0, 9.0]
    assert arrays["turned"].tolist() == grid.T.tolist()


def test_empty_states() -> None:
    assert unpack(pack(None)) == (None, {})
    assert unpack(pack({}, {"none": np.zeros((0, 4))}))[1]["none"].shape == (0, 4)


def test_the_order_of_names_does_not_change_the_bytes() -> None:
    a, b = np.arange(3), np.arange(2.0)
    assert pack(None, {"a": a, "b": b}) == pack(None, {"b": b, "a": a})


def test_nan_in_the_plain_part_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        pack({"x": float("nan")})


def test_a_cut_snapshot_is_corrupt_wherever_it_is_cut() -> None:
    blob = sample()
    for size in range(0, len(blob), 7):
        with pytest.raises(Corrupt):
            unpack(blob[:size])
    with pytest.raises(Corrupt, match="wrong length"):
        unpack(blob + b"\0")


@settings(max_examples=100, deadline=None)
@given(json_like)
def test_the_plain_part_survives_exactly(plain) -> None:
    assert unpack(pack(plain))[0] == plain


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_foreign_bytes_are_corrupt_and_nothing_else(blob: bytes) -> None:
    with pytest.raises(Corrupt):
        unpack(blob)
