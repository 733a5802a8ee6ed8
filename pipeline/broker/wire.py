"""Feed frames to rows: one V3 protobuf message in, one ``TICK[n]`` array (raw fields), deep books and market states out.

Reads   bytes of one websocket frame (<= 8 MiB, <= 6,000 instruments), prices in rupees, times in epoch ms UTC
Gives   ``Decoded``: rows sorted by symbol id, deep books, segment states, what was refused and which keys are unknown
Law     what the frame does not carry is zero; a row with NaN, infinity, a negative price or an absurd size is refused
        by name and leaves the other rows alone; a frame that is wrong as a whole, or in every row, is refused

Never guesses, never repairs: the same bytes give the same rows. A plain frame is one call of ``wire_kernel.py``, which
creates no Python object for an instrument; what is not plain goes the runtime's way (``wire_runtime.py``), to equal rows.
Rows are the caller's for good: their memory is used again only when nobody holds a row of its block (96 KiB) any more.
A row that is kept for long should be a copy.
"""

from __future__ import annotations

from functools import lru_cache
from sys import getrefcount
from typing import TYPE_CHECKING, cast

import numpy as np
from numba import types

from pipeline.broker import wire_kernel as k
from pipeline.broker.wire_bounds import MAX_FEEDS, MAX_FRAME_BYTES, FrameRefused
from pipeline.broker.wire_runtime import parse, read
from pipeline.core.feed import DEPTH, DepthBatch
from pipeline.core.types import TICK, TickBatch, TickFlag
from pipeline.kernels.jit import entry, warmer
from pipeline.kernels.lookup import table_of
from pipeline.kernels.memory import BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from pipeline.core.types import Instrument

__all__ = ["MAX_FEEDS", "MAX_FRAME_BYTES", "SESSION_OVER", "Decoded", "Decoder", "FrameRefused", "parse"]

SESSION_OVER = "CLOSING_END"
BLOCK_BYTES = 96 * 1024
ALONE = 3
"""References to the words of a room of whose rows none is held: the room's two, and the question's own."""
_INDEX = int(TickFlag.INDEX)


class Decoded:
    """What one frame brought. ``refused`` holds (instrument key, field) of rows that were not taken.

    ``rows`` is ``TICK[n]`` or None, writable and the caller's own.
    """

    __slots__ = ("recv_ms", "rows", "ts")

    ts: int
    recv_ms: int
    rows: NDArray[np.void] | None
    # What most frames do not bring has no room of its own in an object of this kind: it is made for every frame.
    depth: DepthBatch | None = None
    statuses: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def batch(self) -> TickBatch | None:
        """Rows as a record, made on each call: who puts rows into a record of his own takes ``rows``."""
        return None if self.rows is None else TickBatch(self.ts, self.rows, self.recv_ms)


class _More(Decoded):
    """What a frame brought that was more than rows."""

    __slots__ = ("depth", "refused", "statuses", "unknown")


