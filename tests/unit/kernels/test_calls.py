"""Calls by address."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.kernels.calls import address_of, call_at, floats_at
from pipeline.kernels.jit import kernel


@kernel
def second_k(v):
    return 7 if v[1] > 2.0 else -7


@kernel
def half_k(v):
    return v[0] / 2.0


@kernel
def ask_k(address, place):
    return call_at(address, floats_at(place))


def test_a_kernel_is_called_by_its_address():
    numbers = np.array([1.0, 3.0, 1.0])
    assert ask_k(address_of(second_k), numbers.ctypes.data) == 7 == second_k.py_func(numbers)
    assert ask_k(address_of(second_k), numbers[1:].ctypes.data) == -7 == second_k.py_func(numbers[1:])


def test_an_address_is_found_once():
    assert address_of(second_k) == address_of(second_k) != 0


def test_a_kernel_of_another_form_is_turned_down():
    with pytest.raises(TypeError, match="half_k returns float64, not int64"):
        address_of(half_k)
