"""What a day file is of, and what it holds: its header, its name, and the count of its records.

The header has session, run (one start of a day from another of the same date), date, mode, maker, is_headless, program,
the parameters by their dotted names and the watchlist.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

from pipeline import __version__
from pipeline.core.errors import Refused
from pipeline.core.params import Params
from pipeline.core.schema import FRAMES, HISTORY, SESSION, Role, Stream
from pipeline.core.types import Instrument
from pipeline.run.options import DERIVED, Settings
from pipeline.store import codec
from pipeline.store.dayfile import SUFFIX, DayFile, Record, RecordKind
from pipeline.store.face import EntryId, Store

SETTLE_S = 60.0
"""Live, how long the other processes may take to finish the day after the feed's end."""
RECENT = 2_000
"""Events that are compared with Redis after it was away: more than its log loses in a crash."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is recorded, and where to."""

    folder: Path
    facts: dict[str, Any]
    """The header of the file: see :func:`task_of`."""
    level: int = 3
    settle_s: float | None = SETTLE_S
    """None: wait for every process, as a headless run can."""

    @property
    def session(self) -> str:
        return str(self.facts["session"])

    @property
    def date(self) -> str:
        return str(self.facts["date"])


def task_of(settings: Settings, store: Store, session: str, instruments: tuple[Instrument, ...], *, is_headless: bool) -> Task:
    """Put together what to record. ``run`` tells this run from another one of the same day."""
    facts = {
        "session": session,
        "run": store.fetch(Role.DERIVED, SESSION.key()).get("started_ms", ""),
        "date": session.partition(" ")[0],
        "mode": settings.mode,
        "maker": settings.maker,
        "is_headless": is_headless,
        "program": __version__,
        "parameters": flat(settings.params),
        "instruments": [asdict(i) for i in instruments],
    }
    return Task(settings.paths.recordings, facts, settings.recorder.level, None if is_headless else SETTLE_S)


def flat(params: Params) -> dict[str, Any]:
    """Give every parameter by its dotted name, as settings take it."""
    out: dict[str, Any] = {"feed.plan": params.risk.plan}
    for section, values in asdict(params).items():
        out |= {f"{section}.{name}": list(v) if isinstance(v, tuple) else v for name, v in values.items() if name not in DERIVED}
    for strategy, pairs in params.filter.strategy_params:
        out |= {f"strategies.{strategy}.{name}": value for name, value in pairs}
    return out


def choose(folder: Path, facts: dict[str, Any]) -> tuple[Path, bool]:
    """Find the file of this run, or a name for a new one; tell whether it is new. No recording is ever written over."""
    slug = re.sub(r"[^a-z0-9]+", "-", str(facts["maker"]).lower()).strip("-")[:40] or str(facts["mode"])
    for number in count(1):
        path = folder / f"{facts['date']}-{slug}{f'-{number}' if number > 1 else ''}{SUFFIX}"
        if not path.exists():
            return path, True
        try:
            with DayFile(path) as held:
                if (held.facts["session"], held.facts["run"]) == (facts["session"], facts["run"]):
                    return path, False
        except (Refused, KeyError):
            continue  # none of ours, or beyond repair: it stays as it is
    raise AssertionError


@dataclass(slots=True)
class Tally:
    """What the file holds, kept as records go by."""

    last: dict[str, EntryId] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    """Entries of the session up to ``last``, those of holes included."""
    instruments: list[Any] = field(default_factory=list)
    recent: deque[tuple[EntryId, int]] = field(default_factory=lambda: deque(maxlen=RECENT))
    digest: bytes = b""
    """The digest of ``frames``, as its writer makes it."""
    holes: int = 0
    now_ms: int = 0
    has_digests: bool = False

    def note(self, record: Record) -> None:
        if record.kind is RecordKind.EVENT:
            self._count(FRAMES, record.id)
            self.recent.append((record.id, crc32(record.body)))
            fields = codec.encode(FRAMES, record.feed_event())
            self.digest = codec.chain(self.digest, str(record.id).encode(), codec.canonical(FRAMES, fields))
            self.now_ms = record.ts
        elif record.kind is RecordKind.HISTORY:
            self._count(HISTORY, record.id)
        elif record.kind is RecordKind.INSTRUMENTS:
            self.instruments = json.loads(record.body)
        elif record.kind is RecordKind.HOLE:
            hole = json.loads(record.body)
            self.entries[hole["stream"]] = self.entries.get(hole["stream"], 0) + int(hole["missed"])
            self.holes += 1
        elif record.kind is RecordKind.DIGESTS:
            self.has_digests = True

    def _count(self, stream: Stream, entry_id: EntryId) -> None:
        self.last[stream.name] = entry_id
        self.entries[stream.name] = self.entries.get(stream.name, 0) + 1
