"""Start and recovery are one path: whatever dies, the streams end up the same."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipeline.core.batches import HashesWrite, Records, Words
from pipeline.core.errors import Ambiguous, Corrupt, Stopped
from pipeline.core.job import HashWrite, Job
from pipeline.core.schema import REGIME, Role, Stream
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import Alert, Confirmation
from pipeline.run.runner import Runner
from pipeline.run.sources import OutsideSource
from pipeline.run.turn import Pace
from pipeline.store import codec
from pipeline.store.face import END, ZERO, Commit, EntryId, Progress
from pipeline.store.memory import MemoryStore

FEED = Stream("toy:feed", Role.TICKS, Confirmation, "feed", 100)
SUMS = Stream("toy:sums", Role.DERIVED, Confirmation, "sums", 100)
BOTH = Stream("toy:both", Role.DERIVED, Alert, "both", 50)
WRITERS = {"feed": Role.TICKS, "sums": Role.DERIVED, "both": Role.DERIVED}


@dataclass(slots=True)
class Sum:
    total: int = 0


def _dump(state: Sum) -> bytes:
    return pack({"total": state.total})


def _load(state: Sum, blob: bytes) -> None:
    state.total = unpack(blob)[0]["total"]


def _feed_step(state: Sum, record: Confirmation, now: int) -> Iterator[object]:
    state.total += 1
    yield Confirmation(now, f"n{state.total}", "confirm", "feed")


def _sum_step(state: Sum, record: Confirmation, now: int) -> Iterator[object]:
    state.total += record.ts
    if state.total % 3 == 0:
        yield Confirmation(now, str(state.total), "confirm", "sums")
    yield HashWrite(REGIME, ("X",), {"total": state.total})


def _sum_finish(state: Sum, now: int) -> Iterator[object]:
    yield Confirmation(now, f"last {state.total}", "confirm", "sums")


def _both_step(state: Sum, record: Confirmation, now: int) -> Iterator[object]:
    state.total = (state.total * 31 + now + len(record.source)) % 1_000_003
    yield Alert(now, "info", record.source, record.recommendation_id, str(state.total))


def _job(name: str, reads: tuple, writes: Stream, step, *, every: int = 1, rebuild=None, finish=None) -> Job:
    return Job(name, reads, (writes,), lambda _: Sum(), step, _dump, _load, snapshot_every=every, rebuild_from=rebuild, finish=finish)


FEEDER = _job("feed", (), FEED, _feed_step, every=7, rebuild=FEED)
SUMMER = _job("sums", (FEED,), SUMS, _sum_step, every=5, finish=_sum_finish)
MERGER = _job("both", (FEED, SUMS), BOTH, _both_step, every=4)


class Tape:
    """A feed that can be rewound, like the simulator in hold mode."""

    def __init__(self, count: int) -> None:
        self.all = [Confirmation(1000 + 10 * i + (i % 3 == 0), "", "", "") for i in range(count)]

    def source(self, progress) -> OutsideSource:
        left = [r for r in self.all if r.ts > progress.now]

        def read(limit: int, _wait: float) -> list[Confirmation]:
            out = left[: min(limit, 3)]
            del left[: len(out)]
            return out

        return OutsideSource(read, lambda: not left, lambda: None)


class Flaky(MemoryStore):
    """Loses the reply of a commit, before or after doing it."""

    def __init__(self, seed: int, rate: float) -> None:
        super().__init__()
        self.chance, self.rate = random.Random(seed), rate

    def commit(self, commit: Commit, wall_ms: int) -> None:
        draw = self.chance.random()
        if draw < self.rate / 2:
            raise Ambiguous("lost before")
        super().commit(commit, wall_ms)
        if draw < self.rate:
            raise Ambiguous("lost after")


class Context:
    mode = "test"


def _reborn(job: Job, store: MemoryStore, tape: Tape, batch: int = 8) -> Runner:
    """Start until it succeeds, as the supervisor does."""
    while True:
        try:
            return _runner(job, store, tape, batch)
        except Ambiguous:
            continue


def _runner(job: Job, store: MemoryStore, tape: Tape, batch: int = 8) -> Runner:
    pace = Pace(batch, 0, behind_watermarks=True, until_drained=True)
    source = tape.source if job is FEEDER else None
    return Runner(job, store, Context(), session="s", writers=WRITERS, pace=pace, source=source, wall_ms=lambda: 5)


def _play(store: MemoryStore, *, kills: random.Random | None = None, batch: int = 8) -> dict[str, tuple[int, str]]:
    tape = Tape(60)
    runners = {job.name: _reborn(job, store, tape, batch) for job in (FEEDER, SUMMER, MERGER)}
    for _ in range(10_000):
        if all(r.is_done for r in runners.values()):
            break
        for name, runner in list(runners.items()):
            if not runner.is_done:
                runner.turn(0)
            if kills is not None and kills.random() < 0.1:
                runners[name] = _reborn(runner.job, store, tape, kills.randrange(1, 9))
    else:
        pytest.fail("did not drain")
    out = {}
    for name, role in WRITERS.items():
        progress = store.progress(name, role)
        assert progress.watermark == END
        out |= {stream: (progress.entries[stream], digest.hex()) for stream, digest in progress.digests.items()}
    return out


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.run.runner.time.sleep", lambda _: None)


def test_undisturbed_run_counts_and_drains():
    got = _play(MemoryStore())
    assert got["toy:feed"][0] == 60
    assert got["toy:both"][0] == 60 + got["toy:sums"][0]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_batches_do_not_show(batch):
    assert _play(MemoryStore(), batch=batch) == _play(MemoryStore())


@pytest.mark.parametrize("seed", range(20))
def test_kills_do_not_show(seed):
    assert _play(MemoryStore(), kills=random.Random(seed)) == _play(MemoryStore())


@pytest.mark.parametrize("seed", range(20))
def test_lost_replies_do_not_show(seed):
    assert _play(Flaky(seed, 0.3), kills=random.Random(seed)) == _play(MemoryStore())


def test_merging_is_by_cause_time_then_rank():
    store = MemoryStore()
    _play(store)
    entries = store.read([(BOTH, ZERO)], 1000, 0)["toy:both"]
    assert [e.id for e in entries] == sorted(e.id for e in entries)
    seen = [(e.record.ts, e.record.code == "sums") for e in entries]
    assert seen == sorted(seen)


@pytest.mark.parametrize("seed", range(20))
def test_without_watermarks_a_rebuild_is_the_state_that_was_whatever_came_late(seed):
    store, chance = MemoryStore(), random.Random(seed)
    written = {name: Progress(session="s") for name in ("feed", "sums")}

    def write(stream: Stream) -> None:
        progress = written[stream.writer]
        at = EntryId(1000 + 10 * sum(p.commits for p in written.values()) - chance.randrange(40), 0)
        at = max(at, progress.last.get(stream.name, ZERO).following(at.ms))
        progress.commits, progress.last = progress.commits + 1, {stream.name: at}
        record = Confirmation(at.ms, f"{stream.name}{at.ms}", "confirm", stream.writer)
        store.commit(Commit(stream.writer, stream.role, progress, [(stream, at, codec.encode(stream, record))], [], []), 5)

    def born() -> Runner:
        return Runner(MERGER, store, Context(), session="s", writers=WRITERS, pace=Pace(8, 0), wall_ms=lambda: 5)

    runner = born()
    for _ in range(80):
        write(chance.choice((FEED, SUMS)))
        if chance.random() < 0.7:
            runner.turn(0)
        if chance.random() < 0.3:
            was, runner = runner, born()
            assert runner.state == was.state


def test_a_second_writer_is_found_out():
    store = MemoryStore()
    tape = Tape(9)
    first, second = _runner(FEEDER, store, tape), _runner(FEEDER, store, tape)
    first.turn(0)
    with pytest.raises(Corrupt, match="another copy"):
        second.turn(0)


def test_stopped_while_the_store_is_away():
    class Gone(MemoryStore):
        gone = False

        def progress(self, job, role):
            if self.gone:
                raise Ambiguous("Redis is away")
            return super().progress(job, role)

        def commit(self, commit, wall_ms):
            if self.gone:
                raise Ambiguous("Redis is away")
            super().commit(commit, wall_ms)

    store = Gone()
    runner = _runner(FEEDER, store, Tape(5))
    store.gone = True
    with pytest.raises(Stopped, match="what was committed is kept"):
        runner.run(iter([False, False, True, True, True]).__next__)


def test_a_store_that_comes_back_without_what_has_been_acted_on_ends_the_process():
    store, tape = MemoryStore(), Tape(30)
    runner = _runner(FEEDER, store, tape)
    runner.on_committed = lambda _done: None
    runner.turn(0)
    before = copy.deepcopy(store.__dict__)
    runner.turn(0)

    def lose(_commit, _wall_ms):
        store.__dict__.update(before)
        raise Ambiguous("Redis is away")

    store.commit = lose
    with pytest.raises(Corrupt, match="without the last 1 commits") as told:
        runner.turn(0)
    assert "appendfsync always" in str(told.value)


class Flapping(MemoryStore):
    """Loses a commit, then goes away once more just when it is asked what became of it."""

    looks = -1

    def commit(self, commit, wall_ms):
        if self.looks < 0 and commit.progress.commits == 4:
            self.looks = 0
            raise Ambiguous("lost before")
        super().commit(commit, wall_ms)

    def progress(self, job, role):
        if self.looks >= 0:
            self.looks += 1
            if self.looks == 2:
                raise Ambiguous("away again")
        return super().progress(job, role)


def test_a_store_that_goes_away_again_while_it_is_asked_does_not_cost_a_commit():
    assert _play(Flapping()) == _play(MemoryStore())


def test_a_commit_in_doubt_is_not_taken_for_ours_when_another_has_the_lease():
    """The other one has committed as often as we have: the count alone would tell that ours took place, and requests would follow."""
    store, tape, followed = MemoryStore(), Tape(30), []
    runner = _runner(FEEDER, store, tape)
    runner.on_committed = followed.append
    runner.turn(0)
    followed.clear()
    commit = store.commit

    def overtaken(ours, wall_ms):
        commit(replace(ours, entries=()), wall_ms)
        raise Ambiguous("no answer")

    def require():
        raise Stopped("another has taken over")

    store.commit, runner.require = overtaken, require
    with pytest.raises(Stopped, match="another has taken over"):
        runner.turn(0)
    assert followed == []


def test_whoever_has_lost_the_lease_beats_no_more():
    store = MemoryStore()
    runner = _runner(FEEDER, store, Tape(5))

    def require():
        raise Stopped("another has taken over")

    runner.require = require
    with pytest.raises(Stopped):
        runner.beat(is_forced=True)
    assert not store.hashes


def test_what_follows_a_commit_does_not_wait_for_the_next_turn():
    store, tape, order = MemoryStore(), Tape(30), []
    runner = _runner(FEEDER, store, tape)
    read = runner.source.read
    runner.source.read = lambda limit, wait: order.append("read") or read(limit, wait)
    runner.on_committed = lambda done: order.append(f"after {len(done.pending.entries)} at {done.committed_ns > done.stepped_ns}")
    runner.run(iter([False, False, True]).__next__)
    assert order == ["read", "after 3 at True"] * 2


def test_a_new_session_starts_new_digests_and_keeps_ids_rising():
    store, tape = MemoryStore(), Tape(5)
    runner = _runner(FEEDER, store, tape)
    while not runner.is_done:
        runner.turn(0)
    newest = runner.progress.last["toy:feed"]
    again = Runner(FEEDER, store, Context(), session="t", writers=WRITERS, source=lambda _: Tape(3).source(type(runner.progress)()))
    again.turn(0)
    assert again.progress.entries["toy:feed"] == 3
    assert again.progress.last["toy:feed"] > newest


def test_trimming_waits_for_the_slowest_reader():
    store, tape = MemoryStore(), Tape(400)
    feeder = _runner(FEEDER, store, tape, 50)
    feeder._readers = {"toy:feed": [("sums", Role.DERIVED)]}
    summer = _runner(SUMMER, store, tape)
    while not feeder.is_done:
        feeder.turn(0)
    assert len(store.streams["toy:feed"]) == 400
    while not summer.is_done:
        summer.turn(0)
    feeder._trim()
    assert len(store.streams["toy:feed"]) == 100


def test_health_is_told():
    store = MemoryStore()
    runner = _runner(FEEDER, store, Tape(4))
    while not runner.is_done:
        runner.turn(0)
    told = store.fetch(Role.DERIVED, "health:feed")
    assert told["is_done"] == "1"
    assert told["entries"] == "4"


def _fed(records: list[Confirmation]) -> MemoryStore:
    """A store in which the feed has said this."""
    store = MemoryStore()
    entries = [(FEED, EntryId(record.ts, 0), codec.encode(FEED, record)) for record in records]
    store.commit(Commit("feed", FEED.role, Progress(session="s", commits=1), entries), 5)
    return store


def _by_batch(state: Sum, record: Confirmation, now: int) -> Iterator[object]:
    """Up to three outputs for each input, one by one or as a batch: what lies there must be the same."""
    plain = [Confirmation(now + k, "r", "confirm", "sums") for k in range(record.ts % 4)]
    if state.total == 0:
        yield from plain
        return
    words = [Words((text,), np.zeros(len(plain), np.int64)) for text in ("r", "confirm", "sums")]
    yield Records(Confirmation, (np.array([each.ts for each in plain], np.int64), *words))
    yield HashesWrite(REGIME, (("X",),), ("state",), np.zeros((1, 2), np.int64), np.full(1, 55, np.uint8), np.array([0, 1]))


def test_a_batch_is_counted_and_digested_as_its_entries():
    tape, found = Tape(12), []
    for is_batch in (False, True):
        job = replace(_job("sums", (FEED,), SUMS, _by_batch), initial=lambda _, n=int(is_batch): Sum(n))
        store = _fed(tape.all)
        runner = Runner(job, store, Context(), session="s", writers=WRITERS, pace=Pace(batch=5), wall_ms=lambda: 5)
        while runner.turn(0):
            pass
        found.append(
            (store.streams["toy:sums"], runner.progress.last, runner.progress.entries, runner.progress.rows, runner.progress.digests)
        )
        assert (store.fetch(Role.DERIVED, "regime:X") == {"state": "7"}) == is_batch
    assert found[0] == found[1]
    assert len(found[0][0]) > 12


def test_an_entry_behind_a_batch_of_its_stream_is_corrupt():
    def step(state: Sum, record: Confirmation, now: int) -> Iterator[object]:
        yield Records(Confirmation, (np.ones(1, np.int64), *(Words(("x",), np.zeros(1, np.int64)),) * 3))
        yield Confirmation(now, "r", "confirm", "sums")

    runner = Runner(_job("sums", (FEED,), SUMS, step), _fed(Tape(1).all), Context(), session="s", writers=WRITERS, wall_ms=lambda: 5)
    with pytest.raises(Corrupt, match="goes into the batch"):
        runner.turn(0)
