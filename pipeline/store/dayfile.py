"""Day files: a feed as it was received, in compressed blocks, readable up to wherever the file was cut.

Layout  file header   magic, version, length, crc32, JSON (whose day it is: see run/record.py)
        blocks        header (magic, sizes, counts, first and last event, two crc32) and zstd-compressed records
        index         after a clean close only: the place and header of every block; without it the headers are walked
A record is its kind, stream id, times, link, event kind, length, crc32 and body. Integers are little-endian.

A cut is no error: every whole record before it is given. Damage (bytes that are not what was written) is: it is
refused with its place, or passed over to the next whole block when that is asked for. Files only; never Redis, no clock.
Written by ``daywriter.py``.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from zlib import crc32

import zstandard

from pipeline.core.errors import Corrupt, Refused
from pipeline.core.feed import FeedEvent, FeedEventKind
from pipeline.store.face import ZERO, EntryId

SUFFIX = ".ttday"
MAGIC = b"TTDAY\r\n\x1a"
"""As in PNG: a transfer that changes line ends is found at once."""
VERSION = 1
BLOCK_MAGIC = b"TTBK"
INDEX_MAGIC = b"TTIX"
END_MAGIC = b"TTND"
FILE_HEAD = struct.Struct("<8sHIII")
"""Magic, version, length of the JSON, crc32 of the JSON, crc32 of the fields before."""
BLOCK_HEAD = struct.Struct("<4sIIIIIqqqqqqI")
INDEX_HEAD = struct.Struct("<4sIIII")
"""Magic, raw and packed length, crc32 of the packed, crc32 of the fields before."""
TAIL = struct.Struct("<QI4s")
"""Where the index begins, crc32 of that, magic."""
RECORD_HEAD = struct.Struct("<BBHIqqqqI")
_PLACE = struct.Struct("<Q")
MAX_RAW = 1 << 30
"""No block is larger: a length beyond it is damage, not a reason to allocate."""
INDEX_DAMAGE = "the index; the blocks are read without it"
_CHUNK = 1024


class RecordKind(IntEnum):
    EVENT = 1
    """One ``FeedEvent`` of the stream ``frames``."""
    HISTORY = 2
    """One wave of the stream ``history``: ``CANDLE[n]``."""
    INSTRUMENTS = 3
    """The watchlist, as JSON; a later one replaces an earlier."""
    HOLE = 4
    """Entries that were trimmed before they could be recorded: JSON with stream, from, to and how many."""
    DIGESTS = 5
    """The digests of every stream at the end of the day, as JSON."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record. ``id`` is its stream id; ``ts`` event time and ``recv_ms`` our wall clock, epoch milliseconds."""

    kind: RecordKind
    id: EntryId = ZERO
    ts: int = 0
    recv_ms: int = 0
    link: int = 0
    event: int = 0
    body: bytes = b""

    @classmethod
    def of(cls, entry_id: EntryId, event: FeedEvent) -> Record:
        return cls(RecordKind.EVENT, entry_id, event.ts, event.recv_ms, event.link, int(event.kind), event.body)

    def feed_event(self) -> FeedEvent:
        return FeedEvent(self.ts, self.recv_ms, self.link, FeedEventKind(self.event), self.body)

    def packed(self) -> bytes:
        head = RECORD_HEAD.pack(self.kind, self.event, self.link, len(self.body), self.ts, self.recv_ms, *self.id, 0)[:-4]
        return b"".join((head, crc32(self.body, crc32(head)).to_bytes(4, "little"), self.body))


class BlockHead(NamedTuple):
    """What a block says of itself. Times and ids are those of its first and last event; zero without one."""

    records: int
    events: int
    raw: int
    packed: int
    crc: int
    first_ts: int = 0
    last_ts: int = 0
    first_id: EntryId = ZERO
    last_id: EntryId = ZERO

    def pack(self) -> bytes:
        plain = (self.records, self.events, self.raw, self.packed, self.crc, self.first_ts, self.last_ts, *self.first_id, *self.last_id)
        head = BLOCK_HEAD.pack(BLOCK_MAGIC, *plain, 0)[:-4]
        return head + crc32(head).to_bytes(4, "little")

    @classmethod
    def unpack(cls, blob: bytes) -> BlockHead | None:
        """Read a header; None when it is not one, or not as it was written."""
        if len(blob) < BLOCK_HEAD.size or not blob.startswith(BLOCK_MAGIC):
            return None
        _, records, events, raw, packed, crc, first_ts, last_ts, *ids, own = BLOCK_HEAD.unpack(blob)
        if own != crc32(blob[:-4]) or raw > MAX_RAW:
            return None
        return cls(records, events, raw, packed, crc, first_ts, last_ts, EntryId(*ids[:2]), EntryId(*ids[2:]))


