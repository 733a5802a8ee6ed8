"""Readers of the wire format against protobuf's own encoder, and at every edge of a message."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from google.protobuf.internal.encoder import _VarintBytes

from pipeline.kernels import protobuf as p

VALUES = [0, 1, 127, 128, 300, 16_383, 16_384, 2**21 - 1, 2**21, 2**28, 2**35, 2**42 - 7, 2**49, 2**56 - 1, 2**56, 2**62, 2**63 - 1]


def bytes_of(value: int) -> bytes:
    return _VarintBytes(value & (2**64 - 1))


@pytest.mark.parametrize("value", [*VALUES, -1, -1_200, -(2**63)])
@pytest.mark.parametrize("behind", [b"", b"\x80\x80", b"\xff" * 12])
def test_varints_as_protobuf_writes_them(value, behind):
    body = bytes_of(value)
    frame = b"\x7f" + body + behind
    for end in (1 + len(body), len(frame)):
        assert p.varint_k.py_func(frame, 1, end) == (value, 1 + len(body))
        assert p.varint_k(frame, 1, end) == (value, 1 + len(body))
    for end in range(1, 1 + len(body)):
        assert p.varint_k(frame, 1, end)[1] == p.PAST


def test_random_varints_compiled_and_plain():
    rng = random.Random(3)
    for _ in range(2_000):
        frame = rng.randbytes(rng.randrange(1, 14))
        with np.errstate(over="ignore"):
            plain = p.varint_k.py_func(frame, 0, len(frame))
        assert p.varint_k(frame, 0, len(frame)) == plain


def test_an_eleventh_byte_or_an_overfull_tenth_is_not_read():
    assert p.varint_k(b"\x80" * 10 + b"\x01", 0, 11)[1] == p.PAST
    assert p.varint_k(b"\xff" * 9 + b"\x02", 0, 10)[1] == p.PAST
    assert p.varint_k(b"\xff" * 9 + b"\x01", 0, 10) == (-1, 10)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 20_000])
def test_lengths(size):
    told = bytes_of(size)
    frame = told + b"x" * size
    assert p.length_k(frame, 0, len(frame)) == (len(told), len(frame)) == p.length_k.py_func(frame, 0, len(frame))
    if size > 0:
        assert p.length_k(frame, 0, len(frame) - 1)[1] == p.PAST
    assert p.length_k(frame, 0, 0)[1] == p.PAST


@pytest.mark.parametrize("told", [b"\x80", b"\x80\x00", b"\x81\x80\x00", b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\x01"])
def test_lengths_that_no_serialiser_writes(told):
    frame = told + b"x" * 200
    assert p.length_k(frame, 0, len(told) if told == b"\x80" else len(frame))[1] == p.PAST


def skipped(frame: bytes, known: int = 4) -> int:
    at = p.skip_k(frame, 0, len(frame), np.int64(known))
    with np.errstate(over="ignore"):
        assert p.skip_k.py_func(frame, 0, len(frame), known) == at
    return at


@pytest.mark.parametrize("field", [5, 15, 16, 2_000, 2**29 - 1])
def test_unknown_fields_are_skipped_whole_or_not_at_all(field):
    for wire, body in ((0, bytes_of(2**40)), (1, b"12345678"), (2, b"\x03abc"), (5, b"1234")):
        frame = bytes_of(field << 3 | wire) + body
        assert skipped(frame) == len(frame)
        assert all(skipped(frame[:size]) == p.PAST for size in range(len(frame)))
    for wire in (3, 4, 6, 7):
        assert skipped(bytes_of(field << 3 | wire) + b"12345678") == p.PAST


def test_known_numbers_number_zero_and_odd_tags_are_left_to_the_runtime():
    assert skipped(b"\x20\x01") == p.PAST
    assert skipped(b"\x00\x01") == p.PAST
    assert skipped(b"\xa8\x00\x01") == p.PAST  # over-long
    assert skipped(b"\x80\x80\x80\x80\x10\x01") == p.PAST  # beyond 32 bits
    assert skipped(b"\x80\x80\x80\x80\x80\x01\x01") == p.PAST


def test_words_and_text():
    frame = b"??" + struct.pack("<d", -1412.35)
    word = p.word_k(frame, 2)
    assert struct.pack("<q", word) == frame[2:]
    with np.errstate(over="ignore"):
        assert p.word_k.py_func(frame, 2) == word
    assert p.is_ascii_k(b"I1~", 0, 3)
    assert p.is_ascii_k(b"\x80I1\xff", 1, 3)
    assert not p.is_ascii_k(b"I\xc3\xa9", 0, 3)
