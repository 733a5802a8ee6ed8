from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.text import ROOM, put_float_k, put_int_k


def text_of(put, value) -> str:
    out = np.full(ROOM + 16, 7, np.uint8)
    end = put(out, 8, value)
    assert (out[:8] == 7).all()
    assert (out[8 + ROOM :] == 7).all()
    assert (out[end:] == 7).all()
    return out[8:end].tobytes().decode()


@settings(deadline=None)  # the first example may have to compile
@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_integers_are_exact(value):
    assert text_of(put_int_k, value) == str(value)


@settings(deadline=None)  # the first example may have to compile
@given(st.integers(0, 10**14), st.integers(0, 4))
def test_prices_come_back_as_they_were_written(units, decimals):
    """Any price of up to 15 digits, whatever its step."""
    price = float(Decimal(units).scaleb(-decimals))
    told = text_of(put_float_k, price)
    assert float(told) == price
    assert Decimal(told) == Decimal(units).scaleb(-decimals)


@settings(deadline=None)  # the first example may have to compile
@given(st.floats(-1e13, 1e13))
def test_any_number_is_within_ten_digits(value):
    told = text_of(put_float_k, value)
    assert abs(float(told) - value) <= max(abs(value) * 6e-11, 1e-15)
    assert not told.startswith(("0", "-0")) or told in ("0", "-0") or told.lstrip("-")[1] == "."


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (5.0, "5"),
        (-1.5, "-1.5"),
        (1412.35, "1412.35"),
        (0.05, "0.05"),
        (1e-16, "0"),
        (-1e-16, "0"),
        (1e13, "10000000000000"),
    ],
)
def test_examples(value, told):
    assert text_of(put_float_k, value) == told


def test_the_python_twin_agrees():
    out = np.zeros(ROOM, np.uint8)
    assert out[: put_float_k.py_func(out, 0, 99.95)].tobytes() == b"99.95"