@dataclass(frozen=True, slots=True)
class Block:
    """A block and its place in the file."""

    offset: int
    head: BlockHead

    @property
    def end(self) -> int:
        return self.offset + BLOCK_HEAD.size + self.head.packed


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are not what was written."""

    offset: int
    size: int
    what: str


def pack_file_head(facts: dict[str, Any]) -> bytes:
    body = json.dumps(facts, separators=(",", ":"), sort_keys=True).encode()
    head = FILE_HEAD.pack(MAGIC, VERSION, len(body), crc32(body), 0)[:-4]
    return head + crc32(head).to_bytes(4, "little") + body


def pack_index(blocks: list[Block], offset: int) -> bytes:
    raw = b"".join(_PLACE.pack(block.offset) + block.head.pack() for block in blocks)
    packed = zstandard.ZstdCompressor().compress(raw)
    head = INDEX_HEAD.pack(INDEX_MAGIC, len(raw), len(packed), crc32(packed), 0)[:-4]
    place = _PLACE.pack(offset)
    return b"".join((head, crc32(head).to_bytes(4, "little"), packed, place, crc32(place).to_bytes(4, "little"), END_MAGIC))


def is_dayfile(path: Path) -> bool:
    """Tell a day file by its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class DayFile:
    """Reads one day file, whole, cut off or damaged.

    ``facts`` is the header's JSON, ``blocks`` the index, ``is_closed`` whether the file was ended cleanly, ``torn``
    the place of a block that was cut off (or None), ``damage`` what was found so far: headers and index when the file
    is opened, blocks as they are read.

    Raises:
        Refused: the file cannot be opened, is none of ours, or is cut or damaged in its header.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                is_empty = file.seek(0, 2) == 0
                self._map: mmap.mmap | bytes = b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise Refused(f"{path} cannot be read ({error.strerror}): name a day file") from error
        self.size = len(self._map)
        self.damage: list[Damage] = []
        self.torn: int | None = None
        self.is_closed = False
        self.facts, self.start = self._read_head()
        self.blocks: list[Block] = self._from_index() or list(self._walk())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        if isinstance(self._map, mmap.mmap):
            self._map.close()

    def records(self, *, since_ts: int = 0, skip_damage: bool = False) -> Iterator[Record]:
        """Give every record in order; with ``since_ts`` from the block on in which that event time lies.

        Raises:
            Corrupt: damage, with its place, when its turn comes; with ``skip_damage`` it is noted and passed over.
        """
        wanted = [block for block in self.blocks if block.head.last_ts >= since_ts or since_ts == 0]
        # Damage between blocks is known since the file was opened; it is told in its place.
        first = wanted[0].offset if wanted and since_ts else 0
        between = [damage for damage in self.damage if damage.offset >= first and damage.what != INDEX_DAMAGE]
        steps: list[Block | Damage] = sorted([*wanted, *between], key=lambda step: step.offset)
        for step in steps:
            found = self.read(step) if isinstance(step, Block) else step
            if not isinstance(found, Damage):
                yield from found
                continue
            if not skip_damage:
                raise self._corrupt(found)
            if found not in self.damage:
                self.damage.append(found)
        if self.torn is not None:
            yield from self.rescued()

    def others(self, *, skip_damage: bool = False) -> Iterator[Record]:
        """Give the records that are no events; blocks without one are passed by unread.

        Raises:
            Corrupt: a block that has some is damaged, unless that is passed over.
        """
        for block in self.blocks:
            if block.head.records > block.head.events:
                found = self.read(block)
                if isinstance(found, Damage):
                    if skip_damage:
                        continue
                    raise self._corrupt(found)
                yield from (record for record in found if record.kind is not RecordKind.EVENT)
        yield from (record for record in self.rescued() if record.kind is not RecordKind.EVENT)

    def rescued(self) -> list[Record]:
        """Give the whole records of a last block that was cut off."""
        if self.torn is None or BlockHead.unpack(self._map[self.torn : self.torn + BLOCK_HEAD.size]) is None:
            return []
        raw, payload = bytearray(), self._map[self.torn + BLOCK_HEAD.size :]
        stream = zstandard.ZstdDecompressor().decompressobj()
        try:
            for at in range(0, len(payload), _CHUNK):  # small bites: what comes before a bad one is kept
                raw += stream.decompress(payload[at : at + _CHUNK])
        except zstandard.ZstdError:
            pass
        return list(_split(bytes(raw)))

    def _corrupt(self, damage: Damage) -> Corrupt:
        return Corrupt(f"{self.path.name} is damaged at byte {damage.offset} ({damage.what}): look with `ticktick record --check`")

    def read(self, block: Block) -> list[Record] | Damage:
        """Give the records of one block, all of them or what is wrong with it."""
        head, payload = block.head, self._map[block.offset + BLOCK_HEAD.size : block.end]
        if crc32(payload) != head.crc:
            return Damage(block.offset, block.end - block.offset, "a block that does not match its checksum")
        try:
            found = list(_split(zstandard.ZstdDecompressor().decompress(payload, max_output_size=head.raw)))
        except zstandard.ZstdError as error:
            return Damage(block.offset, block.end - block.offset, str(error))
        if len(found) != head.records:
            return Damage(block.offset, block.end - block.offset, f"a block with {len(found)} of {head.records} records")
        return found

    # ------------------------------------------------------------------ the map of the file

    def _read_head(self) -> tuple[dict[str, Any], int]:
        remedy = "name a file that `ticktick record` wrote"
        if not self._map[: len(MAGIC)] == MAGIC[: self.size] or self.size == 0:
            raise Refused(f"{self.path} is no day file: {remedy}")
        head = self._map[: FILE_HEAD.size]
        if len(head) < FILE_HEAD.size:
            raise Refused(f"{self.path} is cut off within its header: nothing can be read from it")
        _, version, length, crc, own = FILE_HEAD.unpack(head)
        if own != crc32(head[:-4]):
            raise Refused(f"{self.path} is damaged in its header: nothing can be read from it")
        if version != VERSION:
            raise Refused(f"{self.path} is a day file of version {version}, this program reads {VERSION}: use the release that wrote it")
        end = FILE_HEAD.size + length
        if self.size < end:
            raise Refused(f"{self.path} is cut off within its header: nothing can be read from it")
        body = self._map[FILE_HEAD.size : end]
        if crc != crc32(body):
            raise Refused(f"{self.path} is damaged in its header: nothing can be read from it")
        return json.loads(body), end

    def _walk(self) -> Iterator[Block]:
        """Go from header to header; past damage, to the next thing that is a header with a right checksum."""
        at = self.start
        while at < self.size:
            blob = self._map[at : at + BLOCK_HEAD.size]
            head = BlockHead.unpack(blob)
            if head is not None:
                block = Block(at, head)
                if block.end > self.size:
                    self.torn = at
                    return
                yield block
                at = block.end
                continue
            if blob.startswith(INDEX_MAGIC) and self._note_index(at):
                return
            if len(blob) < BLOCK_HEAD.size and any(magic.startswith(blob[: len(magic)]) for magic in (BLOCK_MAGIC, INDEX_MAGIC)):
                self.torn = at
                return
            after = self._next_head(at + 1)
            self.damage.append(Damage(at, after - at, "bytes that are no block"))
            at = after

    def _next_head(self, at: int) -> int:
        while (at := self._map.find(BLOCK_MAGIC, at)) >= 0:
            if BlockHead.unpack(self._map[at : at + BLOCK_HEAD.size]) is not None:
                return at
            at += 1
        return self.size

    def _note_index(self, at: int) -> bool:
        """Judge an index that could not be used: cut off is well, damaged is noted; False when it is none."""
        head = self._map[at : at + INDEX_HEAD.size]
        if len(head) < INDEX_HEAD.size:
            return True
        _, _, packed, _, own = INDEX_HEAD.unpack(head)
        if own != crc32(head[:-4]):
            return False
        if at + INDEX_HEAD.size + packed + TAIL.size <= self.size:
            self.damage.append(Damage(at, self.size - at, INDEX_DAMAGE))
        return True

    def _from_index(self) -> list[Block]:
        """Read the index of a file that was closed cleanly; empty when there is none or anything is wrong with it."""
        if self.size < self.start + INDEX_HEAD.size + TAIL.size:
            return []
        tail = self._map[self.size - TAIL.size :]
        at, crc, magic = TAIL.unpack(tail)
        if magic != END_MAGIC or crc != crc32(tail[: _PLACE.size]) or not self.start <= at <= self.size - INDEX_HEAD.size - TAIL.size:
            return []
        head = self._map[at : at + INDEX_HEAD.size]
        index_magic, raw, packed, crc, own = INDEX_HEAD.unpack(head)
        payload = self._map[at + INDEX_HEAD.size : self.size - TAIL.size]
        if index_magic != INDEX_MAGIC or own != crc32(head[:-4]) or len(payload) != packed or crc != crc32(payload) or raw > MAX_RAW:
            return []
        return self._joined(zstandard.ZstdDecompressor().decompress(payload, max_output_size=raw), at)

    def _joined(self, plain: bytes, until: int) -> list[Block]:
        """Take the index's blocks if each is where it says and they leave no byte out."""
        step, blocks, at = _PLACE.size + BLOCK_HEAD.size, [], self.start
        for i in range(0, len(plain), step):
            head = BlockHead.unpack(plain[i + _PLACE.size : i + step])
            if head is None or _PLACE.unpack_from(plain, i)[0] != at or self._map[at : at + BLOCK_HEAD.size] != head.pack():
                return []
            blocks.append(Block(at, head))
            at = blocks[-1].end
        self.is_closed = at == until
        return blocks if self.is_closed else []


def _split(raw: bytes) -> Iterator[Record]:
    """Give the records of a block up to the first that is not whole or not as it was written."""
    at, size = 0, RECORD_HEAD.size
    while at + size <= len(raw):
        kind, event, link, length, ts, recv_ms, ms, seq, crc = RECORD_HEAD.unpack_from(raw, at)
        body = raw[at + size : at + size + length]
        if len(body) < length or crc != crc32(body, crc32(raw[at : at + size - 4])):
            return
        yield Record(RecordKind(kind), EntryId(ms, seq), ts, recv_ms, link, event, body)
        at += size + length
