"""Packed rows as Redis text: the words of a row, column by column, into one buffer.

Reads   rows as int64[n, words] and the same memory as float64, a table of columns, texts that lie one behind the other
Writes  RESP bytes: whole HSET commands, or the arguments of a TS.MADD
A column is described by eight numbers: kind, word, shift and bits of a smaller part, start and size of its
name, first row of its words in ``table`` and how many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.kernels.jit import kernel
from pipeline.kernels.text import ZERO_DIGIT, put_bytes_k, put_float_k, put_int_k

WHOLE, DECIMAL, PART, SIGNED_PART, FLAG_WORDS, WORD, CLOCK = range(7)
"""How a column becomes text: an integer or decimal word, a part of a word, the names of its bits, one name, the time of the write."""
SPACE, DOLLAR, CR, LF = 32, 36, 13, 10
DAY_MS, IST_OFFSET_MS = 86_400_000, 19_800_000


@kernel
def part_k(word: int, shift: int, bits: int, is_signed: bool) -> int:
    """Take a smaller number out of a word."""
    if bits == 64:
        return word
    value = (word >> shift) & ((1 << bits) - 1)
    if is_signed and value >= 1 << (bits - 1):
        value -= 1 << bits
    return value


@kernel
def put_clock_k(out: Any, clock: Any, at_ms: int) -> int:
    """Write an instant: the date and the offset as in ``clock``, the time of day counted out."""
    for k in range(len(clock)):
        out[k] = clock[k]
    rest = at_ms
    for k in (22, 21, 20):
        out[k] = ZERO_DIGIT + rest % 10
        rest //= 10
    for k in (18, 15, 12):
        if k != 12:
            part, rest = rest % 60, rest // 60
        else:
            part = rest
        out[k] = ZERO_DIGIT + part % 10
        out[k - 1] = ZERO_DIGIT + part // 10
    return len(clock)


@kernel
def put_value_k(out: Any, whole: Any, decimal: Any, column: Any, table: Any, arena: Any) -> int:
    """Write the text of one column to the start of ``out``; return its size."""
    kind, word = column[0], column[1]
    if kind == DECIMAL:
        return put_float_k(out, 0, decimal[word])
    value = part_k(whole[word], column[2], column[3], kind == SIGNED_PART)
    if kind == WORD:
        place = table[column[6] + value] if 0 <= value < column[7] else table[column[6]]
        return put_bytes_k(out, 0, arena, place[0], place[1])
    if kind != FLAG_WORDS:
        return put_int_k(out, 0, value)
    at = 0
    for bit in range(column[7]):
        if (value >> bit) & 1:
            if at > 0:
                out[at] = SPACE
                at += 1
            place = table[column[6] + bit]
            at = put_bytes_k(out, at, arena, place[0], place[1])
    return at


@kernel
def put_bulk_k(out: Any, at: int, text: Any, size: int) -> int:
    """Write one argument."""
    out[at] = DOLLAR
    at = put_int_k(out, at + 1, size)
    out[at], out[at + 1] = CR, LF
    at = put_bytes_k(out, at + 2, text, 0, size)
    out[at], out[at + 1] = CR, LF
    return at + 2


@kernel
def put_hashes_k(
    out: Any,
    whole: Any,
    decimal: Any,
    ts: Any,
    places: Any,
    day: int,
    columns: Any,
    table: Any,
    arena: Any,
    keys: Any,
    heads: Any,
    clock: Any,
) -> int:
    """Write one HSET for each row that is named; return the size."""
    text = np.empty(512, np.uint8)
    at = 0
    for i in places:
        sid = whole[i, 0] & 0xFFFFFFFF
        at = put_bytes_k(out, at, heads, keys[sid, 0], keys[sid, 1])
        for k in range(len(columns)):
            at = put_bytes_k(out, at, arena, columns[k, 4], columns[k, 5])
            if columns[k, 0] == CLOCK:
                size = put_clock_k(text, clock, ts[i] + IST_OFFSET_MS - day * DAY_MS)
            else:
                size = put_value_k(text, whole[i], decimal[i], columns[k], table, arena)
            at = put_bulk_k(out, at, text, size)
    return at


@kernel
def put_samples_k(out: Any, whole: Any, decimal: Any, ts: Any, series: Any, keys: Any, heads: Any) -> tuple[int, int]:
    """Write (key, time, value) of each sample; return the size and how many."""
    text = np.empty(64, np.uint8)
    stamp = np.empty(64, np.uint8)
    stamped, last = 0, -1
    at, count = 0, 0
    for i in range(len(ts)):
        if ts[i] != last:
            last = ts[i]
            stamped = put_bulk_k(stamp, 0, text, put_int_k(text, 0, last))
        sid = whole[i, 0] & 0xFFFFFFFF
        for k in range(len(series)):
            need = series[k, 1]
            if (decimal[i, need] == 0.0) if series[k, 2] == 1 else (whole[i, need] == 0):
                continue
            at = put_bytes_k(out, at, heads, keys[sid, k, 0], keys[sid, k, 1])
            at = put_bytes_k(out, at, stamp, 0, stamped)
            at = put_bulk_k(out, at, text, put_float_k(text, 0, decimal[i, series[k, 0]]))
            count += 1
    return at, count
