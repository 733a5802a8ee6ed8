"""The audit: every order-relevant record, as it was committed, into a file that shows whether it was changed.

Reads   the durable trading streams (recommendations, answers, intents, denials, order events, fills ...), session
Writes  <audit>/audit-<date>-<mode>.jsonl (store/chainfile.py): one line a record; the hash ``audit`` (file, lines, head); health:audit
Cursor  the file itself: a start goes on after the last record of each stream that its whole lines hold, so a kill doubles nothing and loses
        nothing. The first line names the file before it and its head, so that a day cannot be taken out of the row.

What Redis has lost (its disk was behind ours) stays in the file, with a note: an audit forgets nothing.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.core.errors import Ambiguous, Refused, Stopped
from pipeline.core.job import HashWrite
from pipeline.core.schema import AUDIT, FEEDS_NO_ORDERS, HEALTH, SESSION, STREAMS, Role, Stream
from pipeline.core.session import ist_ms
from pipeline.run.discovery import jobs
from pipeline.run.waiting import await_store
from pipeline.store.chainfile import ChainWriter, Head, links, verify
from pipeline.store.face import END, ZERO, EntryId, Store

log = logging.getLogger("ticktick.audit")

NAME = "audit"
READ = 500
WAIT_MS = 200
BEAT_S = 1.0
HEALTH_TTL_MS = 15_000
AUDITED: tuple[Stream, ...] = tuple(s for s in STREAMS if s.is_durable and s not in FEEDS_NO_ORDERS)


@dataclass(frozen=True, slots=True)
class Task:
    """Which run is audited, and where to. ``run`` tells it from another run of the same day."""

    folder: Path
    date: str
    mode: str
    session: str
    run: str
    until_drained: bool


def task_of(folder: Path, store: Store, session: str, *, until_drained: bool) -> Task:
    """Put together what to audit.

    Raises:
        Stopped: nobody has announced the session yet; it may be started again.
    """
    date, _, mode = session.partition(" ")
    told = store.fetch(Role.DERIVED, SESSION.key())
    if told.get("session") != session or not told.get("started_ms"):
        raise Stopped(f"the session {session} is not announced yet: run scripts/historical_data_fetcher.py, then start the audit again")
    return Task(folder, date, mode, session, told["started_ms"], until_drained)


class Auditor:
    """Drains the streams into one file.

    Raises:
        Broken: the file of this run was changed. Stopped: it cannot be written.
    """

    def __init__(self, store: Store, task: Task) -> None:
        self._store, self._task = store, task
        self._roles = {name: job.writes[0].role for name, job in jobs().items()}
        self.last_error = ""
        self._beat_at = 0.0
        path, before = choose(task)
        self.writer = ChainWriter(path)
        # What lies before this day belongs to the audits before it.
        self._begin = EntryId(ist_ms(task.date, "00:00"), 0)
        self._cursors = {stream.name: self._begin for stream in AUDITED}
        for row in self.writer.rows:
            if "stream" in row:
                self._cursors[row["stream"]] = EntryId.parse(row["id"])
        if not self.writer.rows:
            facts = {"session": task.session, "run": task.run, "program": __version__, "before": before}
            self.writer.append([{"kind": "begin", **facts}])
        elif self.writer.torn_bytes:
            log.warning("torn tail taken off the audit", extra={"fields": {"file": path.name, "bytes": self.writer.torn_bytes}})
            self.writer.append([{"kind": "note", "words": f"{self.writer.torn_bytes} bytes of an unfinished line were cut off"}])
        self.writer.rows.clear()
        self._agree()
        log.info("ready", extra={"fields": {"job": NAME, "file": str(path), "records": self.writer.head.lines}})

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Keep the audit until asked to stop, or (a run that drains) until every process has said its last word."""
        try:
            while not should_stop():
                try:
                    if not self.turn(WAIT_MS) and self._task.until_drained and self._is_over():
                        break
                except Ambiguous as error:
                    self._await_store(str(error), should_stop)
        finally:
            self._beat(is_done=True)
            self.writer.close()

    def turn(self, wait_ms: int) -> bool:
        """Read once and write what came, oldest first. Tell whether anything did."""
        self._beat(is_done=False)
        found = self._store.read([(stream, self._cursors[stream.name]) for stream in AUDITED], READ, wait_ms)
        rows = [(entry.id, at, stream.name, entry) for at, stream in enumerate(AUDITED) for entry in found[stream.name]]
        rows.sort(key=lambda row: row[:2])
        # Redis first shows what is committed: what is read can be written down.
        self.writer.append(
            [{"kind": "record", "stream": name, "id": str(i), "at": e.committed_ms, "record": asdict(e.record)} for i, _, name, e in rows]
        )
        for entry_id, _, name, _ in rows:
            self._cursors[name] = entry_id
        if rows:
            self._tell()
        return bool(rows)

    def _is_over(self) -> bool:
        """Every process is done, and nothing came after that was seen."""
        known = self._store.progresses(list(self._roles.items()))
        is_over = all(session == self._task.session and watermark >= END for watermark, session in known)
        return is_over and not self.turn(0)

    def _agree(self) -> None:
        """Go back where Redis holds less than the file: what it lost may be told again under the same ids."""
        for stream in AUDITED:
            if stream.writer not in self._roles:
                continue  # people's streams have no progress; an answer that was lost is not told again
            progress = self._store.progress(stream.writer, self._roles[stream.writer])
            last = progress.last.get(stream.name, ZERO) if progress.session == self._task.session else ZERO
            last = max(last, self._begin)
            if last < self._cursors[stream.name]:
                words = f"Redis holds {stream.name} up to {last}, the audit up to {self._cursors[stream.name]}"
                log.error("%s: it has lost records, which stay in the audit", words)
                self.writer.append([{"kind": "note", "words": words}])
                self._cursors[stream.name] = last
        self._tell()

    def _await_store(self, reason: str, should_stop: Callable[[], bool]) -> None:
        self.last_error = reason
        log.error(reason, extra={"fields": {"job": NAME}})
        if await_store(NAME, self._agree, should_stop):
            self.last_error = ""

    def _tell(self) -> None:
        """Keep the head outside the file, so that a cut end shows."""
        head = self.writer.head
        self._store.put(HashWrite(AUDIT, (), {"file": self.writer.path.name, "lines": head.lines, "head": head.digest}))

    def _beat(self, *, is_done: bool) -> None:
        if time.monotonic() - self._beat_at < BEAT_S and not is_done:
            return
        self._beat_at = time.monotonic()
        fields: dict[str, str | int | float] = {
            "pid": os.getpid(),
            "version": __version__,
            "mode": self._task.mode,
            "session": self._task.session,
            "at_ms": time.time_ns() // 1_000_000,
            "entries": self.writer.head.lines,
            "is_done": int(is_done),
            "last_error": self.last_error,
        }
        try:
            self._store.put(HashWrite(HEALTH, (NAME,), fields), None if is_done else HEALTH_TTL_MS)
        except Ambiguous:
            if not is_done:
                raise


