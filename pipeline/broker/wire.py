"""Feed frames to rows: one V3 protobuf message in, one ``TICK[n]`` array (raw fields), deep books and market states out.

Reads   bytes of one websocket frame (<= 8 MiB, <= 6,000 instruments), prices in rupees, times in epoch ms UTC
Gives   ``Decoded``: rows sorted by symbol id, deep books, segment states, what was refused and which keys are unknown
Law     what the frame does not carry is zero; a row with NaN, infinity, a negative price or an absurd size is refused
        by name and leaves the other rows alone; a frame that is wrong as a whole, or in every row, is refused

Never guesses, never repairs: the same bytes give the same rows. A plain frame is one call of ``wire_kernel.py``, which
creates no Python object for an instrument; what is not plain goes the runtime's way (``wire_runtime.py``), to equal rows.
Rows are handed out for good: they lie in blocks of memory that are used once, so the metrics may be written into them.
A row that is kept for long keeps its block (64 KiB): copy it.
"""

from __future__ import annotations

from ctypes import addressof, c_char
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import types

from pipeline.broker import wire_kernel as k
from pipeline.broker.wire_bounds import MAX_FEEDS, MAX_FRAME_BYTES, MIN_TS, FrameRefused
from pipeline.broker.wire_runtime import parse, read
from pipeline.core.feed import DEPTH, DepthBatch
from pipeline.core.types import TICK, TickBatch, TickFlag
from pipeline.kernels.jit import entry, warmer
from pipeline.kernels.lookup import table_of
from pipeline.kernels.memory import BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pipeline.core.types import Instrument

__all__ = ["MAX_FEEDS", "MAX_FRAME_BYTES", "SESSION_OVER", "Decoded", "Decoder", "FrameRefused", "parse"]

SESSION_OVER = "CLOSING_END"
BLOCK_ROWS, BLOCK_BOOKS = 118, 64
"""Rows and books of a block: some 64 KiB each."""
_ONE_ROW = 1 << k.COUNT_SHIFT
_TS_MASK = _ONE_ROW - 1
_INDEX = int(TickFlag.INDEX)


class Decoded:
    """What one frame brought. ``refused`` holds (instrument key, field) of rows that were not taken.

    ``rows`` is ``TICK[n]`` or None, writable and the caller's own.
    """

    __slots__ = ("depth", "recv_ms", "refused", "rows", "statuses", "ts", "unknown")

    ts: int
    recv_ms: int
    rows: NDArray[np.void] | None
    depth: DepthBatch | None
    statuses: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]

    @property
    def batch(self) -> TickBatch | None:
        """Rows as a record, made on each call: who puts rows into a record of his own takes ``rows``."""
        return None if self.rows is None else TickBatch(self.ts, self.rows, self.recv_ms)


