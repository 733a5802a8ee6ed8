"""Streams in Redis: read from a cursor; commit outputs, views, cursor and snapshot in one MULTI.

No consumer groups: one writer and one cursor per job, stored beside the job's output, is simpler, faster
and exact. Ids are explicit, so a repeated write is refused by Redis itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import redis

from pipeline.core.errors import Ambiguous, Corrupt, Refused
from pipeline.core.job import HashWrite
from pipeline.core.schema import PROGRESS, SNAPSHOT, Role, Stream
from pipeline.store import batch, codec
from pipeline.store.client import Clients
from pipeline.store.face import END, Commit, Entry, EntryId, Part, Progress, merged
from pipeline.store.pipe import Guard, Pipe
from pipeline.store.resp import bulk, command, pieces
from pipeline.store.series import SeriesWriter, madd
from pipeline.store.shown import RowsWriter, Shown

AT = b"at"
"""Field of every entry: wall clock of its commit; not part of the record, nor of a digest."""


@contextmanager
def reachable() -> Iterator[None]:
    """Turn a lost server into Ambiguous (a write may have happened) and a refusing one into Refused."""
    try:
        yield
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
        raise Ambiguous(f"Redis is away ({str(error).splitlines()[0][:120]}): start it again, nothing committed is lost") from error
    except redis.exceptions.ResponseError as error:
        raise Refused(f"Redis refuses ({str(error)[:160]}): check its memory limit, disk and access list") from error


class _UnderWay(NamedTuple):
    """A commit that was sent and not answered yet."""

    commit: Commit
    samples: list[Any]
    shown: list[Shown]
    fixed: int
    """Answers before those of ``shown``."""


class RedisStore:
    """The store over three roles. A lost connection is Ambiguous; the caller decides, nothing is resent here."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._pipes = {role: Pipe(client) for role, client in clients.items()}
        self._series = {role: SeriesWriter(pipe) for role, pipe in self._pipes.items()}
        self._rows = {role: RowsWriter(series) for role, series in self._series.items()}
        self._under_way: _UnderWay | None = None

    def rest_on(self, role: Role, guard: Guard) -> None:
        """From now on no commit to a role takes place, not in part either, unless the guard stands."""
        self._pipes[role].guard = guard

    def read(self, wanted: Sequence[tuple[Stream, EntryId]], limit: int, wait_ms: int) -> dict[str, list[Entry]]:
        with reachable():
            by_role: dict[Role, list[tuple[Stream, EntryId]]] = {}
            for stream, after in wanted:
                by_role.setdefault(stream.role, []).append((stream, after))
            out: dict[str, list[Entry]] = {stream.name: [] for stream, _ in wanted}
            # Quiet roles first, without waiting; then wait on the role of the first stream.
            for index, role in enumerate(sorted(by_role, key=lambda r: r is wanted[0][0].role)):
                is_last = index == len(by_role) - 1
                block = wait_ms if is_last and wait_ms > 0 and not any(out.values()) else None
                streams = {stream.name: stream for stream, _ in by_role[role]}
                ids: Any = {stream.name: str(after) for stream, after in by_role[role]}
                reply: Any = self._clients[role].xread(ids, count=limit, block=block)
                for name, entries in reply or ():
                    stream = streams[name.decode()]
                    out[stream.name] = [entry_of(stream, raw_id, fields) for raw_id, fields in entries]
            return out

    def progress(self, job: str, role: Role) -> Progress:
        with reachable():
            fields: Any = self._clients[role].hgetall(PROGRESS.key(job))
            return Progress.from_fields(_text(fields))

    def progresses(self, writers: Sequence[tuple[str, Role]]) -> list[tuple[int, str]]:
        with reachable():
            out: dict[tuple[str, Role], tuple[int, str]] = {}
            for role in dict.fromkeys(role for _, role in writers):
                mine = [job for job, its_role in writers if its_role is role]
                pipe = self._clients[role].pipeline(transaction=False)
                for job in mine:
                    pipe.hmget(PROGRESS.key(job), "watermark", "session")
                for job, (watermark, session) in zip(mine, pipe.execute(), strict=True):
                    out[job, role] = (int(watermark) if watermark is not None else -1, session.decode() if session is not None else "")
            return [out[writer] for writer in writers]

    def snapshot(self, job: str, role: Role) -> tuple[Progress, bytes] | None:
        with reachable():
            fields: Any = self._clients[role].hgetall(SNAPSHOT.key(job))
            if not fields:
                return None
            return Progress.from_fields(json.loads(fields[b"progress"])), fields[b"state"]

    def commit(self, commit: Commit, wall_ms: int) -> None:
        self.begin(commit, wall_ms)
        self.settle()

    def begin(self, commit: Commit, wall_ms: int) -> None:
        if self._under_way is not None:
            raise Corrupt(f"job {commit.job} begins a commit before the one before it is settled")
        with reachable():
            samples = self._series[commit.role].prepare(commit.samples)
            shown = self._rows[commit.role].prepare(commit.shown, is_last=commit.progress.watermark >= END)
            commands, fixed = _commands(commit, wall_ms)
            if samples:
                commands.append(madd(samples))
                fixed += 1
            for part in shown:
                commands += part.parts
            self._pipes[commit.role].send(commands)
            self._under_way = _UnderWay(commit, samples, shown, fixed)

    def settle(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is None:
            return
        commit, samples, shown, fixed = under_way
        with reachable():
            answers = self._pipes[commit.role].answers(fixed + sum(part.count for part in shown))
            for answer in answers:
                if isinstance(answer, redis.exceptions.ResponseError):
                    if "equal or smaller" in str(answer):
                        raise Corrupt(
                            f"job {commit.job} writes ids that are there already: another copy of it is running; stop one"
                        ) from answer
                    raise answer
            if samples:
                self._series[commit.role].settle(samples, answers[fixed - 1])
            at = fixed
            for part in shown:
                self._rows[commit.role].settle(part, answers[at : at + part.count])
                at += part.count

    def put(self, write: HashWrite, expire_ms: int | None = None) -> None:
        with reachable():
            for (role, key), mapping in merged([write]).items():
                pipe = self._clients[role].pipeline(transaction=False)
                pipe.hset(key, mapping=mapping)  # type: ignore[arg-type]
                if expire_ms is None:
                    pipe.persist(key)
                else:
                    pipe.pexpire(key, expire_ms)
                pipe.execute()

    def show(self, role: Role) -> None:
        with reachable():
            shown = self._rows[role].prepare([]) if self._under_way is None else []
            if shown:
                self._pipes[role].transaction([part.hashes for part in shown], sum(part.hash_count for part in shown))

    def fetch(self, role: Role, key: str) -> dict[str, str]:
        with reachable():
            fields: Any = self._clients[role].hgetall(key)
            return _text(fields)

    def trim(self, stream: Stream, keep: int) -> None:
        with reachable():
            self._clients[stream.role].xtrim(stream.name, maxlen=keep, approximate=True)


def _commands(commit: Commit, wall_ms: int) -> tuple[list[Part], int]:
    """Write the commands of a commit that do not depend on what the server holds, in pieces; give their number too."""
    out: list[Part] = []
    hashes = merged(commit.hashes)
    at = b"%d" % wall_ms
    for stream, entry_id, fields in commit.entries:
        if stream.role is not commit.role:
            raise Corrupt(f"job {commit.job} commits to {commit.role}, but stream {stream.name} lies in {stream.role}")
        out += pieces(_xadd(stream.name, len(fields)), (b"%d-%d" % entry_id, *chain.from_iterable(fields.items()), AT, at))
    for (role, key), mapping in hashes.items():
        if role is not commit.role:
            raise Corrupt(f"job {commit.job} commits to {commit.role}, but {key} lies in {role}")
        out.append(_hset(key, mapping))
    many, count = _batches(commit, at)
    out += many
    progress = commit.progress.to_fields()
    out.append(_hset(PROGRESS.key(commit.job), progress))
    if commit.snapshot is not None:
        saved = (b"progress", json.dumps(progress).encode(), b"state", commit.snapshot)
        out += pieces(b"*6\r\n$4\r\nHSET\r\n" + bulk(SNAPSHOT.key(commit.job)), saved)
    return out, count + len(commit.entries) + len(hashes) + 1 + (commit.snapshot is not None)


def _batches(commit: Commit, at: bytes) -> tuple[list[Part], int]:
    """Write entries and hashes that come by the batch; give the number of commands too."""
    for name, role in (
        *((f"stream {b.stream.name}", b.stream.role) for b in commit.batches),
        *((t.hash.template, t.hash.role) for t in commit.told),
    ):
        if role is not commit.role:
            raise Corrupt(f"job {commit.job} commits to {commit.role}, but {name} lies in {role}")
    entries = [batch.xadds(each, bulk(AT) + bulk(at)) for each in commit.batches]
    hashes = [batch.hsets(each) for each in commit.told]
    return [*entries, *(text for text, _ in hashes)], sum(map(len, commit.batches)) + sum(count for _, count in hashes)


@lru_cache(maxsize=64)
def _xadd(name: str, fields: int) -> bytes:
    """Write the beginning of an entry of so many fields, and the one of its commit."""
    return b"*%d\r\n$4\r\nXADD\r\n" % (5 + 2 * fields) + bulk(name)


def _hset(key: str, mapping: Mapping[str, str]) -> bytes:
    return command(b"HSET", key.encode(), *(part.encode() for pair in mapping.items() for part in pair))


def entry_of(stream: Stream, raw_id: bytes, fields: dict[bytes, bytes]) -> Entry:
    """Read one entry as Redis gives it."""
    at = fields.pop(AT, b"0")
    return Entry(EntryId.parse(raw_id), codec.decode(stream, fields), int(at))


def _text(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
