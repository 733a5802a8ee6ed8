"""The protobuf wire format: varints, lengths, doubles and the skipping of fields that we do not know.

Every reader takes the bytes ``f``, the place ``at`` where it begins and the ``end`` of the message it reads in, and gives the
place after what it read. A reader never looks at or past ``end``. What is not whole, or written in a way that no
serialiser uses (over-long tags and lengths, groups), gives ``PAST``, which lies beyond every end: a loop
``while at < end`` stops there, and ``at == end`` after it says that the message was whole. ``PAST`` means that the protobuf
runtime has to look, not that the bytes are wrong; what is read here it reads too, to the same values.
"""

from __future__ import annotations

from typing import Any

from pipeline.kernels.jit import kernel
from pipeline.kernels.memory import int64

PAST = 1 << 40
"""Place beyond the end of every message."""
NOT_ASCII = -0x7F7F7F7F7F7F7F80
"""The high bit of each of eight bytes."""
ONES = 0x0101010101010101
MAX_TAG = (1 << 32) - 1


@kernel
def word_k(f: Any, at: int) -> int:
    """Eight bytes, little end first, as a signed integer: a double's bits or a piece of text."""
    return (
        int64(f[at])
        | (int64(f[at + 1]) << 8)
        | (int64(f[at + 2]) << 16)
        | (int64(f[at + 3]) << 24)
        | (int64(f[at + 4]) << 32)
        | (int64(f[at + 5]) << 40)
        | (int64(f[at + 6]) << 48)
        | (int64(f[at + 7]) << 56)
    )


@kernel(forceinline=True)
def varint_k(f: Any, at: int, end: int) -> tuple[int, int]:
    """Read up to ten bytes of seven bits, as int64, and the place after them."""
    if at + 8 > end:
        return varint_bytes_k(f, at, end)
    word = word_k(f, at)
    stops = ~word & NOT_ASCII
    if stops == 0:
        return varint_bytes_k(f, at, end)
    ours = stops ^ (stops - 1)
    word &= ours  # push the sevens together: two, four and eight at a time
    word = (word & 0x007F007F007F007F) | ((word & 0x7F007F007F007F00) >> 1)
    word = (word & 0x00003FFF00003FFF) | ((word & 0x3FFF00003FFF0000) >> 2)
    word = (word & 0x000000000FFFFFFF) | ((word & 0x0FFFFFFF00000000) >> 4)
    return word, at + ((((ours & ONES) * ONES) >> 56) & 15)  # as many bytes as are ours: their ones, added up in the highest


@kernel
def varint_bytes_k(f: Any, at: int, end: int) -> tuple[int, int]:
    """Read the same byte by byte: in the first bytes of a frame, and what is longer than eight bytes (negative numbers)."""
    value = int64(0)
    shift = 0
    while at < end and shift < 63:
        byte = int64(f[at])
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    if shift == 63 and at < end and f[at] <= 1:  # the tenth byte has room for one bit
        return value | (int64(f[at]) << 63), at + 1
    return int64(0), PAST


@kernel
def length_k(f: Any, at: int, end: int) -> tuple[int, int]:
    """Read a length and give the (first, end) of what follows; the end is ``PAST`` when it does not fit or is over-long."""
    if at >= end:
        return at, PAST
    size = int64(f[at])
    at += 1
    if size >= 128:
        size &= 127
        shift = 7
        while True:
            if at >= end or shift > 28:
                return at, PAST
            byte = int64(f[at])
            at += 1
            size |= (byte & 127) << shift
            if byte < 128:
                if byte == 0:
                    return at, PAST
                break
            shift += 7
    if size > end - at:
        return at, PAST
    return at, at + size


@kernel
def skip_k(f: Any, at: int, end: int, known: int) -> int:
    """Skip one field whose number is above ``known``. A known number in another wire type is for the runtime."""
    tag = int64(0)
    shift = 0
    while True:
        if at >= end or shift > 28:
            return PAST
        byte = int64(f[at])
        at += 1
        tag |= (byte & 127) << shift
        if byte < 128:
            if byte == 0 and shift > 0:
                return PAST
            break
        shift += 7
    if tag > MAX_TAG or tag >> 3 <= known:
        return PAST
    wire = tag & 7
    if wire == 0:
        return varint_k(f, at, end)[1]
    if wire == 2:
        return length_k(f, at, end)[1]
    if wire == 1:
        at += 8
    elif wire == 5:
        at += 4
    else:
        return PAST
    return at if at <= end else PAST


@kernel
def is_ascii_k(f: Any, at: int, end: int) -> bool:
    """Say whether all bytes are below 128: valid UTF-8 without a closer look."""
    high = int64(0)
    while at < end:
        high |= int64(f[at])
        at += 1
    return high < 128
