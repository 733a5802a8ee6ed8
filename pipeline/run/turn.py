"""What a turn of the runner is made of: how it reads, what it has yielded, and the commit that is under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.batches import HashesWrite
from pipeline.core.errors import Corrupt
from pipeline.core.job import HashWrite, SampleWrite
from pipeline.core.schema import Role, Stream
from pipeline.core.views import RowsWrite
from pipeline.run.sources import Input
from pipeline.store.face import Batch, Commit, EntryId, Fields, Progress


@dataclass(frozen=True, slots=True)
class Pace:
    """How a runner reads: entries per turn, wait for input, and whether merging is behind watermarks."""

    batch: int = 256
    wait_ms: int = 20
    behind_watermarks: bool = False
    is_trimming: bool = True
    until_drained: bool = False


@dataclass(slots=True)
class Pending:
    """What one turn has yielded so far."""

    entries: list[tuple[Stream, EntryId, Fields]] = field(default_factory=list)
    hashes: list[HashWrite] = field(default_factory=list)
    samples: list[SampleWrite] = field(default_factory=list)
    shown: list[RowsWrite] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    told: list[HashesWrite] = field(default_factory=list)

    def show(self, out: Any, job: str) -> None:
        """Take what is shown to people."""
        if isinstance(out, RowsWrite):
            self.shown.append(out)
        elif isinstance(out, HashWrite):
            self.hashes.append(out)
        elif isinstance(out, HashesWrite):
            self.told.append(out)
        elif isinstance(out, SampleWrite):
            self.samples.append(out)
        else:
            raise Corrupt(f"job {job} yielded {type(out).__name__}, which none of its streams takes")

    def commit(self, job: str, role: Role, progress: Progress) -> Commit:
        """Make one commit of it all."""
        return Commit(job, role, progress, self.entries, self.hashes, self.samples, self.shown, self.batches, self.told)


@dataclass(slots=True)
class UnderWay:
    """A commit under way, and what is to be done when it is settled."""

    commit: Commit
    pending: Pending
    inputs: list[Input]
    received_ns: Sequence[int] | None
    read_ns: int
    stepped_ns: int
    committed_ns: int = 0
    """Instants of the monotonic clock; the last is 0 until it has taken place."""
