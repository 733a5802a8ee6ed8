"""Redis commands as bytes: plain ones from parts, and packed rows shown to people, written by one kernel a batch.

Reads   ``RowsWrite`` (rows of whole 8-byte words) or parts of a command
Writes  RESP: ``HSET`` of each row's hash, and the arguments of one ``TS.MADD``
What depends on the watchlist and the view alone (keys, field names) is text made once. Never sends anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.schema import LTP, TICK_LATEST, Series
from pipeline.core.session import DAY_MS, IST_OFFSET_MS, ist_text
from pipeline.core.types import NO_SYMBOL
from pipeline.core.views import Column, RowsWrite, RowView, Sampled
from pipeline.kernels.jit import warmer
from pipeline.kernels.resp import CLOCK, DECIMAL, FLAG_WORDS, PART, SIGNED_PART, WHOLE, WORD, put_hashes_k, put_samples_k
from pipeline.kernels.text import ROOM


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


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows to show, as int64[n, words], and the time of each."""

    words: NDArray[np.int64]
    ts: NDArray[np.int64]


class Newest:
    """The newest row of each symbol that has not been shown yet."""

    def __init__(self, symbols: int, words: int) -> None:
        self._words = np.zeros((symbols, words), np.int64)
        self._ts = np.zeros(symbols, np.int64)
        self._is_fresh = np.zeros(symbols, np.bool_)

    def hold(self, shown: Batch) -> None:
        """Keep the rows of a batch; the last of a symbol stays."""
        sids = shown.words[:, 0] & NO_SYMBOL
        self._words[sids], self._ts[sids], self._is_fresh[sids] = shown.words, shown.ts, True

    def take(self) -> Batch:
        """Give what has not been shown, and forget it."""
        sids = np.flatnonzero(self._is_fresh)
        self._is_fresh[sids] = False
        return Batch(self._words[sids], self._ts[sids])


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
        self.newest = Newest(len(symbols), self._words) if view.hash is not None else None
        self.is_known = np.zeros((len(symbols), len(view.series)), np.bool_)
        """Which series are there: the store marks them when it has made them."""

    def hashes(self, shown: Batch) -> tuple[bytes, int]:
        """Give the HSET commands of a batch, the newest row of each symbol, and how many they are."""
        if self.view.hash is None or len(shown.ts) == 0:
            return b"", 0
        newest = len(shown.ts) - 1 - np.unique(shown.words[::-1, 0] & NO_SYMBOL, return_index=True)[1]
        out = self._buffer(len(newest))
        day = (int(shown.ts[-1]) + IST_OFFSET_MS) // DAY_MS
        clock = np.frombuffer(bytearray(ist_text(int(shown.ts[-1])).encode()), np.uint8)
        words, ts = shown.words, shown.ts
        known = (self._columns, self._table, self._arena, self._hash_keys, self._heads)
        size = put_hashes_k(out, words, words.view(np.float64), ts, newest, day, *known, clock)
        return out[:size].tobytes(), len(newest)

    def samples(self, shown: Batch) -> tuple[bytes, int]:
        """Give the arguments of a TS.MADD for a batch, and the number of samples."""
        if len(self._series) == 0 or len(shown.ts) == 0:
            return b"", 0
        out = self._buffer(len(shown.ts))
        decimal = shown.words.view(np.float64)
        size, count = put_samples_k(out, shown.words, decimal, shown.ts, self._series, self._series_keys, self._heads)
        return out[:size].tobytes(), int(count)

    def missing(self, shown: Batch) -> list[tuple[Series, tuple[str, ...]]]:
        """List the series of a batch that nobody has made yet."""
        sids = shown.words[:, 0] & NO_SYMBOL
        if self.is_known[sids].all():
            return []
        places = [(k, sid) for sid in np.unique(sids).tolist() for k in np.flatnonzero(~self.is_known[sid]).tolist()]
        return [(self.view.series[k].series, (self.symbols[sid], *self.view.series[k].labels)) for k, sid in places]

    def know(self, shown: Batch) -> None:
        """Note that all series of a batch's symbols are there."""
        self.is_known[shown.words[:, 0] & NO_SYMBOL] = True

    def forget(self) -> None:
        """Note that series may be gone: somebody cleared them."""
        self.is_known[:] = False

    def batch(self, writes: Sequence[RowsWrite]) -> Batch:
        """Put the rows of several writes of this view together, in order."""
        parts = [_words_of(write.rows, self._words)[write.places] for write in writes]
        stamps = np.repeat(np.array([write.ts for write in writes], np.int64), [len(part) for part in parts])
        return Batch(parts[0] if len(parts) == 1 else np.concatenate(parts), stamps)

    def _buffer(self, rows: int) -> NDArray[np.uint8]:
        if len(self._out) < rows * self._room:
            self._out = np.zeros(rows * self._room, np.uint8)
        return self._out


def _words_of(rows: NDArray[np.void], words: int) -> NDArray[np.int64]:
    flat = rows if rows.flags.writeable else np.frombuffer(bytearray(rows.tobytes()), rows.dtype)
    return flat.view(np.int64).reshape(-1, words)


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


@warmer
def _warm() -> None:
    """Compile by showing one row of nothing."""
    row = np.dtype([("sid", "<u4"), ("flags", "<u4"), ("x", "<f8")])
    columns = (Column("x", "x"), Column("flags", "flags", words=("a",), is_flags=True), Column("time"))
    view = RowView(row, TICK_LATEST, columns, (Sampled(LTP, (), "x", "x"),))
    encoder = RowEncoder(view, ("A",))
    write = RowsWrite(view, ("A",), 1, np.zeros(1, row), np.zeros(1, np.int64))
    shown = encoder.batch([write])
    encoder.hashes(shown)
    encoder.samples(shown)
