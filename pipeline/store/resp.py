"""Redis commands as bytes: plain ones from parts, and packed rows shown to people, written by one kernel a batch.

Reads   ``RowsWrite`` (rows of whole 8-byte words) or parts of a command
Writes  RESP: ``HSET`` of each row's hash, and the arguments of one ``TS.MADD``
What depends on the watchlist and the view alone (keys, field names) is text made once. Never sends anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.schema import LTP, TICK_LATEST, Series
from pipeline.core.session import ist_text
from pipeline.core.views import Column, RowsWrite, RowView, Sampled
from pipeline.kernels.jit import kernel, warmer
from pipeline.kernels.text import ROOM, put_bytes_k, put_float_k, put_int_k

WHOLE, DECIMAL, PART, SIGNED_PART, FLAG_WORDS, WORD, CLOCK = range(7)
"""How a column becomes text: an integer or decimal word, a part of a word, the names of its bits, one name, the time of the write."""
SPACE, DOLLAR, CR, LF = 32, 36, 13, 10
CLOCK_BYTES = 30


def command(*parts: bytes) -> bytes:
    """Write one command."""
    out = [b"*%d\r\n" % len(parts)]
    for part in parts:
        out += (b"$%d\r\n" % len(part), part, b"\r\n")
    return b"".join(out)


def bulk(text: str | bytes) -> bytes:
    """Write one argument."""
    part = text.encode() if isinstance(text, str) else text
    return b"$%d\r\n%b\r\n" % (len(part), part)


class _Arena:
    """Texts one behind the other; each is known by (start, size)."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def put(self, text: bytes) -> tuple[int, int]:
        place = (self._size, len(text))
        self._parts.append(text)
        self._size += len(text)
        return place

    def bytes(self) -> NDArray[np.uint8]:
        return np.frombuffer(bytearray(b"".join(self._parts) or b"\0"), np.uint8)


class RowEncoder:
    """Writes the rows of one view for one watchlist."""

    def __init__(self, view: RowView, symbols: Any) -> None:
        self.view, self.symbols = view, symbols
        self._words = view.row.itemsize // 8
        arena, heads = _Arena(), _Arena()
        self._columns = np.array([_column(view.row, c, arena) for c in view.columns], np.int64).reshape(-1, 8)
        self._table = np.array([place for c in view.columns for place in _words(c, arena)], np.int64).reshape(-1, 2)
        at = 0
        for row, column in zip(self._columns, view.columns, strict=True):
            row[6], row[7] = at, len(column.words)
            at += len(column.words)
        arity = 2 + 2 * len(view.columns)
        self._hash_keys = np.array([heads.put(_head(view, name, arity)) for name in symbols] if view.hash is not None else [], np.int64)
        self._series = np.array([_series(view.row, s.field, s.need) for s in view.series], np.int64).reshape(-1, 3)
        keys = [[heads.put(bulk(s.series.key(name, *s.labels))) for s in view.series] for name in symbols]
        self._series_keys = np.array(keys, np.int64).reshape(len(symbols), -1, 2)
        self._arena, self._heads = arena.bytes(), heads.bytes()
        self._room = max(
            sum(len(bulk(c.name)) + 2 * ROOM + sum(len(w) + 1 for w in c.words) for c in view.columns) + 256,
            len(view.series) * (160 + 2 * ROOM),
        )
        self._out = np.zeros(1, np.uint8)
        self.is_known = np.zeros((len(symbols), len(view.series)), np.bool_)
        """Which series are there: the store marks them when it has made them."""

    def hashes(self, write: RowsWrite) -> tuple[bytes, int]:
        """Give the HSET commands of a write, and how many they are."""
        if self.view.hash is None or len(write.places) == 0:
            return b"", 0
        out = self._buffer(len(write.places))
        clock = np.frombuffer(bytearray(ist_text(write.ts).encode().ljust(CLOCK_BYTES)), np.uint8)
        whole, decimal = self._views(write)
        size = put_hashes_k(out, whole, decimal, write.places, self._columns, self._table, self._arena, self._hash_keys, self._heads, clock)
        return out[:size].tobytes(), len(write.places)

    def samples(self, write: RowsWrite) -> tuple[bytes, int]:
        """Give the arguments of a TS.MADD for a write, and the number of samples."""
        if len(self._series) == 0 or len(write.places) == 0:
            return b"", 0
        out = self._buffer(len(write.places))
        whole, decimal = self._views(write)
        size, count = put_samples_k(out, whole, decimal, write.places, self._series, self._series_keys, self._heads, write.ts)
        return out[:size].tobytes(), int(count)

    def missing(self, write: RowsWrite) -> list[tuple[Series, tuple[str, ...]]]:
        """List the series of a write that nobody has made yet."""
        sids = np.unique(write.rows["sid"][write.places])
        if self.is_known[sids].all():
            return []
        found = [(self.view.series[k], self.symbols[sid]) for sid in sids.tolist() for k in np.flatnonzero(~self.is_known[sid]).tolist()]
        return [(sampled.series, (name, *sampled.labels)) for sampled, name in found]

    def know(self, write: RowsWrite) -> None:
        """Note that all series of a write's symbols are there."""
        self.is_known[write.rows["sid"][write.places]] = True

    def forget(self) -> None:
        """Note that series may be gone: somebody cleared them."""
        self.is_known[:] = False

    def _buffer(self, rows: int) -> NDArray[np.uint8]:
        if len(self._out) < rows * self._room:
            self._out = np.zeros(rows * self._room, np.uint8)
        return self._out

    def _views(self, write: RowsWrite) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        flat = write.rows.view(np.uint8) if write.rows.flags.writeable else np.frombuffer(bytearray(write.rows.tobytes()), np.uint8)
        return flat.view(np.int64).reshape(-1, self._words), flat.view(np.float64).reshape(-1, self._words)


