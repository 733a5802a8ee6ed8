"""The store's twin without Redis: the same face, the same refusals, in dictionaries.

For unit tests, for replay and backtest in one process, and for a machine without Redis. What it holds is
what Redis would hold: encoded fields, not objects, so that both give the same bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import chain

from pipeline.core.errors import Corrupt
from pipeline.core.job import HashWrite
from pipeline.core.schema import Role, Stream
from pipeline.store import codec
from pipeline.store.face import Commit, Entry, EntryId, Progress, merged
from pipeline.store.resp import RowEncoder
from pipeline.store.shown import Encoders, parsed


class MemoryStore:
    """Streams, hashes and samples of one process. Not for threads that write the same job."""

    def __init__(self) -> None:
        self.streams: dict[str, list[tuple[EntryId, dict[bytes, bytes], int]]] = {}
        self.hashes: dict[tuple[Role, str], dict[str, str]] = {}
        self.samples: dict[str, dict[int, float]] = {}
        self._encoders = Encoders()
        self._progress: dict[str, Progress] = {}
        self._snapshots: dict[str, tuple[Progress, bytes]] = {}

    def read(self, wanted: Sequence[tuple[Stream, EntryId]], limit: int, wait_ms: int) -> dict[str, list[Entry]]:  # noqa: ARG002
        out: dict[str, list[Entry]] = {}
        for stream, after in wanted:
            held = self.streams.get(stream.name, [])
            start = bisect_right(held, after, key=lambda item: item[0])
            out[stream.name] = [Entry(i, codec.decode(stream, fields), at) for i, fields, at in held[start : start + limit]]
        return out

    def progress(self, job: str, role: Role) -> Progress:  # noqa: ARG002
        return self._progress.get(job, Progress()).copy()

    def progresses(self, writers: Sequence[tuple[str, Role]]) -> list[tuple[int, str]]:
        known = [self._progress.get(job, Progress()) for job, _ in writers]
        return [(progress.watermark, progress.session) for progress in known]

    def snapshot(self, job: str, role: Role) -> tuple[Progress, bytes] | None:  # noqa: ARG002
        saved = self._snapshots.get(job)
        return None if saved is None else (saved[0].copy(), saved[1])

    def commit(self, commit: Commit, wall_ms: int) -> None:
        hashes = merged(commit.hashes)
        self._check(commit, hashes)
        for stream, entry_id, fields in chain(commit.entries, *(batch.each() for batch in commit.batches)):
            kept = {name: bytes(value) for name, value in fields.items()}
            self.streams.setdefault(stream.name, []).append((entry_id, kept, wall_ms))
        for place, mapping in hashes.items():
            self.hashes.setdefault(place, {}).update(mapping)
        for told in commit.told:
            for labels, mapping in told.each():
                self.hashes.setdefault((commit.role, told.hash.key(*labels)), {}).update(mapping)
        for sample in commit.samples:
            self.samples.setdefault(sample.series.key(*sample.labels), {})[sample.ts] = sample.value
        for write in commit.shown:
            encoder = self._encoders.of(write)
            encoder.take(write)
            self._show(commit.role, encoder)
        self._progress[commit.job] = commit.progress.copy()
        if commit.snapshot is not None:
            self._snapshots[commit.job] = (commit.progress.copy(), commit.snapshot)

    def begin(self, commit: Commit, wall_ms: int) -> None:
        self.commit(commit, wall_ms)

    def settle(self) -> None:
        """A commit to memory is done when it has begun."""

    def _show(self, role: Role, encoder: RowEncoder) -> None:
        """Take what Redis would be sent, and keep what it would keep."""
        for _, key, *fields in parsed(encoder.hashes()[0]):
            text = [part.decode() for part in fields]
            self.hashes.setdefault((role, key.decode()), {}).update(zip(text[::2], text[1::2], strict=True))
        samples, count = encoder.samples()
        flat = parsed(b"*%d\r\n" % (3 * count) + samples)[0]
        for key, ts, value in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            self.samples.setdefault(key.decode(), {})[int(ts)] = float(value)

    def _check(self, commit: Commit, hashes: dict[tuple[Role, str], dict[str, str]]) -> None:
        newest: dict[str, EntryId] = {}
        for stream, entry_id, _ in chain(commit.entries, *(batch.each() for batch in commit.batches)):
            if stream.role is not commit.role:
                raise Corrupt(f"job {commit.job} commits to {commit.role}, but stream {stream.name} lies in {stream.role}")
            held = self.streams.get(stream.name)
            last = newest.get(stream.name, held[-1][0] if held else EntryId(0, 0))
            if entry_id <= last:
                raise Corrupt(f"job {commit.job} writes ids that are there already: another copy of it is running; stop one")
            newest[stream.name] = entry_id
        for role, key in (*hashes, *((told.hash.role, told.hash.template) for told in commit.told)):
            if role is not commit.role:
                raise Corrupt(f"job {commit.job} commits to {commit.role}, but {key} lies in {role}")

    def put(self, write: HashWrite, expire_ms: int | None = None) -> None:  # noqa: ARG002
        for place, mapping in merged([write]).items():
            self.hashes.setdefault(place, {}).update(mapping)

    def show(self, role: Role) -> None:
        """Nothing is held back here."""

    def fetch(self, role: Role, key: str) -> dict[str, str]:
        return dict(self.hashes.get((role, key), {}))

    def trim(self, stream: Stream, keep: int) -> None:
        held = self.streams.get(stream.name, [])
        del held[: max(0, len(held) - keep)]
