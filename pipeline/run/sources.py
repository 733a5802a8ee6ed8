"""Where a job's records come from: streams of the store, or a source outside (the feed, the history).

A stream source merges several inputs. In replay and headless runs it does so *behind watermarks*: an
entry is handed on only when every other input's writer has said that nothing older can come, so the order
is (cause time, place in ``reads``, id) on every machine at every speed. Live it hands entries on as they
arrive. An entry's id carries the time of its cause; that is the time a job is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from pipeline.core.schema import Role, Stream
from pipeline.core.types import TickBatch
from pipeline.store.face import END, ZERO, Entry, EntryId, Store

Listen = Callable[[Sequence[tuple[Stream, EntryId]], int, int], dict[str, list[Entry]]]
"""As :meth:`Store.read`."""


class Input(NamedTuple):
    """One record for a job; ``stream`` is empty when it comes from outside."""

    stream: str
    id: EntryId
    record: Any
    committed_ms: int


class Source(Protocol):
    watermark: int
    """Nothing older than this, and nothing of this instant, will come any more."""

    @property
    def is_over(self) -> bool: ...

    def read(self, limit: int, wait_ms: int) -> list[Input]: ...

    def close(self) -> None: ...


class OutsideSource:
    """Records of the feed or of the history, with their own event time."""

    def __init__(self, read: Callable[[int, float], Sequence[Any]], is_over: Callable[[], bool], close: Callable[[], None]) -> None:
        self._read, self._is_over, self._close = read, is_over, close
        self.watermark = -1

    @property
    def is_over(self) -> bool:
        return self._is_over()

    def read(self, limit: int, wait_ms: int) -> list[Input]:
        out = [Input("", EntryId(record.ts, 0), record, _received_ms(record)) for record in self._read(limit, wait_ms / 1000)]
        for item in out:
            self.watermark = max(self.watermark, item.id.ms - 1)
        return out

    def close(self) -> None:
        self._close()


def _received_ms(record: Any) -> int:
    """Give our receive time of a feed frame, from which its lag counts; 0 for what came otherwise."""
    return record.recv_ms if isinstance(record, TickBatch) else 0


class StreamSource:
    """Entries of a job's input streams, after its cursors."""

    def __init__(
        self,
        store: Store,
        reads: Sequence[Stream],
        *,
        session: str,
        cursors: Mapping[str, EntryId],
        writers: Mapping[str, Role],
        preload: Iterable[Stream] = (),
        behind_watermarks: bool = True,
        listen: Listen | None = None,
    ) -> None:
        """``writers`` gives the role of each job's outputs; a stream whose writer is not in it is taken as ended.

        ``listen`` reads in the store's place, for one that takes entries as they arrive: it may give late what is there already.
        """
        self._store = store
        self._listen = listen or store.read
        self._session = session
        self._preload = tuple(preload)
        self._reads = tuple(reads)
        self._writers = dict(writers)
        self._gated = behind_watermarks and len(self._reads) > 1
        self._at = {s.name: cursors.get(s.name, ZERO) for s in (*self._preload, *self._reads)}
        self._held: dict[str, deque[Entry]] = {s.name: deque() for s in self._reads}
        self._is_preloaded = not self._preload
        self._is_over = False
        self.watermark = -1

    @property
    def is_over(self) -> bool:
        return self._is_over

    @property
    def is_preloaded(self) -> bool:
        return self._is_preloaded

    def close(self) -> None:
        """Nothing to close: the clients belong to the process."""

    def read(self, limit: int, wait_ms: int) -> list[Input]:
        return self._read_merged(limit, wait_ms) if self._is_preloaded else self._read_preload(limit, wait_ms)

    def _read_preload(self, limit: int, wait_ms: int) -> list[Input]:
        marks = self._marks(self._preload)
        fresh = self._store.read([(s, self._at[s.name]) for s in self._preload], limit, wait_ms)
        out = [Input(name, e.id, e.record, e.committed_ms) for name, entries in fresh.items() for e in entries]
        for item in out:
            self._at[item.stream] = item.id
        self._is_preloaded = not out and min(marks) >= END
        return out

    def _read_merged(self, limit: int, wait_ms: int) -> list[Input]:
        marks = dict(zip((s.name for s in self._reads), self._marks(self._reads), strict=True))
        wanted = [(s, self._at[s.name]) for s in self._reads if len(self._held[s.name]) < limit]
        fresh = self._listen(wanted, limit, 0 if any(self._held.values()) and not self._gated else wait_ms) if wanted else {}
        for name, entries in fresh.items():
            self._held[name].extend(entries)
            if entries:
                self._at[name] = entries[-1].id
        # A full read may have left entries behind: then all that is sure is what lies before its last one.
        is_cut = {s.name: s.name not in fresh or len(fresh[s.name]) >= limit for s in self._reads}
        bounds = {name: self._at[name].ms - 1 if cut else marks[name] for name, cut in is_cut.items()}
        out = self._deliver(limit, bounds)
        reached = min(held[0].id.ms - 1 if held else bounds[name] for name, held in self._held.items())
        self.watermark = max(self.watermark, min(reached, END - 1))  # END is said by the job, when it has finished
        self._is_over = not out and reached >= END
        return out

    def _deliver(self, limit: int, bounds: Mapping[str, int]) -> list[Input]:
        """Hand on the oldest held entry, again and again, while no quiet stream could still bring an older one."""
        out: list[Input] = []
        while len(out) < limit:
            heads = [(held[0].id.ms, rank, stream.name) for rank, stream in enumerate(self._reads) if (held := self._held[stream.name])]
            if not heads:
                break
            ms, _, name = min(heads)
            if self._gated and any(ms > bounds[other] for other, held in self._held.items() if not held):
                break
            entry = self._held[name].popleft()
            out.append(Input(name, entry.id, entry.record, entry.committed_ms))
        return out

    def _marks(self, streams: Sequence[Stream]) -> list[int]:
        """Give each stream's watermark: how far its writer has come in this session."""
        known = [(s.writer, self._writers[s.writer]) for s in streams if s.writer in self._writers]
        found = dict(zip(known, self._store.progresses(known), strict=True))
        out = []
        for stream in streams:
            if stream.writer not in self._writers:
                out.append(END)
                continue
            watermark, session = found[stream.writer, self._writers[stream.writer]]
            out.append(watermark if session == self._session else -1)
        return out