def choose(task: Task) -> tuple[Path, dict[str, Any]]:
    """Find the file of this run, or a name for a new one; give also the file before it and its head."""
    for number in count(1):
        path = task.folder / f"audit-{task.date}-{task.mode}{f'-{number}' if number > 1 else ''}.jsonl"
        first = first_line(path)
        if first is None or first.get("run") == task.run:
            return path, newest_before(task.folder, path)
    raise AssertionError


def first_line(path: Path) -> dict[str, Any] | None:
    """Give the first line of a file; None when there is none, or nothing whole in it."""
    try:
        with path.open("rb") as file:
            content = file.readline()
    except OSError:
        return None
    try:
        return next((row for _, row in links(content)), None)
    except Refused:
        return {}  # changed: it belongs to no run of ours


def newest_before(folder: Path, path: Path) -> dict[str, Any]:
    """Name the audit before this one, by its date and number, and its head."""
    earlier = [other for other in files_in(folder) if sort_key(other) < sort_key(path)]
    if not earlier:
        return {"file": "", "head": Head().digest}
    found = verify(earlier[-1].read_bytes())
    if found.broken:
        log.error("the audit before this one is broken", extra={"fields": {"file": earlier[-1].name, "why": found.broken}})
    return {"file": earlier[-1].name, "head": found.head.digest}


_NAME = re.compile(r"audit-(\d{4}-\d{2}-\d{2})-([a-z]+(?:-[a-z]+)?)(?:-(\d+))?\.jsonl")


def files_in(folder: Path) -> list[Path]:
    """Give all audits of a folder, oldest first."""
    return sorted((path for path in folder.glob("audit-*.jsonl") if _NAME.fullmatch(path.name)), key=sort_key)


def sort_key(path: Path) -> tuple[str, str, int]:
    found = _NAME.fullmatch(path.name)
    return ("", "", 0) if found is None else (found[1], found[2], int(found[3] or 1))
