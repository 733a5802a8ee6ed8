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
from pipeline.kernels.memory import copy_bytes
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
def put_value_k(out: Any, whole: Any, column: Any, table: Any, arena: Any) -> int:
    """Write the text of one column that is no decimal to the start of ``out``; return its size."""
    kind, word = column[0], column[1]
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
def put_number_k(out: Any, at: int, value: float) -> int:
    """Write one argument, a number, into place: its size has one digit or two, and is known when it is written."""
    end = put_float_k(out, at + 5, value)
    size = end - at - 5
    if size < 10:  # one digit fewer in front: the number moves up
        for k in range(size):
            out[at + 4 + k] = out[at + 5 + k]
        end -= 1
        out[at + 1] = ZERO_DIGIT + size
    else:
        out[at + 1], out[at + 2] = ZERO_DIGIT + size // 10, ZERO_DIGIT + size % 10
    first = end - size
    out[at], out[first - 2], out[first - 1], out[end], out[end + 1] = DOLLAR, CR, LF, CR, LF
    return end + 2


@kernel
def put_hashes_k(
    out: Any, whole: Any, ts: Any, sids: Any, day: int, columns: Any, table: Any, arena: Any, keys: Any, heads: Any, clock: Any
) -> int:
    """Write one HSET for each symbol that is named, of its row ``whole[sid]``; return the size.

    Decimals, of which there are most, go straight into their place; a slice for each would cost more than its digits.
    """
    text = np.empty(512, np.uint8)
    here, names, at = out.ctypes.data, arena.ctypes.data, 0
    for sid in sids:
        at = put_bytes_k(out, at, heads, keys[sid, 0], keys[sid, 1])
        for k in range(len(columns)):
            kind = columns[k, 0]
            copy_bytes(here + at, names + columns[k, 4], columns[k, 5])
            at += columns[k, 5]
            if kind == DECIMAL:
                number = np.int64(whole[sid, columns[k, 1]]).view(np.float64)
                at = put_bulk_k(out, at, text, 0) if np.isnan(number) else put_number_k(out, at, number)
                continue
            if kind == CLOCK:
                size = put_clock_k(text, clock, ts[sid] + IST_OFFSET_MS - day * DAY_MS)
            else:
                size = put_value_k(text, whole[sid], columns[k], table, arena)
            at = put_bulk_k(out, at, text, size)
    return at


@kernel
def take_rows_k(
    out: Any, words: Any, due: Any, ts: int, series: Any, keys: Any, heads: Any, newest: Any, times: Any, marks: Any, told: Any
) -> None:
    """Write (key, time, value) of each sample that is due behind what ``out`` holds, and keep the newest rows.

    ``words`` is int64[n * w], the rows; ``series[k]`` is (word of the value, word of what it needs, whether that is a decimal, its bit
    of ``due``, whether the value is a decimal). ``newest`` is int64[symbols, w], ``times`` its times; ``marks[sid]`` is 1 when the row
    has not been shown, plus 2 when the symbol's series are known, plus 4 when anything of it was ever due. ``told`` is (bytes in
    ``out``, samples, rows whose series are not known).
    """
    stamp, value = np.empty(64, np.uint8), np.empty(64, np.uint8)
    stamped = put_bulk_k(stamp, 0, value, put_int_k(value, 0, ts))
    here, texts, stamps = out.ctypes.data, heads.ctypes.data, stamp.ctypes.data
    width = newest.shape[1]
    at, count = told[0], told[1]
    for i in range(len(due)):
        row = i * width
        sid = words[row] & 0xFFFFFFFF
        if due[i] == 0 or sid >= len(newest):
            continue  # a row of another watchlist has no place
        if due[i] & 1:
            for w in range(width):
                newest[sid, w] = words[row + w]
            times[sid] = ts
            marks[sid] |= 1
        marks[sid] |= 4
        if marks[sid] & 2 == 0 and due[i] > 1:
            told[2] += 1
        for k in range(len(series)):
            if (due[i] >> series[k, 3]) & 1 == 0:
                continue
            need = words[row + series[k, 1]]
            if need == 0 or (series[k, 2] == 1 and np.int64(need).view(np.float64) == 0.0):
                continue
            told_word = words[row + series[k, 0]]
            number = np.int64(told_word).view(np.float64) if series[k, 4] == 1 else float(told_word)
            if np.isnan(number):
                continue
            copy_bytes(here + at, texts + keys[sid, k, 0], keys[sid, k, 1])
            at += keys[sid, k, 1]
            copy_bytes(here + at, stamps, stamped)
            at = put_number_k(out, at + stamped, number)
            count += 1
    told[0], told[1] = at, count
