"""Merging: by cause time, then by place in ``reads``; never ahead of a writer that may still speak."""

from __future__ import annotations

import numpy as np

from pipeline.core.schema import Role, Stream
from pipeline.core.types import TICK, Confirmation, TickBatch
from pipeline.run.sources import OutsideSource, StreamSource
from pipeline.store import codec
from pipeline.store.face import END, Commit, EntryId, Progress
from pipeline.store.memory import MemoryStore

A = Stream("toy:a", Role.TICKS, Confirmation, "a", 9)
B = Stream("toy:b", Role.DERIVED, Confirmation, "b", 9)
P = Stream("toy:p", Role.CANDLES, Confirmation, "p", 9)
WRITERS = {"a": Role.TICKS, "b": Role.DERIVED, "p": Role.CANDLES}


def _write(store: MemoryStore, stream: Stream, times: list[int], watermark: int, session: str = "s") -> None:
    entries = [(stream, EntryId(ms, 0), codec.encode(stream, Confirmation(ms, stream.name, "", ""))) for ms in times]
    store.commit(Commit(stream.writer, stream.role, Progress(session=session, watermark=watermark), entries), 1)


def _source(store: MemoryStore, *, gated: bool = True, preload: tuple = (), writers: dict | None = None) -> StreamSource:
    known = WRITERS if writers is None else writers
    return StreamSource(store, (A, B), session="s", cursors={}, writers=known, preload=preload, behind_watermarks=gated)


def _names(inputs: list) -> list[tuple[str, int]]:
    return [(i.stream, i.id.ms) for i in inputs]


def test_waits_for_the_quiet_one():
    store = MemoryStore()
    _write(store, A, [10, 20, 30], 30)
    source = _source(store)
    assert source.read(10, 0) == []
    _write(store, B, [20], 25)
    assert _names(source.read(10, 0)) == [("toy:a", 10), ("toy:a", 20), ("toy:b", 20)]
    assert source.watermark == 25
    _write(store, B, [], END)
    assert _names(source.read(10, 0)) == [("toy:a", 30)]
    assert not source.is_over
    _write(store, A, [], END)
    assert source.read(10, 0) == []
    assert source.is_over
    assert source.watermark == END - 1


def test_a_read_cut_by_its_limit_promises_no_more_than_it_saw():
    store = MemoryStore()
    _write(store, A, list(range(10, 100, 10)), END)
    _write(store, B, [15, 95], END)
    source = _source(store)
    got = []
    for _ in range(30):
        got += source.read(2, 0)
    assert _names(got) == sorted(_names(got), key=lambda pair: pair[1])
    assert len(got) == 11


def test_live_does_not_wait():
    store = MemoryStore()
    _write(store, A, [10, 20], 20)
    assert _names(_source(store, gated=False).read(10, 0)) == [("toy:a", 10), ("toy:a", 20)]


def test_a_writer_that_does_not_run_has_ended():
    store = MemoryStore()
    _write(store, A, [10], END)
    source = _source(store, writers={"a": Role.TICKS})
    assert _names(source.read(10, 0)) == [("toy:a", 10)]


def test_yesterdays_end_does_not_count():
    store = MemoryStore()
    _write(store, A, [10], 10)
    _write(store, B, [], END, session="yesterday")
    assert _source(store).read(10, 0) == []


def test_preload_comes_first_and_whole():
    store = MemoryStore()
    _write(store, A, [10], END)
    _write(store, B, [], END)
    _write(store, P, [1], 1)
    source = _source(store, preload=(P,))
    assert _names(source.read(10, 0)) == [("toy:p", 1)]
    assert source.read(10, 0) == []
    assert not source.is_preloaded
    _write(store, P, [2], END)
    assert _names(source.read(10, 0)) == [("toy:p", 2)]
    assert source.read(10, 0) == []
    assert _names(source.read(10, 0)) == [("toy:a", 10)]


def test_outside_source_tells_how_far_it_is():
    left = [Confirmation(5, "", "", ""), Confirmation(9, "", "", "")]
    closed = []
    source = OutsideSource(lambda n, _: [left.pop(0) for _ in range(min(n, len(left)))], lambda: not left, lambda: closed.append(1))
    assert source.read(1, 0)[0].id == EntryId(5, 0)
    assert source.watermark == 4
    assert not source.is_over
    source.read(5, 0)
    source.close()
    assert source.is_over
    assert closed == [1]


def test_the_lag_of_a_frame_counts_from_its_receipt():
    rows = np.zeros(2, TICK)
    source = OutsideSource(lambda _n, _s: [TickBatch(5, rows, 777), Confirmation(6, "", "", "")], lambda: False, lambda: None)
    assert [item.committed_ms for item in source.read(2, 0)] == [777, 0]
