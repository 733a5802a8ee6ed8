"""The one loop of the house: restore, read, step, commit, beat.

Outputs, cursor and (now and then) a snapshot of the state commit in one MULTI. After a kill the runner
loads the snapshot, steps again through the inputs between it and the cursor without writing, and goes on:
start and recovery are one path. When Redis goes away in mid-commit nobody knows whether the commit took
place; the count of commits, read back, tells, and only then is it repeated.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pipeline import __version__
from pipeline.core.batches import Records
from pipeline.core.errors import Ambiguous, Corrupt, Stopped
from pipeline.core.job import Context, HashWrite, Job
from pipeline.core.schema import FILLS, HEALTH, INTENTS, LATENCY, ORDERS, Role, Stream
from pipeline.run.latency import Hops
from pipeline.run.sources import Input, Source, StreamSource
from pipeline.run.turn import Pace, Pending, UnderWay
from pipeline.run.waiting import await_store
from pipeline.store import batch, codec
from pipeline.store.face import END, ZERO, Commit, EntryId, Progress, Store

log = logging.getLogger("ticktick.runner")

BEAT_S = 1.0
HEALTH_TTL_MS = 15_000
LAG_SAMPLES = 8_192
PERFORMANCE_S = 60.0
TRADES = (INTENTS, ORDERS, FILLS)
REBUILD_PATIENCE = 500
"""Empty reads in a row before a rebuild gives up."""


class Runner:
    """Runs one job over one store. ``source`` is given for jobs fed from outside, else made from ``reads``."""

    def __init__(
        self,
        job: Job,
        store: Store,
        context: Context,
        *,
        session: str,
        writers: dict[str, Role],
        readers: dict[str, list[tuple[str, Role]]] | None = None,
        pace: Pace | None = None,
        source: Callable[[Progress], Source] | None = None,
        wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.job, self._store, self._context = job, store, context
        self._session, self._writers, self._readers = session, writers, readers or {}
        self._pace = pace or Pace()
        self._make_source = source
        self._wall_ms = wall_ms
        self.role = job.writes[0].role
        self._stream_of = {stream.record: stream for stream in job.writes}
        self._lags = np.zeros(LAG_SAMPLES, np.float64)
        self._lag_count = 0
        self._preloaded_ms = 0
        """Until when the inputs waited for the history to be taken in: that is a start, no lag."""
        self._open: UnderWay | None = None
        self._is_overlapping = False
        self._hops = Hops("wait" if job.reads else "decode")
        self._beat_at = 0.0
        self._performance_at = time.monotonic()
        self._since_snapshot = 0
        self._rank = {stream.name: rank for rank, stream in enumerate(job.reads)}
        self._newest = (0, 0)
        self._is_disordered = False
        self._trimmed_at: dict[str, int] = {}
        self.is_done = False
        self.last_error = ""
        self._should_stop: Callable[[], bool] = lambda: False
        self.extra_health: Callable[[], dict[str, str | int | float]] = dict
        self.require: Callable[[], None] = lambda: None
        """Raises when another process has the lease on this job."""
        self.on_committed: Callable[[UnderWay], None] | None = None
        """Called with a commit once it has taken place; it is then waited for at once, not only when the next turn commits."""
        self.source: Source
        self._restore()

    # ------------------------------------------------------------------ restore

    def _restore(self) -> None:
        self.state: Any = self.job.initial(self._context)
        self.progress = self._store.progress(self.job.name, self.role)
        if self.progress.session != self._session:
            self._open_session()
        self._acknowledged = self.progress.commits
        """Commits that Redis has said to have kept."""
        saved = self._store.snapshot(self.job.name, self.role)
        if saved is None:
            raise Corrupt(f"job {self.job.name} has progress but no snapshot: clear the session first")
        at, blob = saved
        self.job.load(self.state, blob)
        replayed = self._rebuild(at) if at.commits < self.progress.commits else 0
        self.is_done = self._pace.until_drained and self.progress.watermark >= END
        self.source = self._make_source(self.progress) if self._make_source is not None else self._streams(self.progress.cursors)
        cursors = {name: str(cursor) for name, cursor in self.progress.cursors.items()}
        log.info("ready", extra={"fields": {"job": self.job.name, "cursors": cursors, "replayed": replayed}})

    def _open_session(self) -> None:
        """Begin a day: counts and digests start anew, ids and cursors go on."""
        old = self.progress
        self.progress = Progress(session=self._session, commits=old.commits + 1, now=old.now, cursors=old.cursors, last=old.last)
        self._store.commit(Commit(self.job.name, self.role, self.progress, snapshot=self.job.dump(self.state)), self._wall_ms())

    def _streams(self, cursors: dict[str, EntryId]) -> StreamSource:
        return StreamSource(
            self._store,
            [s for s in self.job.reads if s.writer in self._writers or not self._pace.behind_watermarks],
            session=self._session,
            cursors=cursors,
            writers=self._writers,
            preload=self.job.preload,
            behind_watermarks=self._pace.behind_watermarks,
        )

    def _rebuild(self, at: Progress) -> int:
        """Step again, writing nothing, from the snapshot to the cursor."""
        if self.job.rebuild_from is not None:
            return self._replay_outputs(self.job.rebuild_from, at)
        source, steps, empty = self._streams(at.cursors), 0, 0
        reached = dict(at.cursors)
        while any(reached.get(name, ZERO) < cursor for name, cursor in self.progress.cursors.items()):
            items = source.read(self._pace.batch, self._pace.wait_ms)
            empty = 0 if items else empty + 1
            if empty > REBUILD_PATIENCE:
                raise Corrupt(f"job {self.job.name} cannot rebuild its state: its input was trimmed; clear the session first")
            for item in items:
                if item.id > self.progress.cursors.get(item.stream, ZERO):
                    continue  # not stepped through yet; an entry that was written since may stand before one that was
                reached[item.stream] = item.id
                self._place(item)
                for _ in self.job.step(self.state, item.record, item.id.ms):
                    pass
                steps += 1
        return steps

    def _replay_outputs(self, stream: Stream, at: Progress) -> int:
        after, end, steps = at.last.get(stream.name, ZERO), self.progress.last.get(stream.name, ZERO), 0
        while after < end:
            for entry in self._store.read([(stream, after)], self._pace.batch, 0)[stream.name]:
                for _ in self.job.step(self.state, entry.record, entry.id.ms):
                    pass
                after, steps = entry.id, steps + 1
        return steps

    # ------------------------------------------------------------------ the loop

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Turn until asked to stop, or until drained when the pace says so.

        While Redis answers one commit, the next turn is read and stepped through: neither waits for the other.
        """
        self._should_stop = should_stop
        self._is_overlapping = True
        try:
            while not should_stop() and not self.is_done:
                try:
                    self.turn(self._pace.wait_ms)
                except Ambiguous as error:
                    self._await_store(str(error))
            self._settle()
        finally:
            self._is_overlapping = False
            self.source.close()

    def turn(self, wait_ms: int) -> bool:
        """Read once, step through what came, commit. Tell whether anything was done."""
        inputs = self.source.read(self._pace.batch, 0 if self._open is not None else wait_ms)
        if not inputs:
            self._settle()
            self._store.show(self.role)
        read_ns, received_ns = time.monotonic_ns(), getattr(self.source, "received_ns", None)
        pending, before = Pending(), self.progress.watermark
        if not getattr(self.source, "is_preloaded", True):
            self._preloaded_ms = self._wall_ms()
        for item in inputs:
            self._step(item, pending)
        if not inputs and self.source.is_over and self.progress.watermark < END:
            self._finish(pending)
        else:
            self.progress.watermark = max(before, self.source.watermark)
        is_busy = bool(inputs) or self.progress.watermark != before
        if is_busy:
            self._commit(pending, inputs, received_ns, read_ns)
        if not self._is_overlapping or self.is_done or (self.on_committed is not None and pending.entries):
            self._settle()
        self.beat()
        return is_busy

    def _step(self, item: Input, pending: Pending) -> None:
        now = self.progress.now = item.id.ms if item.stream else max(self.progress.now, item.id.ms)
        if item.stream:
            self.progress.cursors[item.stream] = item.id
            self.progress.consumed[item.stream] = self.progress.consumed.get(item.stream, 0) + 1
            self._place(item)
        elif self.job.reads:
            self._is_disordered = True  # it is in no stream that a rebuild could read again: the state is saved with it
        for out in self.job.step(self.state, item.record, now):
            self._collect(out, now, pending)

    def _place(self, item: Input) -> None:
        """Note whether an input came after a later one, as it may without watermarks: a rebuild would step them in order."""
        place = (item.id.ms, self._rank.get(item.stream, -1))
        self._is_disordered = self._is_disordered or place < self._newest
        self._newest = place

    def _finish(self, pending: Pending) -> None:
        if self.job.finish is not None:
            for out in self.job.finish(self.state, self.progress.now):
                self._collect(out, self.progress.now, pending)
        self.progress.watermark = END
        self.is_done = self._pace.until_drained

    def _collect(self, out: Any, now: int, pending: Pending) -> None:
        stream = self._stream_of.get(out.kind if isinstance(out, Records) else type(out))
        if stream is None:
            pending.show(out, self.job.name)
        elif isinstance(out, Records):
            self._collect_batch(stream, out, now, pending)
        else:
            self._collect_entry(stream, out, now, pending)

    def _collect_entry(self, stream: Stream, out: Any, now: int, pending: Pending) -> None:
        if any(each.stream is stream for each in pending.batches):
            raise Corrupt(f"job {self.job.name} yielded an entry of {stream.name} behind a batch of them: it goes into the batch")
        fields = codec.encode(stream, out)
        progress, name = self.progress, stream.name
        entry_id = progress.last[name] = progress.last.get(name, ZERO).following(now)
        progress.digests[name] = codec.chain(progress.digests.get(name, b""), str(entry_id).encode(), codec.canonical(stream, fields))
        progress.entries[name] = progress.entries.get(name, 0) + 1
        progress.rows[name] = progress.rows.get(name, 0) + codec.row_count(out)
        pending.entries.append((stream, entry_id, fields))

    def _collect_batch(self, stream: Stream, out: Records, now: int, pending: Pending) -> None:
        if len(out) == 0:
            return
        progress, name = self.progress, stream.name
        found = batch.encode(stream, out, progress.last.get(name, ZERO).following(now))
        progress.last[name] = found.last
        progress.digests[name] = batch.chain(progress.digests.get(name, b""), found)
        progress.entries[name] = progress.entries.get(name, 0) + len(found)
        progress.rows[name] = progress.rows.get(name, 0) + len(found)
        pending.batches.append(found)

    # ------------------------------------------------------------------ commit

    def _commit(self, pending: Pending, inputs: list[Input], received_ns: Sequence[int] | None, read_ns: int) -> None:
        stepped_ns = time.monotonic_ns()
        self._settle()
        self.progress.commits += 1
        self._since_snapshot += len(inputs)
        is_due = self._since_snapshot >= self.job.snapshot_every or self._is_disordered or self.progress.watermark >= END
        # A copy: the next turn changes the progress while this commit is still under way, and it may have to be repeated.
        commit = pending.commit(self.job.name, self.role, self.progress.copy())
        if is_due:
            commit.snapshot = self.job.dump(self.state)
            self._since_snapshot, self._newest, self._is_disordered = 0, (0, 0), False
        self._open = UnderWay(commit, pending, inputs, received_ns, read_ns, stepped_ns)
        try:
            self._store.begin(commit, self._wall_ms())
        except Ambiguous as error:
            self._resolve(commit, str(error))

    def _settle(self) -> None:
        """Wait for the commit under way, and do what follows it."""
        if self._open is None:
            return
        under_way, self._open = self._open, None
        try:
            self._store.settle()
        except Ambiguous as error:
            self._resolve(under_way.commit, str(error))
        under_way.committed_ns, self._acknowledged = time.monotonic_ns(), under_way.commit.progress.commits
        if self.on_committed is not None:
            self.on_committed(under_way)
        self._measure(under_way)
        self._log_trades(under_way.pending)
        if under_way.commit.snapshot is not None and self._pace.is_trimming:
            self._trim()

    def _log_trades(self, pending: Pending) -> None:
        """Repeat what concerns money in ``logs/trades.log``, once it is committed; Redis stays the journal."""
        for stream, entry_id, fields in pending.entries:
            if stream in TRADES:
                shown = {name.decode(): bytes(value).decode() for name, value in fields.items() if name != b"v"}
                log.info(stream.name, extra={"category": "TRADE", "fields": {"id": str(entry_id), **shown}})

    def _resolve(self, commit: Commit, reason: str) -> None:
        """Find out whether a commit took place whose reply was lost; repeat it only if not."""
        while True:
            self._await_store(reason)
            try:
                found = self._store.progress(self.job.name, self.role).commits
                self.require()  # after the look: what it found was written by us
                if found == commit.progress.commits - 1:
                    self._store.commit(commit, self._wall_ms())
                elif found != commit.progress.commits:
                    raise Corrupt(
                        f"job {self.job.name} is at commit {commit.progress.commits}, Redis at {found}: another copy writes; stop one"
                    )
            except Ambiguous as error:
                reason = str(error)
            else:
                return

    def _await_store(self, reason: str) -> None:
        self.last_error = reason
        log.error(reason, extra={"fields": {"job": self.job.name}})
        idle = getattr(self.source, "idle", lambda: None)  # a feed that is not read for long is cut off by the broker
        if not await_store(self.job.name, self._look_again, self._should_stop, idle):
            raise Stopped(f"job {self.job.name} was stopped while Redis was away: what was committed is kept")
        self.last_error = ""

    def _look_again(self) -> None:
        """Ask whether Redis is back, and with all that it had acknowledged."""
        found = self._store.progress(self.job.name, self.role).commits
        if self.on_committed is not None and found < self._acknowledged:  # something has followed them already
            lost = self._acknowledged - found
            raise Corrupt(f"Redis came back without the last {lost} commits of job {self.job.name}: set appendfsync always, start again")

    def _trim(self) -> None:
        """Trim our streams, but never what a running reader still needs to rebuild itself."""
        for stream in self.job.writes:
            added = self.progress.entries.get(stream.name, 0)
            if stream.is_durable or added < self._trimmed_at.get(stream.name, stream.keep) + stream.keep // 10:
                continue
            needed = [added]
            for reader, role in self._readers.get(stream.name, ()):
                saved = self._store.snapshot(reader, role)
                if saved is not None and saved[0].session == self._session:
                    needed.append(added - saved[0].consumed.get(stream.name, 0))
            if max(needed[1:], default=0) <= stream.keep:
                self._store.trim(stream, stream.keep)
                self._trimmed_at[stream.name] = added

    # ------------------------------------------------------------------ health

    def _measure(self, done: UnderWay) -> None:
        done_ns, wall = done.committed_ns, self._wall_ms()
        counted = [item for item in done.inputs if item.committed_ms > self._preloaded_ms]
        for item in counted:
            self._lags[self._lag_count % LAG_SAMPLES] = wall - item.committed_ms
            self._lag_count += 1
        if done.received_ns is not None:
            waits = [(done.read_ns - at) / 1_000 for at in done.received_ns]
            exchange = [(item.committed_ms - item.id.ms) * 1_000.0 for item in counted]
        else:
            read_ms = wall - (done_ns - done.read_ns) / 1_000_000
            waits, exchange = [max(0.0, read_ms - item.committed_ms) * 1_000 for item in counted], []
        step_us, commit_us = (done.stepped_ns - done.read_ns) / 1_000, (done_ns - done.stepped_ns) / 1_000
        self._hops.turn(waits, step_us, commit_us, self.progress.now, exchange)

    def lag_ms(self) -> tuple[float, float]:
        """Give p50 and p99 of the time from an input's commit to ours, in milliseconds."""
        seen = self._lags[: min(self._lag_count, LAG_SAMPLES)]
        return (float(np.percentile(seen, 50)), float(np.percentile(seen, 99))) if len(seen) > 0 else (0.0, 0.0)

    def beat(self, *, is_forced: bool = False) -> None:
        """Say how we are, about once a second."""
        if time.monotonic() - self._beat_at < BEAT_S and not is_forced and not self.is_done:
            return
        self._beat_at = time.monotonic()
        self.require()
        p50, p99 = self.lag_ms()
        if self.is_done or self._beat_at - self._performance_at > PERFORMANCE_S:
            self._performance_at = self._beat_at
            figures = {"job": self.job.name, "lag_p50_ms": round(p50, 3), "lag_p99_ms": round(p99, 3), "commits": self.progress.commits}
            log.info("lag", extra={"category": "PERFORMANCE", "fields": figures | {"entries": sum(self.progress.entries.values())}})
            log.info("hops", extra={"category": "PERFORMANCE", "fields": {"job": self.job.name, **self._hops.minute()}})
        fields: dict[str, str | int | float] = {
            "pid": os.getpid(),
            "version": __version__,
            "mode": self._context.mode,
            "session": self._session,
            "at_ms": self._wall_ms(),
            "now_ms": self.progress.now,
            "entries": sum(self.progress.entries.values()),
            "lag_p50_ms": round(p50, 3),
            "lag_p99_ms": round(p99, 3),
            "is_done": int(self.is_done),
            "last_error": self.last_error,
            **self.extra_health(),
        }
        ttl = None if self.is_done else HEALTH_TTL_MS
        self._store.put(HashWrite(HEALTH, (self.job.name,), fields), ttl)
        self._store.put(HashWrite(LATENCY, (self.job.name,), self._hops.fields()), ttl)
