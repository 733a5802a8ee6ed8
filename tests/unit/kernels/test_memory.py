"""Places in memory: what a kernel reads and writes there is what Python sees."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError

from pipeline.kernels.jit import kernel
from pipeline.kernels.memory import bytes_of, words_at


@kernel
def sum_k(frame: bytes) -> int:
    f, total = bytes_of(frame), 0
    for i in range(len(frame)):
        total += f[i]
    return total


@kernel
def swap_k(address: int) -> None:
    words = words_at(address)
    words[0], words[1] = words[1], words[0]


@kernel
def wrong_k(number: float) -> int:
    return bytes_of(number)[0]


def test_bytes_and_words():
    assert sum_k(b"") == 0
    assert sum_k(bytes(range(256))) == sum(range(256))
    words = np.array([7, -9, 11])
    swap_k(words.ctypes.data)
    assert words.tolist() == [-9, 7, 11]


def test_only_bytes_have_a_place():
    with pytest.raises(TypingError):
        wrong_k(1.0)
