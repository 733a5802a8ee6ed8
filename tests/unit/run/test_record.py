"""The recorder: nothing doubled, nothing lost in silence, whoever dies or forgets."""

from __future__ import annotations

import json
import logging
import random
from dataclasses import asdict, replace

import pytest

from pipeline.core.errors import Ambiguous, Refused, Stopped
from pipeline.core.feed import FeedEvent
from pipeline.core.schema import FRAMES, HEALTH, HISTORY, Role
from pipeline.core.types import CandleWave
from pipeline.run import record, universe
from pipeline.run.record import Recorder
from pipeline.run.settings import load
from pipeline.store.dayfile import DayFile, Record, RecordKind
from pipeline.store.memory import MemoryStore
from tests.fakes.context import DAY, STOCKS
from tests.fakes.frames import commit, end_others, frame_events, history_waves, open_session, task


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    open_session(made)
    return made


def drain(recorder: Recorder) -> None:
    while recorder.turn(0) and not recorder.is_done:
        pass


def records_of(recorder: Recorder, kind: RecordKind | None = None) -> list[Record]:
    with DayFile(recorder.path) as held:
        return [r for r in held.records() if kind is None or r.kind is kind]


def plain(events: list[FeedEvent]) -> list[tuple]:
    return [(e.ts, e.recv_ms, e.link, int(e.kind), e.body) for e in events]


def recorded(recorder: Recorder) -> list[tuple]:
    return [(r.ts, r.recv_ms, r.link, r.event, r.body) for r in records_of(recorder, RecordKind.EVENT)]


def holes(recorder: Recorder) -> list[dict]:
    return [json.loads(r.body) for r in records_of(recorder, RecordKind.HOLE)]


def test_a_day_from_beginning_to_end(store, tmp_path):
    events, waves = frame_events(1300), history_waves(3)
    commit(store, HISTORY, waves, is_end=True)
    commit(store, FRAMES, events[:700])
    recorder = Recorder(store, task(tmp_path))
    assert recorder.path.name == "2025-12-15-made-up-seed-7.ttday"
    drain(recorder)
    commit(store, FRAMES, events[700:], is_end=True)
    drain(recorder)
    assert not recorder.is_done, "the others are not at the end"
    end_others(store)
    drain(recorder)
    assert recorder.is_done
    assert recorded(recorder) == plain(events)
    found = records_of(recorder)
    assert [r.kind for r in found[:3]] == [RecordKind.HISTORY] * 3, "the history comes first"
    assert [(r.ts, r.body) for r in found[:3]] == [(w.ts, w.rows.tobytes()) for w in waves]
    digests = json.loads(found[-1].body)
    assert digests["frames"] == store.progress("ticks", Role.TICKS).digests["frames"].hex() == recorder.tally.digest.hex()
    assert digests["candles"] == b"live".hex()
    health = store.fetch(Role.DERIVED, HEALTH.key("recorder"))
    assert (health["is_done"], health["entries"], health["last_error"], health["holes"]) == ("1", "1302", "", "0")
    with DayFile(recorder.path) as held:
        assert held.is_closed
        assert held.facts["instruments"] == [asdict(i) for i in STOCKS]
        assert held.facts["parameters"]["ticks.window"] == 300


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment_the_file_is_the_same(store, tmp_path, seed):
    """A kill leaves the file cut at any byte that was not synced; the next life goes on from what is whole."""
    chance = random.Random(seed)
    events = frame_events(900)
    commit(store, HISTORY, history_waves(2), is_end=True)
    at = 0
    recorder = Recorder(store, task(tmp_path))
    for _ in range(12):
        ahead = chance.randrange(0, 200)
        commit(store, FRAMES, events[at : at + ahead])
        at = min(at + ahead, len(events))
        for _ in range(chance.randrange(3)):
            recorder.turn(0)
        if chance.random() < 0.5:
            recorder.writer.flush()
        recorder.writer.abandon()
        blob = recorder.path.read_bytes()
        with DayFile(recorder.path) as held:
            floor = held.start
        recorder.path.write_bytes(blob[: max(floor, len(blob) - chance.randrange(0, 1500))])
        recorder = Recorder(store, task(tmp_path))
    commit(store, FRAMES, events[at:], is_end=True)
    end_others(store)
    drain(recorder)
    assert recorder.is_done
    assert recorded(recorder) == plain(events)
    assert holes(recorder) == []
    assert len(records_of(recorder, RecordKind.HISTORY)) == 2
    assert [p.name for p in tmp_path.iterdir()] == [recorder.path.name]


