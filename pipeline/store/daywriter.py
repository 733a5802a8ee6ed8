"""Writes day files (``dayfile.py``): blocks of records, one write each, synced now and then, an index at the end.

The file is its own cursor: after a kill it is opened again, a torn tail is taken off, and its whole records are kept.
Folder 0700, file 0600; one writer, held by a lock. Files only; the clock is handed in and serves the pauses alone.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import zstandard

from pipeline.core.errors import Stopped
from pipeline.store.dayfile import Block, BlockHead, DayFile, Record, RecordKind, pack_file_head, pack_index
from pipeline.store.face import EntryId

BLOCK_BYTES = 256 * 1024
BLOCK_S = 5.0
"""Longer blocks compress better (measured on a recorded day: 1.9 at one second, 3.7 at five, 5.7 at 256 KiB). A kill costs
nothing: what was in the buffer is still in Redis."""
SYNC_S = 1.0
SLICE = 32 * 1024
"""Within a block the compressor is flushed so often: what was written before a cut in the block can be read."""


class DayWriter:
    """Appends to one day file.

    Args:
        path: the file; :meth:`create` makes it, the constructor goes on with one that is there.
        note: told of every record: those that the file holds when it is opened, and each that is appended.
        upto: keep nothing after the event with this id (Redis has lost what came after it); None keeps all.
        level: of zstd.

    Raises:
        Refused: no day file.
        Stopped: another writer holds it, or the disk refuses: both may pass.
    """

    def __init__(
        self,
        path: Path,
        *,
        note: Callable[[Record], None] = lambda _: None,
        upto: EntryId | None = None,
        level: int = 3,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._note = note
        self._clock = clock
        self._packer = zstandard.ZstdCompressor(level=level, write_checksum=False)
        self._buffer: list[bytes] = []
        self._raw = self._events = 0
        self._first: Record | None = None
        self._last: Record | None = None
        self._synced = self._opened = clock()
        self._is_dirty = False
        self.raw_bytes = 0
        self.cut_bytes = 0
        """Bytes of a torn tail that were taken off when the file was opened."""
        self._fd = _locked(path)
        try:
            self._take_up(upto)
        except BaseException:
            os.close(self._fd)
            raise

    @staticmethod
    def create(path: Path, facts: dict[str, Any]) -> None:
        """Make the file with its header, whole or not at all."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                _write_all(fd, pack_file_head(facts))
                os.fsync(fd)
                os.link(draft, path)  # unlike a rename, never over a file that is there
            finally:
                os.close(fd)
                draft.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise Stopped(f"{path} cannot be made ({error.strerror}): check [paths] recordings and the disk") from error

    def _take_up(self, upto: EntryId | None) -> None:
        """Read what is there; take off what is torn, damaged or beyond ``upto`` at the end, and put its whole records back."""
        with DayFile(self.path) as held:
            self.facts = held.facts
            keep, loose = _tail(held, upto)
            self._blocks = held.blocks[:keep]
            self._size = self._blocks[-1].end if keep else held.start
            self.cut_bytes = 0 if held.is_closed and keep == len(held.blocks) else held.size - self._size
            for block in self._blocks:
                found = held.read(block)
                for record in found if isinstance(found, list) else ():
                    self._note(record)
        self.raw_bytes = sum(block.head.raw for block in self._blocks)
        os.ftruncate(self._fd, self._size)
        for record in loose:
            self.append(record)

    @property
    def size(self) -> int:
        """Bytes in the file, without those in the buffer."""
        return self._size

    def append(self, record: Record) -> None:
        """Take a record; it is in the file when its block is closed (256 KiB, five seconds, or :meth:`flush`)."""
        if not self._buffer:
            self._opened = self._clock()
        blob = record.packed()
        self._buffer.append(blob)
        self._raw += len(blob)
        if record.kind is RecordKind.EVENT:
            self._events += 1
            self._first = self._first or record
            self._last = record
        self._note(record)
        if self._raw >= BLOCK_BYTES:
            self._close_block()

    def tend(self) -> None:
        """Close a block that has been open long enough, and sync when that is due. Call it now and then."""
        now = self._clock()
        if self._buffer and now - self._opened >= BLOCK_S:
            self._close_block()
        if self._is_dirty and now - self._synced >= SYNC_S:
            self._sync()

    def flush(self) -> None:
        """Put everything on the disk."""
        self._close_block()
        self._sync()

    def close(self) -> None:
        """Write the index and end the file."""
        if self._fd < 0:
            return
        try:
            self._close_block()
            _write_all(self._fd, pack_index(self._blocks, self._size), self._size)
            self._sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let the file go as it is, as a kill would."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _close_block(self) -> None:
        if not self._buffer:
            return
        payload = self._packed(b"".join(self._buffer))
        first, last = self._first or Record(RecordKind.EVENT), self._last or Record(RecordKind.EVENT)
        head = BlockHead(len(self._buffer), self._events, self._raw, len(payload), crc32(payload), first.ts, last.ts, first.id, last.id)
        block = Block(self._size, head)
        _write_all(self._fd, head.pack() + payload, self._size)
        self._blocks.append(block)
        self._size = block.end
        self.raw_bytes += self._raw
        self._buffer, self._raw, self._events, self._first, self._last = [], 0, 0, None, None
        self._is_dirty = True

    def _packed(self, raw: bytes) -> bytes:
        stream = self._packer.compressobj(size=len(raw))
        parts = []
        for at in range(0, len(raw), SLICE):
            parts.append(stream.compress(raw[at : at + SLICE]))
            if at + SLICE < len(raw):
                parts.append(stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        parts.append(stream.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
        return b"".join(parts)

    def _sync(self) -> None:
        try:
            os.fsync(self._fd) if not hasattr(os, "fdatasync") else os.fdatasync(self._fd)
        except OSError as error:
            raise Stopped(f"{self.path} cannot be written ({error.strerror}): free the disk, then start again") from error
        self._synced, self._is_dirty = self._clock(), False


def _tail(held: DayFile, upto: EntryId | None) -> tuple[int, list[Record]]:
    """Count the blocks that stay as they are, and give the whole records after them that stay too."""
    keep, loose = len(held.blocks), held.rescued()
    while keep:
        block = held.blocks[keep - 1]
        found = held.read(block)
        if isinstance(found, list):
            if upto is None or block.head.last_id <= upto:
                break
            loose = found + loose
        else:
            loose = []  # nothing is kept beyond damage: the stream gives it again, or a hole is noted
        keep -= 1
    end = held.blocks[keep - 1].end if keep else held.start
    if any(damage.offset >= end for damage in held.damage):
        loose = []
    return keep, loose if upto is None else _upto(loose, upto)


def _upto(records: list[Record], upto: EntryId) -> list[Record]:
    out, is_beyond = [], False
    for record in records:
        is_beyond = is_beyond or (record.kind is RecordKind.EVENT and record.id > upto)
        if not is_beyond or record.kind in (RecordKind.HISTORY, RecordKind.INSTRUMENTS):
            out.append(record)
    return out


def _locked(path: Path) -> int:
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise Stopped(f"{path} cannot be written ({error.strerror}): check [paths] recordings") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(fd)
        raise Stopped(f"{path} is being written by another recorder: stop one") from error
    return fd


def _write_all(fd: int, blob: bytes, at: int = 0) -> None:
    """Write at a place: a write that was cut short is gone over, so that a retry cannot double it."""
    view = memoryview(blob)
    while view:
        try:
            count = os.pwrite(fd, view, at)
        except OSError as error:
            raise Stopped(f"the day file cannot be written ({error.strerror}): free the disk, then start again") from error
        view, at = view[count:], at + count


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # not every file system can
            os.fsync(fd)
    finally:
        os.close(fd)