def _head(view: RowView, name: str, arity: int) -> bytes:
    key = view.hash.key(name) if view.hash is not None else ""
    return b"*%d\r\n$4\r\nHSET\r\n" % arity + bulk(key)


def _column(dtype: Any, column: Column, arena: _Arena) -> tuple[int, ...]:
    """Describe a column: kind, word, shift, bits, name's start and size; its words are filled in later."""
    name = arena.put(bulk(column.name))
    if not column.field:
        return (CLOCK, 0, 0, 0, *name, 0, 0)
    base, offset = dtype[column.field].base, dtype.fields[column.field][1] + column.element * dtype[column.field].base.itemsize
    shift, bits = (offset % 8) * 8, base.itemsize * 8
    if column.words:
        kind = FLAG_WORDS if column.is_flags else WORD
    elif base.kind == "f":
        kind = DECIMAL
    elif bits == 64:
        kind = WHOLE
    else:
        kind = SIGNED_PART if base.kind == "i" else PART
    return (kind, offset // 8, shift, bits, *name, 0, 0)


def _words(column: Column, arena: _Arena) -> list[tuple[int, int]]:
    return [arena.put(word.encode()) for word in column.words]


def _series(dtype: Any, field: str, need: str) -> tuple[int, int, int]:
    """Describe a series: word of its value, word of what it needs, whether that is a decimal."""
    return dtype.fields[field][1] // 8, dtype.fields[need][1] // 8, int(dtype[need].kind == "f")


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
def put_value_k(out: Any, whole: Any, decimal: Any, column: Any, table: Any, arena: Any, clock: Any) -> int:
    """Write the text of one column to the start of ``out``; return its size."""
    kind, word = column[0], column[1]
    if kind == DECIMAL:
        return put_float_k(out, 0, decimal[word])
    if kind == CLOCK:
        return put_bytes_k(out, 0, clock, 0, len(clock))
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
    out: Any, whole: Any, decimal: Any, places: Any, columns: Any, table: Any, arena: Any, keys: Any, heads: Any, clock: Any
) -> int:
    """Write one HSET for each row; return the size."""
    text = np.empty(512, np.uint8)
    at = 0
    for i in places:
        sid = whole[i, 0] & 0xFFFFFFFF
        at = put_bytes_k(out, at, heads, keys[sid, 0], keys[sid, 1])
        for k in range(len(columns)):
            at = put_bytes_k(out, at, arena, columns[k, 4], columns[k, 5])
            size = put_value_k(text, whole[i], decimal[i], columns[k], table, arena, clock)
            at = put_bulk_k(out, at, text, size)
    return at


@kernel
def put_samples_k(out: Any, whole: Any, decimal: Any, places: Any, series: Any, keys: Any, heads: Any, ts: int) -> tuple[int, int]:
    """Write (key, time, value) of each sample; return the size and how many."""
    text = np.empty(64, np.uint8)
    stamp = np.empty(64, np.uint8)
    stamped = put_bulk_k(stamp, 0, text, put_int_k(text, 0, ts))
    at, count = 0, 0
    for i in places:
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


@warmer
def _warm() -> None:
    """Compile by showing one row of nothing."""
    row = np.dtype([("sid", "<u4"), ("flags", "<u4"), ("x", "<f8")])
    columns = (Column("x", "x"), Column("flags", "flags", words=("a",), is_flags=True), Column("time"))
    view = RowView(row, TICK_LATEST, columns, (Sampled(LTP, (), "x", "x"),))
    encoder = RowEncoder(view, ("A",))
    write = RowsWrite(view, ("A",), 1, np.zeros(1, row), np.zeros(1, np.int64))
    encoder.hashes(write)
    encoder.samples(write)