def test_a_torn_tail_is_told(store, tmp_path, caplog):
    commit(store, FRAMES, frame_events(50))
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    recorder.writer.flush()
    recorder.writer.abandon()
    recorder.path.write_bytes(recorder.path.read_bytes()[:-9])
    with caplog.at_level(logging.WARNING):
        Recorder(store, task(tmp_path))
    assert "torn tail" in caplog.text


def test_what_was_trimmed_is_a_hole_and_an_error(store, tmp_path, caplog):
    events = frame_events(600)
    commit(store, FRAMES, events[:100])
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    commit(store, FRAMES, events[100:], is_end=True)
    store.trim(FRAMES, 250)
    end_others(store)
    drain(recorder)
    assert recorder.is_done
    missed = len(events) - 100 - 250
    first = store.streams["frames"][0][0]
    last = records_of(recorder, RecordKind.EVENT)[99].id
    assert holes(recorder) == [{"stream": "frames", "after": str(last), "before": str(first), "missed": missed}]
    assert recorded(recorder) == plain(events[:100] + events[-250:])
    assert f"{missed} entries of frames were trimmed" in caplog.text
    assert store.fetch(Role.DERIVED, HEALTH.key("recorder"))["last_error"].startswith(f"{missed} entries")


def test_trimmed_up_to_the_cursor_exactly_is_no_hole(store, tmp_path):
    events = frame_events(300)
    commit(store, FRAMES, events[:100])
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    commit(store, FRAMES, events[100:])
    store.trim(FRAMES, len(events) - 100)
    drain(recorder)
    recorder.close()
    assert holes(recorder) == []
    assert recorded(recorder) == plain(events)


def test_started_late_the_beginning_is_a_hole(store, tmp_path):
    events = frame_events(300)
    commit(store, FRAMES, events)
    store.trim(FRAMES, 120)
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    recorder.close()
    assert [h["missed"] for h in holes(recorder)] == [len(events) - 120]
    assert recorded(recorder) == plain(events[-120:])
    again = Recorder(store, task(tmp_path))
    drain(again)
    again.close()
    assert len(holes(again)) == 1


def test_the_day_before_is_not_recorded_again(store, tmp_path):
    before = frame_events(200, seed=1)
    commit(store, FRAMES, before, is_end=True, session="2025-12-14 paper")
    commit(store, HISTORY, history_waves(2), is_end=True, session="2025-12-14 paper")
    recorder = Recorder(store, task(tmp_path))
    assert not recorder.turn(0), "the feed of today has not begun"
    today = frame_events(900, start=before[0].ts)  # as ids go: the first of a day may bear the day before's time
    waves = history_waves(3)
    commit(store, HISTORY, waves, is_end=True)
    commit(store, FRAMES, today, is_end=True)
    end_others(store)
    drain(recorder)
    assert recorder.is_done
    assert recorded(recorder) == plain(today)
    assert [r.ts for r in records_of(recorder, RecordKind.HISTORY)] == [w.ts for w in waves]
    assert holes(recorder) == []
    assert recorder.last_error == ""


@pytest.mark.parametrize("keep", [0, 1, 140, 299])
def test_what_redis_has_lost_is_taken_off_the_file(store, tmp_path, keep, caplog):
    """After a crash of the machine the file may be ahead of Redis: what Redis says is what happened."""
    first, second = frame_events(300), frame_events(400, seed=8)
    ahead = MemoryStore()
    open_session(ahead)
    commit(ahead, FRAMES, first)
    recorder = Recorder(ahead, task(tmp_path))
    drain(recorder)
    recorder.close()
    commit(store, FRAMES, [*first[: keep + 1], *second], is_end=True)
    end_others(store)
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    assert recorder.is_done
    assert "Redis has lost" in caplog.text
    assert recorded(recorder) == plain([*first[: keep + 1], *second])
    assert recorder.last_error == ""


class Flaky(MemoryStore):
    """A store that goes away now and then."""

    is_away = False

    def read(self, *args, **kwargs):
        if self.is_away:
            raise Ambiguous("Redis is away")
        return super().read(*args, **kwargs)


