"""Day files are readable up to wherever they were cut, and no byte of one can change unseen."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import Corrupt, Refused
from pipeline.core.feed import FeedEvent, FeedEventKind
from pipeline.store import dayfile
from pipeline.store.dayfile import BLOCK_HEAD, FILE_HEAD, DayFile, Record, RecordKind, is_dayfile
from pipeline.store.daywriter import DayWriter
from pipeline.store.face import EntryId

FACTS = {"date": "2026-11-20", "maker": "made up"}


def sample(n: int, size: int, seed: int = 1) -> list[Record]:
    """Events with bodies that compress about as frames do: half of each is its predecessor's."""
    chance = random.Random(seed)
    out, body = [], b""
    for i in range(n):
        body = body[: size // 2] + chance.randbytes(chance.randrange(size // 2, size))
        out.append(
            Record.of(EntryId(1_000_000 + i // 3, i % 3), FeedEvent(1_000_000 + i // 3, 2_000_000 + i, i % 2, FeedEventKind.FRAME, body))
        )
    return out


def write(path: Path, records: list[Record], per_block: int = 10, *, is_closed: bool = True) -> bytes:
    DayWriter.create(path, FACTS)
    writer = DayWriter(path)
    for i, record in enumerate(records):
        writer.append(record)
        if i % per_block == per_block - 1:
            writer.flush()
    if is_closed:
        writer.close()
    else:
        writer.flush()
        writer.abandon()
    return path.read_bytes()


def read(path: Path, **kwargs) -> list[Record]:
    with DayFile(path) as held:
        return list(held.records(**kwargs))


def test_what_was_written_is_read(tmp_path):
    records = sample(100, 200)
    write(tmp_path / "a.ttday", records)
    with DayFile(tmp_path / "a.ttday") as held:
        assert held.facts == FACTS
        assert (held.is_closed, held.torn, held.damage, len(held.blocks)) == (True, None, [], 10)
        assert list(held.records()) == records
    event = records[7].feed_event()
    assert (event.kind, event.body, event.recv_ms, event.link) == (FeedEventKind.FRAME, records[7].body, 2_000_007, 1)


def test_blocks_tell_of_their_events(tmp_path):
    records = sample(30, 50)
    records.insert(12, Record(RecordKind.HISTORY, EntryId(5, 0), 5, body=b"candles"))
    write(tmp_path / "a.ttday", records)
    with DayFile(tmp_path / "a.ttday") as held:
        first, second, *_ = (block.head for block in held.blocks)
    assert (first.records, first.events, first.first_ts, first.last_id) == (10, 10, records[0].ts, records[9].id)
    assert (second.records, second.events, second.first_id, second.last_ts) == (10, 9, records[10].id, records[19].ts)


def test_the_index_leads_to_a_time(tmp_path):
    records = sample(300, 50)
    write(tmp_path / "a.ttday", records)
    wanted = records[155].ts
    found = read(tmp_path / "a.ttday", since_ts=wanted)
    assert found == records[150:]
    assert found[0].ts <= wanted
    assert read(tmp_path / "a.ttday", since_ts=records[-1].ts + 1) == []


def test_records_that_are_no_events_are_found_without_reading_the_rest(tmp_path):
    records = sample(100, 50)
    records.insert(55, Record(RecordKind.INSTRUMENTS, body=b"[]"))
    blob = bytearray(write(tmp_path / "a.ttday", records))
    with DayFile(tmp_path / "a.ttday") as held:
        first = held.blocks[0]
    blob[first.end - 1] ^= 1  # not read, so not missed
    (tmp_path / "a.ttday").write_bytes(blob)
    with DayFile(tmp_path / "a.ttday") as held:
        assert [r.kind for r in held.others()] == [RecordKind.INSTRUMENTS]


def test_cut_at_every_byte(tmp_path):
    """What is given is a beginning of what was written, and has all records of whole blocks."""
    records = sample(40, 60)
    blob = write(tmp_path / "a.ttday", records)
    with DayFile(tmp_path / "a.ttday") as held:
        ends = [(block.end, 10 * (i + 1)) for i, block in enumerate(held.blocks)]
    head = FILE_HEAD.size + len(json.dumps(FACTS, separators=(",", ":")))
    path = tmp_path / "cut.ttday"
    for cut in range(len(blob)):
        path.write_bytes(blob[:cut])
        if cut < head:
            with pytest.raises(Refused, match=r"cut off within its header|no day file"):
                read(path)
            continue
        with DayFile(path) as held:
            found = list(held.records())
            assert held.damage == [], cut
            assert not held.is_closed
        assert found == records[: len(found)], cut
        assert len(found) >= max((count for end, count in ends if end <= cut), default=0), cut


def test_a_cut_within_a_block_leaves_what_stands_before_it(tmp_path):
    records = sample(400, 1200)
    write(tmp_path / "a.ttday", records, per_block=10_000)
    with DayFile(tmp_path / "a.ttday") as held:
        block = held.blocks[0]
        blob = (tmp_path / "a.ttday").read_bytes()
    path = tmp_path / "cut.ttday"
    path.write_bytes(blob[: block.offset + BLOCK_HEAD.size + block.head.packed // 2])
    found = read(path)
    assert found == records[: len(found)]
    assert len(found) > 0.4 * block.head.records - 32 * 1024 / 600  # all but the slice that was cut


@pytest.mark.nightly
def test_a_large_file_cut_at_random_places(tmp_path):
    records = sample(20_000, 900, seed=3)
    blob = write(tmp_path / "a.ttday", records, per_block=700)
    with DayFile(tmp_path / "a.ttday") as held:
        ends, count = [], 0
        for block in held.blocks:
            count += block.head.records
            ends.append((block.end, count))
    chance = random.Random(5)
    for _ in range(60):
        cut = chance.randrange(200, len(blob))
        (tmp_path / "cut.ttday").write_bytes(blob[:cut])
        found = read(tmp_path / "cut.ttday")
        assert found == records[: len(found)], cut
        assert len(found) >= max((n for end, n in ends if end <= cut), default=0), cut


def test_every_flipped_byte_is_found_and_the_rest_can_still_be_read(tmp_path):
    records = sample(30, 40)
    blob = write(tmp_path / "a.ttday", records)
    with DayFile(tmp_path / "a.ttday") as held:
        blocks, head = held.blocks, held.start
    path, chance = tmp_path / "bad.ttday", random.Random(9)
    for at in range(len(blob)):
        bad = bytearray(blob)
        bad[at] ^= chance.randrange(1, 256)
        path.write_bytes(bad)
        if at < head:
            with pytest.raises(Refused, match=r"damaged in its header|no day file"):
                read(path)
            continue
        hit = next((i for i, block in enumerate(blocks) if block.offset <= at < block.end), None)
        with DayFile(path) as held:
            found = list(held.records(skip_damage=True))
            assert held.damage or not held.is_closed, at
        if hit is None:  # the index: everything is still there, and it is told that the file did not end as it should
            assert found == records, at
            continue
        assert found == records[: 10 * hit] + records[10 * (hit + 1) :], at
        with pytest.raises(Corrupt, match=f"damaged at byte {blocks[hit].offset} "):
            read(path)


def test_what_stands_before_damage_is_given_before_it_is_refused(tmp_path):
    records = sample(30, 40)
    blob = bytearray(write(tmp_path / "a.ttday", records))
    with DayFile(tmp_path / "a.ttday") as held:
        blob[held.blocks[1].end - 3] ^= 255
    (tmp_path / "a.ttday").write_bytes(blob)
    with DayFile(tmp_path / "a.ttday") as held:
        stream = held.records()
        assert [next(stream) for _ in range(10)] == records[:10]
        with pytest.raises(Corrupt, match="checksum"):
            next(stream)


def test_lengths_that_lie_ask_for_no_memory(tmp_path):
    write(tmp_path / "a.ttday", sample(10, 40))
    with DayFile(tmp_path / "a.ttday") as held:
        head = held.blocks[0].head
    assert dayfile.BlockHead.unpack(head.pack()) == head
    assert dayfile.BlockHead.unpack(head._replace(raw=dayfile.MAX_RAW + 1).pack()) is None
    assert dayfile.BlockHead.unpack(head._replace(packed=2**32 - 1).pack()) is not None  # runs past the end: a cut
    assert dayfile.BlockHead.unpack(head.pack()[:-1]) is None


def test_zeros_after_a_crash_are_damage_not_records(tmp_path):
    records = sample(20, 40)
    blob = write(tmp_path / "a.ttday", records, is_closed=False)
    (tmp_path / "a.ttday").write_bytes(blob + bytes(5000))
    with DayFile(tmp_path / "a.ttday") as held:
        assert list(held.records(skip_damage=True)) == records
        assert [(d.offset, d.size) for d in held.damage] == [(len(blob), 5000)]


@pytest.mark.parametrize("content", [b"", b"TT", b"{}", b"x" * 500, np.arange(100).tobytes()])
def test_what_is_no_day_file_is_refused(tmp_path, content):
    (tmp_path / "a.ttday").write_bytes(content)
    assert not is_dayfile(tmp_path / "a.ttday")
    with pytest.raises(Refused, match=r"no day file|cut off"):
        DayFile(tmp_path / "a.ttday")


def test_a_file_that_is_not_there_and_one_of_another_version(tmp_path):
    assert not is_dayfile(tmp_path)
    with pytest.raises(Refused, match="cannot be read"):
        DayFile(tmp_path / "none.ttday")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dayfile, "VERSION", 7)
        write(tmp_path / "a.ttday", sample(2, 20))
    assert is_dayfile(tmp_path / "a.ttday")
    with pytest.raises(Refused, match="version 7, this program reads 1"):
        DayFile(tmp_path / "a.ttday")
