"""A day file as a source: the same events, holes as lost connections, at any pace, from any place."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import Corrupt, Refused
from pipeline.core.feed import FeedEvent, FeedEventKind
from pipeline.core.schema import DEPTH, HISTORY, TICKS
from pipeline.core.types import MarketStatus
from pipeline.run import playback
from pipeline.run.playback import Recording
from pipeline.store.dayfile import DayFile, Record, RecordKind
from pipeline.store.daywriter import DayWriter
from pipeline.store.face import EntryId, Progress
from tests.fakes.context import DAY, STOCKS
from tests.fakes.frames import frame_events, history_waves, task

KIND = FeedEventKind


def hole(stream: str, missed: int) -> Record:
    body = {"stream": stream, "after": "1-0", "before": "2-0", "missed": missed}
    return Record(RecordKind.HOLE, EntryId(2, 0), recv_ms=99, body=json.dumps(body).encode())


def event(kind: FeedEventKind, link: int = 0, body: bytes = b"", ts: int = 7, recv_ms: int = 0) -> FeedEvent:
    return FeedEvent(ts, recv_ms, link, kind, body)


def of(*events: FeedEvent) -> list[Record]:
    return [Record.of(EntryId(1, i), each) for i, each in enumerate(events)]


def file(folder: Path, records: list[Record], **facts: Any) -> Path:
    path = folder / "day.ttday"
    DayWriter.create(path, {**task(folder).facts, **facts})
    writer = DayWriter(path)
    for record in records:
        writer.append(record)
    writer.close()
    return path


def history_records(n: int) -> list[Record]:
    return [Record(RecordKind.HISTORY, EntryId(1, i), w.ts, body=w.rows.tobytes()) for i, w in enumerate(history_waves(n))]


def drained(source: Any) -> list[Any]:
    out = []
    while not source.is_over:
        out += [item.record for item in source.read(3, 0)]
    return out


def test_events_come_as_they_were(tmp_path):
    events = frame_events(50)
    path = file(tmp_path, [*history_records(2), *of(*events)])
    found = list(playback.events(path))
    assert [(e.ts, e.recv_ms, e.link, e.kind, e.body) for e in found] == [(e.ts, e.recv_ms, e.link, e.kind, e.body) for e in events]


def test_a_hole_is_the_loss_and_return_of_every_connection(tmp_path):
    records = [
        *of(event(KIND.STARTED), event(KIND.CONNECTED, 9, b"{}"), event(KIND.STARTED)),
        *of(event(KIND.SUBSCRIBED, 0, b"{}"), event(KIND.CONNECTED, 0, b'{"a":[]}'), event(KIND.CONNECTED, 1, b'{"b":[]}', ts=8)),
        hole("history", 4),
        hole("frames", 12),
        *of(event(KIND.FRAME, 1, b"f")),
    ]
    found = [(e.kind, e.link, e.body, e.ts) for e in playback.events(file(tmp_path, records))]
    assert found[6:] == [
        (KIND.LOST, 0, playback.NO_CODE, 7),
        (KIND.CONNECTED, 0, b'{"a":[]}', 7),
        (KIND.LOST, 1, playback.NO_CODE, 8),
        (KIND.CONNECTED, 1, b'{"b":[]}', 8),
        (KIND.FRAME, 1, b"f", 7),
    ]


def test_contents(tmp_path):
    more = [{name: getattr(STOCKS[0], name) for name in STOCKS[0].__slots__} | {"symbol": "ZULU"}]
    records = [
        Record(RecordKind.INSTRUMENTS, body=b"[]"),
        Record(RecordKind.INSTRUMENTS, body=json.dumps(more).encode()),
        hole("frames", 3),
        hole("frames", 4),
        hole("history", 1),
        Record(RecordKind.DIGESTS, body=b'{"ticks":"ab"}'),
    ]
    held = playback.contents(file(tmp_path, records))
    assert [i.symbol for i in held.instruments] == ["ZULU"]
    assert held.missed == {"frames": 7, "history": 1}
    assert held.digests == {"ticks": "ab"}
    assert not held.is_cut
    assert held.facts["maker"] == "Made Up, seed 7"


def test_contents_of_a_cut_file_have_the_watchlist_of_its_header(tmp_path):
    path = file(tmp_path, of(*frame_events(5)))
    with DayFile(path) as held:
        start = held.start
    path.write_bytes(path.read_bytes()[: start + 90])
    held = playback.contents(path)
    assert held.is_cut
    assert held.instruments == STOCKS
    assert list(playback.events(path)) == []


def test_a_watchlist_of_another_version_is_refused(tmp_path):
    with pytest.raises(Refused, match="another version"):
        playback.contents(file(tmp_path, [], instruments=[{"colour": 1}]))


def test_damage_among_what_is_no_event(tmp_path):
    path = file(tmp_path, history_records(3))
    blob = bytearray(path.read_bytes())
    with DayFile(path) as held:
        blob[held.blocks[0].end - 1] ^= 1
    path.write_bytes(blob)
    with pytest.raises(Corrupt, match="damaged at byte"):
        playback.contents(path)
    assert playback.contents(path, skip_damage=True).instruments == STOCKS


@pytest.mark.parametrize("done", [0, 1, 3])
def test_history_goes_on_after_what_is_committed(tmp_path, done):
    path = file(tmp_path, history_records(3))
    made = playback.source_of("history", Recording(path), DAY, STOCKS, 0)
    assert made is not None
    waves = drained(made(Progress(entries={HISTORY.name: done})))
    assert [w.ts for w in waves] == [w.ts for w in history_waves(3)][done:]


def test_other_jobs_read_streams(tmp_path):
    assert playback.source_of("live", Recording(tmp_path), DAY, STOCKS, 0) is None


class Fake:
    """An intake that makes of each frame what its body says: ticks, deep books, or a market state."""

    def take(self, event: FeedEvent) -> list[Any]:
        from pipeline.core.feed import DepthBatch
        from pipeline.core.types import TickBatch

        made = {b"t": lambda: TickBatch(event.ts, None, event.recv_ms), b"d": lambda: DepthBatch(event.ts, None)}  # type: ignore[arg-type]
        made[b"s"] = lambda: MarketStatus(event.ts, (), is_session_over=False)
        return [made[bytes([b])]() for b in event.body]


def test_ticks_go_on_after_what_is_committed(tmp_path):
    path = file(tmp_path, of(*(event(KIND.FRAME, 0, b"std", ts=i) for i in range(6))))
    whole = [(type(r).__name__, r.ts) for r in drained(playback._ticks(Recording(path), Fake(), Progress()))]  # type: ignore[arg-type]
    assert len(whole) == 18
    progress = Progress(entries={TICKS.name: 4, DEPTH.name: 3})
    left = [(type(r).__name__, r.ts) for r in drained(playback._ticks(Recording(path), Fake(), progress))]  # type: ignore[arg-type]
    assert [r for r in left if r[0] == "TickBatch"] == [("TickBatch", 4), ("TickBatch", 5)]
    assert [r for r in left if r[0] == "DepthBatch"] == [("DepthBatch", i) for i in (3, 4, 5)]


def test_what_was_received_on_another_day_has_no_lag(tmp_path):
    path = file(tmp_path, of(event(KIND.FRAME, 0, b"t", ts=5, recv_ms=1_000)))
    source = playback._ticks(Recording(path), Fake(), Progress())  # type: ignore[arg-type]
    (item,) = source.read(10, 0)
    assert (item.committed_ms, item.record.recv_ms, item.id.ms, source.watermark) == (0, 1_000, 5, 4)


def test_the_pace_of_the_recording_is_kept(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(time, "sleep", lambda s: clock.__setitem__(0, clock[0] + s))
    path = file(tmp_path, of(*(event(KIND.FRAME, 0, b"t", ts=i, recv_ms=1_000 + 2_000 * i) for i in range(4))))
    source = playback._ticks(Recording(path, speed=4.0), Fake(), Progress())  # type: ignore[arg-type]
    at = {}
    while not source.is_over:
        for item in source.read(10, 20):
            at[item.record.ts] = clock[0] - 100
    assert at == pytest.approx({0: 0.0, 1: 0.5, 2: 1.0, 3: 1.5})


def test_closed_it_gives_nothing_more(tmp_path):
    path = file(tmp_path, of(*(event(KIND.FRAME, 0, b"t", ts=i) for i in range(4))))
    source = playback._ticks(Recording(path), Fake(), Progress())  # type: ignore[arg-type]
    assert len(source.read(1, 0)) == 1
    source.close()
    assert drained(source) == []