def test_redis_away_and_back(tmp_path):
    store = Flaky()
    open_session(store)
    events = frame_events(100)
    commit(store, FRAMES, events[:50])
    recorder = Recorder(store, task(tmp_path))
    looks = []

    def should_stop() -> bool:
        looks.append(1)
        if len(looks) == 3:
            store.is_away = True
        if len(looks) == 6:
            store.is_away = False
            commit(store, FRAMES, events[50:], is_end=True)
            end_others(store)
        assert len(looks) < 1000
        return False

    recorder.run(should_stop)
    assert recorded(recorder) == plain(events)


def test_stopped_while_redis_is_away_the_file_is_ended(tmp_path):
    store = Flaky()
    open_session(store)
    commit(store, FRAMES, frame_events(50))
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    store.is_away = True
    looks = iter([False, True])
    with pytest.raises(Stopped, match="while Redis was away"):
        recorder.run(lambda: next(looks, True))
    with DayFile(recorder.path) as held:
        assert held.is_closed
        assert len(list(held.records())) == 52


def test_another_run_of_the_day_has_a_file_of_its_own(store, tmp_path):
    commit(store, FRAMES, frame_events(20))
    one = Recorder(store, task(tmp_path))
    drain(one)
    one.close()
    other = MemoryStore()
    open_session(other, run="78")
    commit(other, FRAMES, frame_events(30, seed=2))
    two = Recorder(other, task(tmp_path, run="78"))
    drain(two)
    two.close()
    assert two.path.name == "2025-12-15-made-up-seed-7-2.ttday"
    assert (len(recorded(one)), len(recorded(two))) == (22, 32)
    with pytest.raises(Stopped, match="another session"):
        Recorder(other, task(tmp_path))


def test_live_the_others_are_not_waited_for_forever(store, tmp_path):
    commit(store, FRAMES, frame_events(20), is_end=True)
    recorder = Recorder(store, task(tmp_path, settle_s=0.0))
    while not recorder.is_done:
        recorder.turn(0)
    (last,) = records_of(recorder, RecordKind.DIGESTS)
    assert set(json.loads(last.body)) == {"frames"}


def test_a_day_that_is_over_is_not_recorded_twice(store, tmp_path):
    commit(store, FRAMES, frame_events(20), is_end=True)
    end_others(store)
    first = Recorder(store, task(tmp_path, settle_s=0.0))
    while not first.is_done:
        first.turn(0)
    before = records_of(first)
    again = Recorder(store, task(tmp_path, settle_s=0.0))
    while not again.is_done:
        again.turn(0)
    assert records_of(again) == before


def test_a_feed_that_brought_no_frames_is_said(store, tmp_path, caplog):
    commit(store, FRAMES, [], is_end=True)
    end_others(store)
    recorder = Recorder(store, task(tmp_path))
    while not recorder.is_done:
        recorder.turn(0)
    assert "no frames came" in caplog.text


def test_a_file_that_differs_from_what_was_committed_is_said(store, tmp_path, caplog):
    events = frame_events(20)
    commit(store, FRAMES, events)
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    recorder.tally.digest = b"other"
    commit(store, FRAMES, [], is_end=True)
    end_others(store)
    drain(recorder)
    assert "differs from what was committed" in caplog.text


def test_a_watchlist_that_grows_is_noted(store, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "BEAT_S", 0.0)
    commit(store, FRAMES, frame_events(5))
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    more = (*STOCKS, replace(STOCKS[0], sid=2, symbol="CHARLIE", instrument_key="NSE_EQ|X"))
    universe.publish(store, more, DAY.date)
    recorder.turn(0)
    recorder.turn(0)
    recorder.close()
    (noted,) = records_of(recorder, RecordKind.INSTRUMENTS)
    assert json.loads(noted.body) == [asdict(i) for i in more]


def test_two_recorders_of_one_day(store, tmp_path):
    one = Recorder(store, task(tmp_path))
    with pytest.raises(Stopped, match="another recorder"):
        Recorder(store, task(tmp_path))
    one.close()


def test_off_it_says_what_to_set():
    with pytest.raises(Refused, match=r"set \[recorder\] enabled = true"):
        record.require_enabled(load(environ={}))
    record.require_enabled(load(environ={}, overrides={"recorder.enabled": True}))


def test_history_waves_keep_their_rows(store, tmp_path):
    waves = history_waves(4)
    commit(store, HISTORY, waves)
    recorder = Recorder(store, task(tmp_path))
    drain(recorder)
    recorder.close()
    assert all(isinstance(w, CandleWave) and w.rows.tobytes() == r.body for w, r in zip(waves, records_of(recorder), strict=True))
