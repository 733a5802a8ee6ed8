"""The writer: blocks by size and by time, one writer, and a file that is its own cursor."""

from __future__ import annotations

import errno
import os
import random
import stat

import pytest

from pipeline.core.errors import Refused, Stopped
from pipeline.store import daywriter
from pipeline.store.dayfile import DayFile, Record, RecordKind
from pipeline.store.daywriter import DayWriter
from pipeline.store.face import EntryId
from tests.unit.store.test_dayfile import FACTS, read, sample, write


def test_only_the_owner_can_read_it(tmp_path):
    path = tmp_path / "new" / "a.ttday"
    write(path, sample(3, 20))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["a.ttday"]


def test_a_file_is_never_made_over_another(tmp_path):
    blob = write(tmp_path / "a.ttday", sample(3, 20))
    with pytest.raises(Stopped, match="cannot be made"):
        DayWriter.create(tmp_path / "a.ttday", FACTS)
    assert (tmp_path / "a.ttday").read_bytes() == blob


def test_a_block_closes_by_size_and_by_time(tmp_path):
    clock = [0.0]
    DayWriter.create(tmp_path / "a.ttday", FACTS)
    writer = DayWriter(tmp_path / "a.ttday", clock=lambda: clock[0])
    records = sample(3, 100)
    for record in records:
        writer.append(record)
    writer.tend()
    assert read(tmp_path / "a.ttday") == []
    clock[0] = daywriter.BLOCK_S
    writer.tend()
    assert read(tmp_path / "a.ttday") == records
    large = [Record(RecordKind.EVENT, EntryId(9_000_000, i), body=bytes(daywriter.BLOCK_BYTES // 4)) for i in range(8)]
    for record in large:
        writer.append(record)
    assert read(tmp_path / "a.ttday") == [*records, *large]
    writer.close()
    with DayFile(tmp_path / "a.ttday") as held:
        assert [block.head.records for block in held.blocks] == [3, 4, 4]


def test_syncs_are_spaced(tmp_path, monkeypatch):
    clock, synced = [0.0], []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(clock[0]), raising=False)
    DayWriter.create(tmp_path / "a.ttday", FACTS)
    writer = DayWriter(tmp_path / "a.ttday", clock=lambda: clock[0])
    block = Record(RecordKind.EVENT, EntryId(1, 0), body=bytes(daywriter.BLOCK_BYTES))
    for i in range(60):
        clock[0] = i / 10
        if i < 40:
            writer.append(block)  # a block at once
        writer.tend()
    assert synced == pytest.approx([1.0, 2.0, 3.0, 4.0], abs=0.11), "once a second, and not without need"
    writer.close()
    writer.close()
    assert len(synced) == 5


def test_a_file_that_was_cut_anywhere_is_taken_up_and_equals_the_whole(tmp_path):
    """The recorder's law: reopen, see the last whole record, append what follows it."""
    records = sample(60, 60)
    blob = write(tmp_path / "a.ttday", records)
    with DayFile(tmp_path / "a.ttday") as held:
        head = held.start
    path = tmp_path / "cut.ttday"
    for cut in range(head, len(blob), 7):
        path.write_bytes(blob[:cut])
        seen: list[Record] = []
        writer = DayWriter(path, note=seen.append)
        assert seen == records[: len(seen)], cut
        for record in records[len(seen) :]:
            writer.append(record)
        writer.close()
        assert read(path) == records, cut
        with DayFile(path) as held:
            assert held.is_closed


def test_what_is_taken_off_is_told(tmp_path):
    blob = write(tmp_path / "a.ttday", sample(30, 60), is_closed=False)
    writer = DayWriter(tmp_path / "a.ttday")
    assert writer.cut_bytes == 0
    writer.abandon()
    (tmp_path / "a.ttday").write_bytes(blob + b"TTBK\0\0")
    writer = DayWriter(tmp_path / "a.ttday")
    assert writer.cut_bytes == 6
    writer.close()
    writer = DayWriter(tmp_path / "a.ttday")  # closed cleanly: its index is no loss
    assert writer.cut_bytes == 0
    writer.close()


def test_nothing_is_kept_beyond_damage_at_the_end(tmp_path):
    records = sample(30, 60)
    blob = bytearray(write(tmp_path / "a.ttday", records, is_closed=False))
    with DayFile(tmp_path / "a.ttday") as held:
        blob[held.blocks[1].end - 1] ^= 1
        end = held.blocks[2].end
    (tmp_path / "a.ttday").write_bytes(blob[: end - 1])
    seen: list[Record] = []
    DayWriter(tmp_path / "a.ttday", note=seen.append).close()
    assert seen == records[:10]
    assert read(tmp_path / "a.ttday") == records[:10]


def test_damage_in_the_middle_is_left_alone(tmp_path):
    records = sample(30, 60)
    blob = bytearray(write(tmp_path / "a.ttday", records))
    with DayFile(tmp_path / "a.ttday") as held:
        blob[held.blocks[1].end - 1] ^= 1
    (tmp_path / "a.ttday").write_bytes(blob)
    seen: list[Record] = []
    DayWriter(tmp_path / "a.ttday", note=seen.append).close()
    assert seen == records[:10] + records[20:]


@pytest.mark.parametrize("last", [0, 4, 9, 10, 26, 27, 29])
def test_what_redis_has_lost_is_taken_off(tmp_path, last):
    records = sample(30, 60)
    history = Record(RecordKind.HISTORY, EntryId(5, 0), 5, body=b"candles")
    hole = Record(RecordKind.HOLE, body=b"{}")
    write(tmp_path / "a.ttday", [*records[:28], hole, history, *records[28:]])
    seen: list[Record] = []
    writer = DayWriter(tmp_path / "a.ttday", note=seen.append, upto=records[last].id)
    wanted = [*records[: last + 1], history] if last < 27 else [*records[:28], hole, history, *records[28 : last + 1]]
    assert seen == wanted
    writer.append(records[0])
    writer.close()
    assert read(tmp_path / "a.ttday") == [*wanted, records[0]]


def test_two_writers_of_one_file(tmp_path):
    DayWriter.create(tmp_path / "a.ttday", FACTS)
    writer = DayWriter(tmp_path / "a.ttday")
    with pytest.raises(Stopped, match="another recorder"):
        DayWriter(tmp_path / "a.ttday")
    writer.close()
    DayWriter(tmp_path / "a.ttday").close()


def test_a_full_disk_is_one_line_and_a_retry_doubles_nothing(tmp_path, monkeypatch):
    DayWriter.create(tmp_path / "a.ttday", FACTS)
    writer = DayWriter(tmp_path / "a.ttday")
    records = sample(10, 500)
    for record in records:
        writer.append(record)
    real, tries = os.pwrite, random.Random(2)

    def full(fd: int, blob: memoryview, at: int) -> int:
        if len(blob) > 40:
            return real(fd, blob[: tries.randrange(1, 40)], at)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(Stopped, match=r"No space left on device.*free the disk"):
        writer.flush()
    monkeypatch.setattr(os, "pwrite", real)
    writer.close()
    assert read(tmp_path / "a.ttday") == records


def test_no_folder_for_it_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Stopped, match="cannot be made"):
        DayWriter.create(tmp_path / "file" / "a.ttday", FACTS)
    (tmp_path / "a.ttday").write_text("something else")
    with pytest.raises(Refused, match="no day file"):
        DayWriter(tmp_path / "a.ttday")
    with pytest.raises(Stopped, match="cannot be written"):
        DayWriter(tmp_path / "none.ttday")