class Decoder:
    """Decodes frames for one watchlist.

    Args:
        instruments: today's watchlist; keys outside it are reported, not decoded.
    """

    __slots__ = ("_address", "_at", "_books", "_books_at", "_decode", "_known", "_memory", "_rows")

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._known = {i.instrument_key: (i.sid, _INDEX if i.is_index else 0) for i in instruments}
        self._memory = _memory(self._known)
        self._address = self._memory.ctypes.data
        self._decode = _entries()[0]
        self._rows = self._books = np.empty(0, TICK)
        self._at = self._books_at = 0

    def decode(self, frame: bytes | str, ts_recv: int) -> Decoded:
        """Decode one frame received at ``ts_recv``.

        Raises:
            FrameRefused: with the reason by name.
        """
        told = self._decode(frame, self._address) if type(frame) is bytes else k.UNUSUAL
        if told < MIN_TS:
            return self._not_plain(frame, ts_recv, told)
        at = self._at
        if told < _ONE_ROW:
            end = at + 1
        else:
            end = at + 1 + (told >> k.COUNT_SHIFT)
            told &= _TS_MASK
        self._at = end
        found = Decoded()  # stores beat a constructor's arguments by half of what one trade costs
        found.ts = told
        found.recv_ms = ts_recv
        found.rows = self._rows[at:end]
        found.depth = None
        found.statuses = found.refused = found.unknown = ()
        return found

    def _not_plain(self, frame: bytes | str, ts_recv: int, told: int) -> Decoded:
        while told == k.NO_ROOM:
            self._make_room()
            told = _entries()[1](frame, self._address)
        if told != k.UNUSUAL:
            found = self._taken(frame, ts_recv)
            if found is not None:
                return found
        return self._by_runtime(frame, ts_recv)

    def _make_room(self) -> None:
        """Begin blocks that hold what the frame in hand asks for. What is left of the old ones is let go."""
        m = self._memory
        if m[k.ROWS_LEFT] < m[k.FOUND]:
            self._rows, m[k.ROWS_AT] = _block(TICK, max(BLOCK_ROWS, int(m[k.FOUND])))
            m[k.ROWS_LEFT], self._at = len(self._rows), 0
        if m[k.HAS_SEEN_DEEP] and m[k.DEEP_LEFT] < m[k.FOUND]:
            self._books, m[k.DEEP_AT] = _block(DEPTH, max(BLOCK_BOOKS, int(m[k.FOUND])))
            m[k.DEEP_LEFT], self._books_at = len(self._books), 0

    def _taken(self, frame: bytes | str, ts_recv: int) -> Decoded | None:
        """Give what the kernel has read, as its memory says; None when a stranger comes twice (the runtime counts it once)."""
        rows, deep, strangers = (int(self._memory[word]) for word in (k.FOUND, k.DEEP_FOUND, k.STRANGERS))
        ts = int(self._memory[k.TS])
        told = ts | ((rows - 1) << k.COUNT_SHIFT)
        found = Decoded()
        found.ts, found.recv_ms = told & _TS_MASK, ts_recv
        found.rows = self._rows[self._at : self._at + rows] if rows > 0 else None
        found.depth = DepthBatch(ts, self._books[self._books_at : self._books_at + deep]) if deep > 0 else None
        self._at, self._books_at = self._at + rows, self._books_at + deep
        spans = self._memory[k.STRANGER : k.STRANGER + strangers].tolist()
        keys = [frame[span >> k.SPAN : span & k.SPAN_MASK] for span in spans]
        if len(set(keys)) < len(keys):
            return None
        found.statuses = found.refused = ()
        found.unknown = tuple(sorted(key[:64].decode("ascii") for key in keys if isinstance(key, bytes)))
        return found

    def _by_runtime(self, frame: bytes | str, ts_recv: int) -> Decoded:
        told = read(frame, self._known)
        found = Decoded()
        found.ts, found.recv_ms = told.ts, ts_recv
        found.rows = told.rows if len(told.rows) > 0 else None
        found.depth = DepthBatch(told.ts, told.books) if len(told.books) > 0 else None
        found.statuses, found.refused, found.unknown = told.statuses, told.refused, told.unknown
        return found


def _block(row: np.dtype[np.void], count: int) -> tuple[NDArray[np.void], int]:
    """Give room for rows, and its address."""
    words = np.empty(count * row.itemsize // 8, np.int64)
    return np.ndarray((count,), row, words), addressof(c_char.from_buffer(words))


def _memory(known: dict[str, tuple[int, int]]) -> NDArray[np.int64]:
    """Lay out the kernel's memory for a watchlist: papers in order of sid, found by the bytes of their keys."""
    papers = sorted(known.items(), key=lambda paper: paper[1][0])
    table, mask = table_of([key.encode() for key, _ in papers], k.FREE)
    bitmap_words = len(papers) // 32 + 1
    papers_at = k.FREE + len(table)
    memory = np.zeros(papers_at + len(papers) + 2 * bitmap_words, np.int64)
    memory[k.FREE : papers_at] = table
    memory[papers_at : papers_at + len(papers)] = [sid | (flags << 32) for _, (sid, flags) in papers]
    memory[[k.TABLE_AT, k.MASK, k.PAPERS_AT, k.BITMAP_AT, k.BITMAP_WORDS]] = (k.FREE, mask, papers_at, papers_at + len(papers), bitmap_words)
    return memory


@lru_cache(maxsize=1)
def _entries() -> tuple[Callable[[Any, int], int], Callable[[Any, int], int]]:
    """Give the kernel's two doors, compiled on first use."""
    return entry(k.decode_k, BYTES, types.int64), entry(k.decode_again_k, BYTES, types.int64)


@warmer
def _warm() -> None:
    Decoder(()).decode(b"\x18\xbb\xdd\xbc\xb5\x8d\x34", 0)
