"""Text of many stream entries and hashes: values once, then laid out for a digest or as Redis commands.

Reads   columns of a batch as int64[fields, n] (decimals by their bits), texts that lie one behind the other
Writes  bytes: the values of each entry in order of its fields; canonical text; whole XADD and HSET commands
A text is known by its start and size in an arena: int64[n, 2].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.kernels.jit import kernel, warmer
from pipeline.kernels.memory import copy_bytes
from pipeline.kernels.resp import CR, DOLLAR, LF
from pipeline.kernels.text import DOT, MINUS, ZERO_DIGIT, put_int_k

WHOLE, DECIMAL, WORD = range(3)
COLON, DASH, STAR = 58, 45, 42


@kernel
def put_decimal_k(out: Any, at: int, value: float) -> int:
    """Write a decimal of at most four places below 1e11, as Python's repr does: at least one place."""
    if np.signbit(value):
        out[at] = MINUS
        at += 1
    scaled = int(np.rint(abs(value) * 10_000.0))
    at = put_int_k(out, at, scaled // 10_000)
    rest, places = scaled % 10_000, 4
    while places > 1 and rest % 10 == 0:
        rest //= 10
        places -= 1
    out[at] = DOT
    for k in range(places, 0, -1):
        out[at + k] = ZERO_DIGIT + rest % 10
        rest //= 10
    return at + places + 1


@kernel
def put_values_k(out: Any, ends: Any, columns: Any, kinds: Any, words: Any, arena: Any) -> None:
    """Write the values of each entry; that of field f of entry i ends at ``ends[i * fields + f + 1]``.

    ``kinds`` is int64[fields, 2]: the kind, and the first row of its texts in ``words`` int64[texts, 2], which lie in ``arena``.
    """
    here, texts, at = out.ctypes.data, arena.ctypes.data, 0
    fields, count = columns.shape
    for i in range(count):
        for f in range(fields):
            value = columns[f, i]
            if kinds[f, 0] == WORD:
                place = words[kinds[f, 1] + value]
                copy_bytes(here + at, texts + place[0], place[1])
                at += place[1]
            elif kinds[f, 0] == WHOLE:
                at = put_int_k(out, at, value)
            else:
                at = put_decimal_k(out, at, np.int64(value).view(np.float64))
            ends[i * fields + f + 1] = at


@kernel
def canonical_k(out: Any, ends: Any, ids: Any, values: Any, value_ends: Any, order: Any, heads: Any, arena: Any) -> None:
    """Write id and canonical text of each entry; that of entry i ends at ``ends[i + 1]``.

    ``ids`` is (ms, first ordinal), ``order`` the fields as a digest takes them, ``heads`` the text before the size of each.
    """
    here, texts, source, at = out.ctypes.data, arena.ctypes.data, values.ctypes.data, 0
    fields = len(order)
    for i in range(len(ends) - 1):
        at = put_int_k(out, at, ids[0])
        out[at] = DASH
        at = put_int_k(out, at + 1, ids[1] + i)
        for f in order:
            start = value_ends[i * fields + f]
            size = value_ends[i * fields + f + 1] - start
            copy_bytes(here + at, texts + heads[f, 0], heads[f, 1])
            at = put_int_k(out, at + heads[f, 1], size)
            out[at] = COLON
            copy_bytes(here + at + 1, source + start, size)
            at += 1 + size
        ends[i + 1] = at


@kernel
def put_argument_k(out: Any, at: int, source: int, size: int) -> int:
    """Write one argument that lies at an address."""
    out[at] = DOLLAR
    at = put_int_k(out, at + 1, size)
    out[at], out[at + 1] = CR, LF
    copy_bytes(out.ctypes.data + at + 2, source, size)
    at += 2 + size
    out[at], out[at + 1] = CR, LF
    return at + 2


@kernel
def xadds_k(out: Any, ids: Any, values: Any, value_ends: Any, heads: Any, arena: Any) -> int:
    """Write one XADD for each entry; return the size.

    ``heads`` has the text before the id, before each value, and the last fields, which are the same for all.
    """
    here, texts, source, at = out.ctypes.data, arena.ctypes.data, values.ctypes.data, 0
    text = np.empty(64, np.uint8)
    fields = len(heads) - 2
    for i in range((len(value_ends) - 1) // fields):
        copy_bytes(here + at, texts + heads[0, 0], heads[0, 1])
        size = put_int_k(text, 0, ids[0])
        text[size] = DASH
        size = put_int_k(text, size + 1, ids[1] + i)
        at = put_argument_k(out, at + heads[0, 1], text.ctypes.data, size)
        for f in range(fields):
            copy_bytes(here + at, texts + heads[f + 1, 0], heads[f + 1, 1])
            start = value_ends[i * fields + f]
            at = put_argument_k(out, at + heads[f + 1, 1], source + start, value_ends[i * fields + f + 1] - start)
        copy_bytes(here + at, texts + heads[fields + 1, 0], heads[fields + 1, 1])
        at += heads[fields + 1, 1]
    return at


@kernel
def hsets_k(out: Any, told: Any, places: Any, values: Any, value_ends: Any, keys: Any, names: Any, arena: Any) -> None:
    """Write one HSET for each run of lines of one hash; ``told`` becomes (size, commands).

    ``keys`` and ``names`` are the texts from the verb to the key, and of a field as an argument.
    """
    here, texts, source, at = out.ctypes.data, arena.ctypes.data, values.ctypes.data, 0
    first, lines, commands = 0, len(places), 0
    while first < lines:
        place, end = places[first, 0], first + 1
        while end < lines and places[end, 0] == place:
            end += 1
        out[at] = STAR
        at = put_int_k(out, at + 1, 2 + 2 * (end - first))
        copy_bytes(here + at, texts + keys[place, 0], keys[place, 1])
        at += keys[place, 1]
        for k in range(first, end):
            name = names[places[k, 1]]
            copy_bytes(here + at, texts + name[0], name[1])
            at = put_argument_k(out, at + name[1], source + value_ends[k], value_ends[k + 1] - value_ends[k])
        first = end
        commands += 1
    told[0], told[1] = at, commands


@warmer
def _warm() -> None:
    """Compile by laying out one entry and one hash."""
    out, ends, one = np.zeros(256, np.uint8), np.zeros(2, np.int64), np.zeros((1, 2), np.int64)
    put_values_k(out, ends, np.zeros((1, 1), np.int64), one, one, out)
    canonical_k(out, ends, np.zeros(2, np.int64), out, np.zeros(2, np.int64), np.zeros(1, np.int64), one, out)
    xadds_k(out, np.zeros(2, np.int64), out, np.zeros(2, np.int64), np.zeros((3, 2), np.int64), out)
    hsets_k(out, np.zeros(2, np.int64), one, out, np.zeros(2, np.int64), one, one, out)