class Room:
    """Memory for rows, handed out from front to back."""

    __slots__ = ("address", "count", "go_on", "rows", "words")

    def __init__(self, row: np.dtype[np.void], count: int) -> None:
        self.count = count
        self.words = np.empty(count * row.itemsize // 8, np.int64)
        self.rows: NDArray[np.void] = np.ndarray((count,), row, self.words)
        self.address = self.words.ctypes.data
        self.go_on = _entries()[1]


class Decoder:
    """Decodes frames for one watchlist.

    Args:
        instruments: today's watchlist; keys outside it are reported, not decoded.
    """

    __slots__ = ("_address", "_at", "_books", "_books_at", "_decode", "_known", "_memory", "_ones", "_rooms", "_rows", "_told")

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._known = {i.instrument_key: (i.sid, _INDEX if i.is_index else 0) for i in instruments}
        self._memory = _memory(self._known)
        self._address = self._memory.ctypes.data
        self._told = self._memory[k.FOUND : k.TS + 1]
        self._decode = _entries()[0]
        self._rooms: dict[int, Room] = {}
        self._ones: Iterator[NDArray[np.void]] = iter(())
        self._rows = self._books = np.empty(0, TICK)
        self._at = self._books_at = 0

    def decode(self, frame: bytes | str, ts_recv: int) -> Decoded:
        """Decode one frame received at ``ts_recv``.

        Raises:
            FrameRefused: with the reason by name.
        """
        try:
            ts, count = self._decode(frame, self._address)
        except TypeError:  # text
            return self._by_runtime(frame, ts_recv)
        if count <= 0:
            while count < 0:
                ts, count = self._make_room(frame, -count)
            if count == 0:
                return self._partly(cast("bytes", frame), ts_recv) if ts == k.PARTLY else self._by_runtime(frame, ts_recv)
        found = Decoded()  # stores beat a constructor's arguments by half of what one trade costs
        found.ts, found.recv_ms = ts, ts_recv
        if count == 1:
            found.rows = next(self._ones)
        else:
            at = self._at
            self._at = end = at + count
            found.rows = self._rows[at:end]
        return found

    def _partly(self, frame: bytes, ts_recv: int) -> Decoded:
        """Give what the kernel's memory holds: no row at all, deep books, keys outside the watchlist."""
        count, deep, strangers, ts = self._told.tolist()
        found = _More()
        found.ts, found.recv_ms, found.rows, found.depth = ts, ts_recv, None, None
        found.statuses = found.refused = found.unknown = ()
        if count == 1:
            found.rows = next(self._ones)
        elif count > 1:
            found.rows = self._rows[self._at : self._at + count]
            self._at += count
        if deep > 0:
            at = self._books_at
            self._books_at = end = at + deep
            found.depth = DepthBatch(ts, self._books[at:end])
        if strangers > 0:
            spans = self._memory[k.STRANGER : k.STRANGER + strangers].tolist()
            keys = [str(frame[span >> k.SPAN : span & k.SPAN_MASK], "ascii") for span in spans]
            if len(set(keys)) < len(keys):  # twice the same: the runtime counts it once
                return self._by_runtime(frame, ts_recv)
            found.unknown = tuple(sorted(key[:64] for key in keys))
        return found

    def _make_room(self, frame: bytes | str, missing: int) -> tuple[int, int]:
        """Give the kernel room for what the frame in hand asks for, and let it go on."""
        if missing > MAX_FEEDS:
            room = self._room(k.DEEP_AT, DEPTH, missing - MAX_FEEDS)
            self._books, self._books_at = room.rows, 0
            return room.go_on(frame, self._address, k.DEEP_AT, room.address, room.count)
        if missing > 1:
            room = self._room(k.ROWS_AT, TICK, missing)
            self._rows, self._at = room.rows, 0
            return room.go_on(frame, self._address, k.ROWS_AT, room.address, room.count)
        self._ones = iter(())  # it holds the old room
        room = self._room(k.ONE_AT, TICK, 1)
        self._ones = iter(room.rows.reshape(-1, 1))  # a row each, cheaper than a slice
        return room.go_on(frame, self._address, k.ONE_AT, room.address, room.count)

    def _room(self, what: int, row: np.dtype[np.void], missing: int) -> Room:
        """Take the old room when nobody holds a row of it any more, and a new one otherwise."""
        room = self._rooms.get(what)
        if room is None or room.count < missing or getrefcount(room.words) > ALONE:
            room = self._rooms[what] = Room(row, max(BLOCK_BYTES // row.itemsize, missing))
        return room

    def _by_runtime(self, frame: bytes | str, ts_recv: int) -> Decoded:
        told = read(frame, self._known)
        found = _More()
        found.ts, found.recv_ms = told.ts, ts_recv
        found.rows = told.rows if len(told.rows) > 0 else None
        found.depth = DepthBatch(told.ts, told.books) if len(told.books) > 0 else None
        found.statuses, found.refused, found.unknown = told.statuses, told.refused, told.unknown
        return found


def _memory(known: dict[str, tuple[int, int]]) -> NDArray[np.int64]:
    """Lay out the kernel's memory for a watchlist: papers in order of sid, found by the bytes of their keys."""
    papers = sorted(known.items(), key=lambda paper: paper[1][0])
    table, mask = table_of([key.encode() for key, _ in papers], k.FREE)
    bitmap_words = len(papers) // 32 + 1
    papers_at = k.FREE + len(table)
    memory = np.zeros(papers_at + len(papers) + 2 * bitmap_words, np.int64)
    memory[k.FREE : papers_at] = table
    memory[papers_at : papers_at + len(papers)] = [sid | (flags << 32) for _, (sid, flags) in papers]
    memory[[k.TABLE_AT, k.MASK, k.PAPERS_AT, k.BITMAP_AT, k.BITMAP_WORDS]] = (
        k.FREE,
        mask,
        papers_at,
        papers_at + len(papers),
        bitmap_words,
    )
    return memory


@lru_cache(maxsize=1)
def _entries() -> tuple[Callable[..., tuple[int, int]], Callable[..., tuple[int, int]]]:
    """Give the kernel's two doors, compiled on first use."""
    return entry(k.decode_k, BYTES, types.int64), entry(k.go_on_k, BYTES, *(types.int64,) * 4)


@warmer
def _warm() -> None:
    Decoder(()).decode(b"\x18\xbb\xdd\xbc\xb5\x8d\x34", 0)
