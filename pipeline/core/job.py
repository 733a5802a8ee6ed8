"""What a process is: a pure step over records. The runner owns everything else.

    step(state, record, now) -> outputs

``now`` is the record's event time; nothing in a job asks a clock. Outputs are records (each goes to the
one stream of ``writes`` whose record type it is), readable hashes and TimeSeries samples, or
many of these in one value (``core/batches.py``, ``core/views.py``). They are committed together with the
cursor in one MULTI; entries of one stream stand in the order they were yielded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.batches import HashesWrite, Records
from pipeline.core.params import Params
from pipeline.core.schema import HashKey, Series, Stream
from pipeline.core.session import SessionDay
from pipeline.core.types import Instrument, Record
from pipeline.core.views import RowsWrite


@dataclass(frozen=True, slots=True)
class HashWrite:
    """Set fields of a readable hash. A repeat is harmless."""

    hash: HashKey
    labels: tuple[str, ...]
    fields: Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class SampleWrite:
    """Add one sample to a TimeSeries; the same instant again replaces it (policy LAST)."""

    series: Series
    labels: tuple[str, ...]
    ts: int
    value: float


Output = Record | Records | HashWrite | HashesWrite | SampleWrite | RowsWrite


@dataclass(frozen=True, slots=True)
class Context:
    """What a job is told at start: today's watchlist, the session's date, the mode and the parameters."""

    instruments: tuple[Instrument, ...]
    session_date: str
    """ISO date in IST."""
    mode: str
    params: Params
    day: SessionDay
    """The phases of ``session_date``."""
    word: str = ""
    """The emergency word that holds from a day before; only a person lifts it."""
    account: str = ""
    """Whose high-water mark is kept over days; empty: nobody's (a day that is played)."""
    carried_paise: int = 0
    """Made by the account in the sessions before this one."""
    peak_paise: int = 0
    """Highest profit of the account over those sessions."""


@dataclass(frozen=True, slots=True)
class Job:
    """One process, as a value.

    ``preload`` streams are drained to their writer's end before the others are read. ``dump`` and ``load``
    turn the state into bytes and back, bit for bit; the runner saves them every ``snapshot_every`` input
    entries in the same MULTI as the cursor and, after a kill, steps again from the snapshot to the cursor.
    """

    name: str
    reads: tuple[Stream, ...]
    writes: tuple[Stream, ...]
    initial: Callable[[Context], Any]
    step: Callable[[Any, Any, int], Iterable[Output]]
    dump: Callable[[Any], bytes]
    load: Callable[[Any, bytes], None]
    """``load(state, blob)``: change a fresh ``initial`` state in place into the saved one."""
    snapshot_every: int = 1
    preload: tuple[Stream, ...] = ()
    rebuild_from: Stream | None = None
    """For a job fed from outside (the feed): its own output stream, which re-stepped gives the same state."""
    finish: Callable[[Any, int], Iterable[Output]] | None = None
    """``finish(state, now)`` at the end of the input, with the last event time: what was open closes."""
    script: str = ""
    """Name of the door in ``scripts/``, without ``.py``."""
    about: str = field(default="")
