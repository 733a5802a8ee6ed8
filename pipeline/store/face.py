"""What any store must do, and the values that cross its face. Redis and memory both sit its exam.

A commit is all or nothing: entries, readable hashes, samples, progress and snapshot of one job, in one
role. ``Progress.commits`` counts a job's commits, so that after a lost reply the writer can tell whether
its commit took place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.batches import HashesWrite
from pipeline.core.errors import Corrupt
from pipeline.core.job import HashWrite, SampleWrite
from pipeline.core.schema import Role, Stream
from pipeline.core.views import RowsWrite

END = 1 << 53
"""Watermark of a writer that has said its last word."""


class EntryId(NamedTuple):
    """A stream id as two integers; never compare ids as text."""

    ms: int
    seq: int

    @classmethod
    def parse(cls, text: bytes | str) -> EntryId:
        ms, _, seq = (text.decode() if isinstance(text, bytes) else text).partition("-")
        return cls(int(ms), int(seq or 0))

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"

    def following(self, ms: int) -> EntryId:
        """Give the id of the next entry caused at ``ms``; ids never go backwards."""
        return EntryId(ms, 0) if ms > self.ms else EntryId(self.ms, self.seq + 1)


ZERO = EntryId(0, 0)
Part = bytes | memoryview
LARGE = 2_048
"""Bytes of a part that is worth handing on by itself: it is not copied on its way out."""
Fields = dict[bytes, Part]
"""Fields of an entry on its way to a store; large ones need not be copies."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Readable entries of one stream, whose ids follow each other."""

    stream: Stream
    first: EntryId
    values: NDArray[np.uint8]
    ends: NDArray[np.int64]
    """Behind a zero, the end of each value, entry by entry, in order of ``names``."""
    names: tuple[bytes, ...]

    def __len__(self) -> int:
        return (len(self.ends) - 1) // len(self.names)

    @property
    def last(self) -> EntryId:
        return EntryId(self.first.ms, self.first.seq + len(self) - 1)

    def each(self) -> Iterator[tuple[Stream, EntryId, Fields]]:
        """Give the entries one by one."""
        text, width = self.values.tobytes(), len(self.names)
        values = [text[start:end] for start, end in pairwise(self.ends.tolist())]
        for k in range(len(self)):
            named = zip(self.names, values[k * width : (k + 1) * width], strict=True)
            yield self.stream, EntryId(self.first.ms, self.first.seq + k), dict(named)


class Entry(NamedTuple):
    id: EntryId
    record: Any
    committed_ms: int
    """Wall clock of the writer's commit: for measuring lag, never part of a digest."""


@dataclass(slots=True)
class Progress:
    """How far a job has come; readable as the hash ``progress:<job>``."""

    session: str = ""
    commits: int = 0
    watermark: int = -1
    now: int = 0
    cursors: dict[str, EntryId] = field(default_factory=dict)
    consumed: dict[str, int] = field(default_factory=dict)
    last: dict[str, EntryId] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)

    def copy(self) -> Progress:
        return Progress(
            self.session,
            self.commits,
            self.watermark,
            self.now,
            dict(self.cursors),
            dict(self.consumed),
            dict(self.last),
            dict(self.entries),
            dict(self.rows),
            dict(self.digests),
        )

    def to_fields(self) -> dict[str, str]:
        out = {"session": self.session, "commits": str(self.commits), "watermark": str(self.watermark), "now": str(self.now)}
        for name, table in self._tables().items():
            for key, value in table.items():
                out[f"{name}:{key}"] = value.hex() if isinstance(value, bytes) else str(value)
        return out

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> Progress:
        """Read the hash back.

        Raises:
            Corrupt: a field that this program does not know.
        """
        out = cls()
        parsers: dict[str, Any] = {"cursors": EntryId.parse, "last": EntryId.parse, "digests": bytes.fromhex}
        tables = out._tables()
        for key, text in fields.items():
            table, _, stream = key.partition(":")
            if stream and table in tables:
                tables[table][stream] = parsers.get(table, int)(text)
            elif key == "session":
                out.session = text
            elif key in {"commits", "watermark", "now"}:
                setattr(out, key, int(text))
            else:
                raise Corrupt(f"progress field {key!r} is not known: another version wrote here; clear the session first")
        return out

    def _tables(self) -> dict[str, dict[str, Any]]:
        return {
            "cursors": self.cursors,
            "consumed": self.consumed,
            "last": self.last,
            "entries": self.entries,
            "rows": self.rows,
            "digests": self.digests,
        }


@dataclass(slots=True)
class Commit:
    """One atomic step of one job."""

    job: str
    role: Role
    progress: Progress
    entries: Sequence[tuple[Stream, EntryId, Fields]] = ()
    hashes: Sequence[HashWrite] = ()
    samples: Sequence[SampleWrite] = ()
    shown: Sequence[RowsWrite] = ()
    batches: Sequence[Batch] = ()
    """Entries by the batch, behind the single ones."""
    told: Sequence[HashesWrite] = ()
    """Hashes by the batch, likewise."""
    snapshot: bytes | None = None


class Store(Protocol):
    """Streams with cursors, readable hashes, samples."""

    def read(self, wanted: Sequence[tuple[Stream, EntryId]], limit: int, wait_ms: int) -> dict[str, list[Entry]]:
        """Give up to ``limit`` entries after each cursor, oldest first; wait for the first one at most ``wait_ms``."""
        ...

    def progress(self, job: str, role: Role) -> Progress:
        """Give a job's progress; a fresh one when it never committed."""
        ...

    def progresses(self, writers: Sequence[tuple[str, Role]]) -> list[tuple[int, str]]:
        """Give (watermark, session) of several jobs, read together."""
        ...

    def snapshot(self, job: str, role: Role) -> tuple[Progress, bytes] | None:
        """Give the saved state and the progress at which it was saved."""
        ...

    def commit(self, commit: Commit, wall_ms: int) -> None:
        """Do all of it or nothing."""
        ...

    def begin(self, commit: Commit, wall_ms: int) -> None:
        """Send a commit off; one at a time. What it holds must not change until it is settled."""
        ...

    def settle(self) -> None:
        """Wait until the commit that was begun has taken place; nothing when there is none."""
        ...

    def put(self, write: HashWrite, expire_ms: int | None = None) -> None:
        """Write one readable hash outside a commit (health, session); never anything correctness rests on."""
        ...

    def show(self, role: Role) -> None:
        """Write the newest rows that were held back for their turn: said when it is quiet."""
        ...

    def fetch(self, role: Role, key: str) -> dict[str, str]:
        """Read one hash."""
        ...

    def trim(self, stream: Stream, keep: int) -> None:
        """Drop the oldest entries, leaving at least ``keep``."""
        ...


def merged(hashes: Sequence[HashWrite]) -> dict[tuple[Role, str], dict[str, str]]:
    """Fold hash writes so that each key is written once, the newest value winning."""
    folded: dict[tuple[Role, str], dict[str, str | int | float]] = {}
    for write in hashes:
        if write.hash.role is None:
            raise Corrupt(f"hash {write.hash.template} belongs to the machinery, a job may not write it")
        folded.setdefault((write.hash.role, write.hash.key(*write.labels)), {}).update(write.fields)
    return {place: {n: repr(v) if isinstance(v, float) else str(v) for n, v in fields.items()} for place, fields in folded.items()}
