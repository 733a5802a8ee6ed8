"""Redis commands as bytes: plain ones from parts, and packed rows shown to people, written by one kernel a batch.

Reads   ``RowsWrite`` (rows of whole 8-byte words) or parts of a command
Writes  RESP: ``HSET`` of each row's hash, and the arguments of one ``TS.MADD``
What depends on the watchlist and the view alone (keys, field names) is text made once. Never sends anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.schema import LTP, TICK_LATEST, Series
from pipeline.core.session import ist_day, ist_text
from pipeline.core.views import Column, RowsWrite, RowView, Sampled
from pipeline.kernels.jit import warmer
from pipeline.kernels.resp import CLOCK, DECIMAL, FLAG_WORDS, PART, SIGNED_PART, WHOLE, WORD, put_hashes_k, take_rows_k
from pipeline.kernels.text import ROOM
from pipeline.store.face import LARGE, Part

FRESH, KNOWN, SEEN = np.uint8(1), np.uint8(2), np.uint8(4)
"""Marks of a symbol: its newest row has not been shown; its series are there; anything of it was ever due."""
SIZES = tuple(b"$%d\r\n" % size for size in range(LARGE))
"""What stands before an argument of so many bytes."""


def command(*parts: Part) -> bytes:
    """Write one command."""
    return b"".join(pieces(b"*%d\r\n" % len(parts), parts))


def pieces(head: bytes, parts: Iterable[Part]) -> list[Part]:
    """Write arguments behind ``head``, large ones untouched, and all that is small between them as one piece each."""
    out: list[Part] = []
    text: list[Part] = [head]
    for part in parts:
        size = len(part)
        if size < LARGE:
            text += (SIZES[size], part, b"\r\n")
        else:
            out += (b"".join((*text, b"$%d\r\n" % size)), part)
            text = [b"\r\n"]
    out.append(b"".join(text))
    return out


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
    """Writes the rows of one view for one watchlist: samples as they come, the newest row of each symbol when it is asked for.

    Not for threads. What ``take`` was given and ``samples`` and ``hashes`` have not told yet is held.
    """

    def __init__(self, view: RowView, symbols: Sequence[str]) -> None:
        self.view, self.symbols = view, symbols
        width, count = view.row.itemsize // 8, len(symbols)
        arena, heads = _Arena(), _Arena()
        self._columns = np.array([_column(view.row, c, arena) for c in view.columns], np.int64).reshape(-1, 8)
        self._table = np.array([arena.put(word.encode()) for c in view.columns for word in c.words], np.int64).reshape(-1, 2)
        at = 0
        for row, column in zip(self._columns, view.columns, strict=True):
            row[6], row[7] = at, len(column.words)
            at += len(column.words)
        arity = 2 + 2 * len(view.columns)
        self._hash_keys = np.array([heads.put(_head(view, name, arity)) for name in symbols] if view.hash is not None else [], np.int64)
        self._series = np.array([_series(view.row, s) for s in view.series], np.int64).reshape(-1, 5)
        keys = [[heads.put(bulk(s.series.key(name, *s.labels))) for s in view.series] for name in symbols]
        self._series_keys = np.array(keys, np.int64).reshape(count, -1, 2)
        self._arena, self._heads = arena.bytes(), heads.bytes()
        longest = max((int(size) for row in self._series_keys for _, size in row), default=0)
        self._sample_room = len(view.series) * (longest + 3 * ROOM)
        self._hash_room = sum(len(bulk(c.name)) + 2 * ROOM + sum(len(w) + 1 for w in c.words) for c in view.columns) + 256
        self._out = np.zeros(max(self._sample_room, 1), np.uint8)
        self._newest, self._times = np.zeros((count, width), np.int64), np.zeros(count, np.int64)
        self._shown_s = np.full(count, -np.inf)
        self._marks, self._told = np.zeros(count, np.uint8), np.zeros(3, np.int64)

    def take(self, write: RowsWrite) -> None:
        """Write the samples that are due and keep the newest rows."""
        rows, told = write.rows, self._told
        words = (rows if rows.flags.writeable else np.frombuffer(bytearray(rows.tobytes()), rows.dtype)).view(np.int64)
        wanted = int(told[0]) + len(rows) * self._sample_room
        if wanted > len(self._out):
            self._out = np.concatenate((self._out, np.zeros(2 * wanted - len(self._out), np.uint8)))
        known = (self._series, self._series_keys, self._heads, self._newest, self._times, self._marks, told)
        take_rows_k(self._out, words, write.due, write.ts, *known)

    def samples(self) -> tuple[memoryview, int]:
        """Give the arguments of a TS.MADD with all samples taken since the last call, as they lie here until the next, and their number."""
        size, count, _ = self._told.tolist()
        self._told[:2] = 0
        return self._out[:size].data, count

    def hashes(self, now_s: float = 0.0, pause_s: float = 0.0, most: int = 1 << 30) -> tuple[bytes, int]:
        """Give an HSET for each symbol whose newest row has not been shown, and how many they are.

        Args:
            now_s: our clock.
            pause_s: leave out what was shown so short a time ago.
            most: no more than these at once, those first that have waited longest.
        """
        fresh = np.flatnonzero((self._marks & FRESH > 0) & (self._shown_s <= now_s - pause_s))
        if self.view.hash is None or len(fresh) == 0:
            return b"", 0
        if len(fresh) > most:
            fresh = fresh[np.argpartition(self._shown_s[fresh], most)[:most]]
        self._marks[fresh] &= ~FRESH
        self._shown_s[fresh] = now_s
        last = int(self._times[fresh].max())
        clock = np.frombuffer(bytearray(ist_text(last).encode()), np.uint8)
        out = np.empty(len(fresh) * self._hash_room, np.uint8)
        known = (self._columns, self._table, self._arena, self._hash_keys, self._heads)
        size = put_hashes_k(out, self._newest, self._times, fresh, ist_day(last), *known, clock)
        return out[:size].tobytes(), len(fresh)

    @property
    def has_unknown(self) -> bool:
        """Tell whether a sample was taken whose series nobody has made, as far as we know."""
        return self._told[2] > 0

    def unknown(self) -> list[tuple[Series, tuple[str, ...]]]:
        """List the series of the symbols that were seen and whose series nobody has made yet."""
        sids = np.flatnonzero(self._marks & (KNOWN | SEEN) == SEEN).tolist()
        return [(s.series, (self.symbols[sid], *s.labels)) for sid in sids for s in self.view.series]

    def know(self) -> None:
        """Note that the series of all symbols seen are there."""
        self._marks[self._marks & SEEN > 0] |= KNOWN
        self._told[2] = 0

    def forget(self) -> None:
        """Note that series may be gone: somebody cleared them."""
        self._marks &= ~KNOWN


def _head(view: RowView, name: str, arity: int) -> bytes:
    key = view.hash.key(name, *view.labels) if view.hash is not None else ""
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


def _series(dtype: Any, sampled: Sampled) -> tuple[int, int, int, int, int]:
    """Describe a series: word of its value, word of what it needs, whether that is a decimal, its bit, whether the value is one."""
    value, need = dtype.fields[sampled.field], dtype.fields[sampled.need]
    return value[1] // 8, need[1] // 8, int(need[0].kind == "f"), sampled.bit, int(value[0].kind == "f")


@warmer
def _warm() -> None:
    """Compile by showing one row of nothing."""
    row = np.dtype([("sid", "<u4"), ("flags", "<u4"), ("x", "<f8")])
    columns = (Column("x", "x"), Column("flags", "flags", words=("a",), is_flags=True), Column("time"))
    view = RowView(row, TICK_LATEST, columns, (Sampled(LTP, (), "x", "x", 1),))
    encoder = RowEncoder(view, ("A",))
    rows = np.zeros(1, row)
    rows["x"] = 1.5
    encoder.take(RowsWrite(view, ("A",), 1, rows, np.full(1, 3, np.uint8)))
    encoder.hashes()
