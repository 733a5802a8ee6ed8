"""Text of entries and hashes, kernel by kernel; whole commands and digests are compared in ``tests/unit/store/test_batch.py``."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.kernels.entries import DECIMAL, WHOLE, WORD, hsets_k, put_argument_k, put_decimal_k, put_values_k


def bytes_of(text):
    return np.frombuffer(bytearray(text), np.uint8)


@given(st.integers(-(10**15) + 1, 10**15 - 1).map(lambda units: units / 10_000))
def test_decimals_are_written_as_repr_does(value):
    out = np.zeros(32, np.uint8)
    assert out[: put_decimal_k(out, 0, value)].tobytes().decode() == repr(value)


def test_the_sign_of_zero_is_kept():
    out = np.zeros(32, np.uint8)
    assert out[: put_decimal_k(out, 0, -0.0)].tobytes() == b"-0.0"


def test_values_lie_entry_by_entry():
    columns = np.array([[7, -8], np.array([0.5, 2.25]).view(np.int64), [1, 0]])
    kinds, words = np.array([[WHOLE, 0], [DECIMAL, 0], [WORD, 1]]), np.array([[0, 1], [1, 2], [3, 3]])
    out, ends = np.zeros(64, np.uint8), np.zeros(7, np.int64)
    put_values_k(out, ends, columns, kinds, words, bytes_of(b"xyyzzz"))
    text = out.tobytes()
    assert [text[ends[k] : ends[k + 1]] for k in range(6)] == [b"7", b"0.5", b"zzz", b"-8", b"2.25", b"yy"]


def test_an_argument_has_its_size_before_it():
    out, text = np.zeros(32, np.uint8), bytes_of(b"thirteen byte")
    assert out[: put_argument_k(out, 0, text.ctypes.data, 13)].tobytes() == b"$13\r\nthirteen byte\r\n"


def test_a_hash_that_comes_again_is_written_again():
    out, told = np.zeros(128, np.uint8), np.zeros(2, np.int64)
    places, ends = np.array([[1, 0], [0, 0], [0, 1], [1, 1]]), np.arange(5)
    keys, names = np.array([[0, 3], [3, 3]]), np.array([[6, 1], [7, 1]])
    hsets_k(out, told, places, bytes_of(b"abcd"), ends, keys, names, bytes_of(b"[0][1]xy"))
    parts = b"*4[1]x$1\r\na\r\n", b"*6[0]x$1\r\nb\r\ny$1\r\nc\r\n", b"*4[1]y$1\r\nd\r\n"
    assert (out[: told[0]].tobytes(), told[1]) == (b"".join(parts), 3)
