"""The recorder: what the feed brought, as it was committed, into day files.

Reads   frames, history (streams), reg:instruments, session (hashes), progress of every job
Writes  <recordings>/<date>-<maker>.ttday (``store/dayfile.py``), health:recorder
Cursor  the file itself: a start goes on after its last whole record, so a kill doubles nothing and loses nothing that
        Redis still holds. What was trimmed before it could be read is a HOLE in the file and an error in the log;
        what Redis has lost (its disk was behind ours) is taken off the file again.

At the end of the day the digests of all streams are the last record: `ticktick replay FILE --verify` compares with them.
Never touches a stream; never changes what is in the middle of a file.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from zlib import crc32

from pipeline import __version__
from pipeline.core.errors import Ambiguous, Refused, Stopped
from pipeline.core.feed import FeedEvent
from pipeline.core.job import HashWrite
from pipeline.core.schema import FRAMES, HEALTH, HISTORY, SESSION, Role, Stream
from pipeline.run import universe
from pipeline.run.dayfacts import Tally, Task, choose
from pipeline.run.discovery import jobs
from pipeline.run.options import Settings
from pipeline.run.waiting import await_store
from pipeline.store.dayfile import Record, RecordKind
from pipeline.store.daywriter import DayWriter
from pipeline.store.face import END, ZERO, Entry, EntryId, Progress, Store

log = logging.getLogger("ticktick.recorder")

NAME = "recorder"
READ = 500
WAIT_MS = 100
PAUSE_S = 0.02
BEAT_S = 1.0
HEALTH_TTL_MS = 15_000


def require_enabled(settings: Settings) -> None:
    """Say what to set when the feed is not put on the stream.

    Raises:
        Refused: [recorder] is off.
    """
    if not settings.recorder.enabled:
        raise Refused("the recorder is off: set [recorder] enabled = true (or TICKTICK__RECORDER__ENABLED=true) for every process")


class Recorder:
    """Drains the streams into one day file.

    Raises:
        Stopped: the folder or file cannot be written, or another recorder writes it; a supervisor tries again.
    """

    def __init__(self, store: Store, task: Task) -> None:
        self._store, self._task = store, task
        self._roles = {name: job.writes[0].role for name, job in jobs().items()}
        self.path, is_new = choose(task.folder, task.facts)
        if is_new:
            DayWriter.create(self.path, task.facts)
        self.is_done = False
        self.last_error = ""
        self._beat_at = 0.0
        self._ended_at: float | None = None
        self._open(None)
        if self.writer.cut_bytes and not is_new:
            log.warning("torn tail taken off the day file", extra={"fields": {"file": self.path.name, "bytes": self.writer.cut_bytes}})
        self._agree()
        log.info("ready", extra={"fields": {"job": NAME, "file": str(self.path), "events": self.tally.entries.get(FRAMES.name, 0)}})

    def _open(self, upto: EntryId | None) -> None:
        self.tally = Tally(instruments=list(self._task.facts["instruments"]))
        self.writer = DayWriter(self.path, note=self.tally.note, upto=upto, level=self._task.level)

    # ------------------------------------------------------------------ the loop

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Record until the day is over or somebody asks to stop; then end the file."""
        try:
            while not should_stop() and not self.is_done:
                try:
                    if not self.turn(WAIT_MS):
                        time.sleep(PAUSE_S)
                except Ambiguous as error:
                    self._await_store(str(error), should_stop)
        finally:
            self.close()

    def turn(self, wait_ms: int) -> bool:
        """Read once and write what came. Tell whether anything did."""
        self._beat()
        self.writer.tend()
        # The history first and to its end: then two records of one day have the same order.
        entries = self._fresh(HISTORY, 0) or self._fresh(FRAMES, 0)
        if not entries and not self._finish():
            entries = self._fresh(FRAMES, wait_ms)
        for entry in entries:
            self.writer.append(_record_of(entry))
        if self.is_done:
            self.close()
            self._beat()
        return bool(entries) or self.is_done

    def close(self) -> None:
        """End the file with its index."""
        self.writer.close()

    def _fresh(self, stream: Stream, wait_ms: int) -> list[Entry]:
        """Give the next entries of this session, after noting those that are gone."""
        cursor = self.tally.last.get(stream.name, ZERO)
        if cursor == ZERO and self._progress(stream).session != self._task.session:
            return []  # what is there is of a day before; its successor has not begun
        entries = self._store.read([(stream, cursor)], READ, wait_ms)[stream.name]
        if not entries or self._oldest(stream) <= cursor:
            return entries  # what the file ends with is still there: nothing lies between
        progress = self._progress(stream)
        while entries[-1].id < progress.last.get(stream.name, ZERO):
            more = self._store.read([(stream, entries[-1].id)], READ, 0)[stream.name]
            if not more:
                break
            entries += more
        # The writer counts its entries: those that we neither hold nor read now were trimmed, those too many are older.
        written = sum(entry.id <= progress.last.get(stream.name, ZERO) for entry in entries)
        missed = progress.entries.get(stream.name, 0) - written - self.tally.entries.get(stream.name, 0)
        entries = entries[max(0, written - progress.entries.get(stream.name, 0)) :]
        if missed > 0 and entries:
            self._note_hole(stream, cursor, entries[0].id, missed)
        return entries

    def _oldest(self, stream: Stream) -> EntryId:
        found = self._store.read([(stream, ZERO)], 1, 0)[stream.name]
        return found[0].id if found else ZERO

    def _progress(self, stream: Stream) -> Progress:
        return self._store.progress(stream.writer, self._roles[stream.writer])

    def _note_hole(self, stream: Stream, after: EntryId, before: EntryId, missed: int) -> None:
        hole: dict[str, str | int] = {"stream": stream.name, "after": str(after), "before": str(before), "missed": missed}
        self.last_error = f"{missed} entries of {stream.name} were trimmed before they were recorded"
        log.error(self.last_error, extra={"fields": hole})
        self.writer.append(Record(RecordKind.HOLE, before, recv_ms=_wall_ms(), body=_json(hole)))

    # ------------------------------------------------------------------ the end of the day

    def _finish(self) -> bool:
        """When the feed is over and drained, wait for the others, then write down their digests."""
        feed = self._progress(FRAMES)
        if (
            feed.session != self._task.session
            or feed.watermark < END
            or feed.last.get(FRAMES.name, ZERO) > self.tally.last.get(FRAMES.name, ZERO)
        ):
            return False
        if self._ended_at is None:
            self._ended_at = time.monotonic()
            self.writer.flush()
        ended = [
            p
            for name, role in self._roles.items()
            if (p := self._store.progress(name, role)).session == feed.session and p.watermark >= END
        ]
        is_late = self._task.settle_s is not None and time.monotonic() - self._ended_at > self._task.settle_s
        if len(ended) < len(self._roles) and not is_late:
            return False
        digests = {name: digest.hex() for progress in ended for name, digest in progress.digests.items()}
        self._judge(feed)
        if not self.tally.has_digests:
            self.writer.append(Record(RecordKind.DIGESTS, recv_ms=_wall_ms(), body=_json(digests)))
        self.is_done = True
        log.info("day recorded", extra={"fields": {"file": str(self.path), "events": self.tally.entries.get(FRAMES.name, 0)}})
        return True

    def _judge(self, feed: Progress) -> None:
        """Compare the file with what was committed: the digest of all its events is that of the stream."""
        if not self.tally.entries.get(FRAMES.name):
            self.last_error = "no frames came: was the feed's process started with [recorder] enabled = true?"
            log.error(self.last_error)
        elif self.tally.holes == 0 and self.tally.digest != feed.digests.get(FRAMES.name):
            self.last_error = "the day file differs from what was committed: replay it with --verify to see where"
            log.error(self.last_error)

    # ------------------------------------------------------------------ Redis away and back

    def _await_store(self, reason: str, should_stop: Callable[[], bool]) -> None:
        self.last_error = reason
        log.error(reason, extra={"fields": {"job": NAME}})
        # The writer may be another one after an agreement: asked for anew each time.
        if not await_store(NAME, self._agree, should_stop, lambda: self.writer.tend()):  # noqa: PLW0108
            raise Stopped("the recorder was stopped while Redis was away: what it had is in the file")
        self.last_error = ""

    def _agree(self) -> None:
        """Take off the file what Redis no longer has: a crash may have cost it what was not on its disk yet.

        Raises:
            Stopped: Redis holds another run by now.
        """
        run = self._store.fetch(Role.DERIVED, SESSION.key()).get("started_ms", "")
        if run != self._task.facts["run"]:
            raise Stopped("Redis holds another session by now: the recorder starts a new file when it is started again")
        upto = self._confirmed()
        if upto is not None:
            log.error("Redis has lost what came after this: taken off the day file", extra={"fields": {"after": str(upto)}})
            self.writer.flush()
            self.writer.abandon()
            self._open(upto)

    def _confirmed(self) -> EntryId | None:
        """Find the last event that Redis holds as the file does; None when that is the file's last."""
        recent = list(self.tally.recent)
        if len(recent) < 2:
            return None
        (after, _), *later = recent
        found: dict[EntryId, int] = {}
        oldest, at = self._oldest(FRAMES), after
        while at < later[-1][0] and (entries := self._store.read([(FRAMES, at)], READ, 0)[FRAMES.name]):
            found |= {entry.id: crc32(entry.record.body) for entry in entries}
            at = entries[-1].id
        for entry_id, crc in later:
            if entry_id >= oldest and found.get(entry_id) != crc:
                return after
            after = entry_id
        return None

    # ------------------------------------------------------------------ health

    def _beat(self) -> None:
        """Say how we are about once a second, and look whether the watchlist has grown."""
        if time.monotonic() - self._beat_at < BEAT_S and not self.is_done:
            return
        self._beat_at = time.monotonic()
        if not self.is_done:
            self._note_instruments()
        fields: dict[str, str | int | float] = {
            "pid": os.getpid(),
            "version": __version__,
            "mode": str(self._task.facts["mode"]),
            "session": self._task.session,
            "at_ms": _wall_ms(),
            "now_ms": self.tally.now_ms,
            "entries": self.tally.entries.get(FRAMES.name, 0),
            "is_done": int(self.is_done),
            "last_error": self.last_error,
            "file": self.path.name,
            "bytes": self.writer.size,
            "holes": self.tally.holes,
        }
        self._store.put(HashWrite(HEALTH, (NAME,), fields), None if self.is_done else HEALTH_TTL_MS)

    def _note_instruments(self) -> None:
        try:
            rows = [asdict(i) for i in universe.load(self._store, self._task.date)]
        except Refused:
            return  # another day's are there already: this day's are in the file
        if rows != self.tally.instruments:
            self.writer.append(Record(RecordKind.INSTRUMENTS, recv_ms=_wall_ms(), body=_json(rows)))


def _record_of(entry: Entry) -> Record:
    record = entry.record
    if isinstance(record, FeedEvent):
        return Record.of(entry.id, record)
    return Record(RecordKind.HISTORY, entry.id, record.ts, body=record.rows.tobytes())


def _json(plain: Any) -> bytes:
    return json.dumps(plain, separators=(",", ":"), sort_keys=True).encode()


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
