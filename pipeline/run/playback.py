"""A day file in the place of broker and feed: the same events give the same records.

Reads   one day file (``store/dayfile.py``)
Gives   the sources of `history` (the waves as they were fetched) and of `ticks` (what ``broker/intake.py`` makes of
        the events); a hole in the recording becomes a lost connection, so that what comes after it is marked as a gap
A process that is started again in mid-replay goes through the file from its beginning and passes over what is committed.
No network, no token. The clock is read only to keep a pace.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.broker.intake import Intake
from pipeline.core.errors import Refused
from pipeline.core.feed import DepthBatch, FeedEvent, FeedEventKind
from pipeline.core.schema import DEPTH, FRAMES, HISTORY, TICKS
from pipeline.core.session import SessionDay
from pipeline.core.types import CANDLE, CandleWave, Instrument, TickBatch
from pipeline.run.sources import Input, OutsideSource, Source
from pipeline.store.dayfile import DayFile, Record, RecordKind
from pipeline.store.face import Progress

log = logging.getLogger("ticktick.playback")

NO_CODE = b"1006 not recorded"
"""What a connection is lost by in a hole: no close frame, so nothing is over."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Which file is played, and how fast: 0 as fast as it goes, 1 as it came."""

    path: Path
    speed: float = 0.0


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file says beside its events."""

    facts: Mapping[str, Any]
    instruments: tuple[Instrument, ...]
    digests: Mapping[str, str]
    """Of the recorded run, by stream; empty when it did not come to its end."""
    missed: Mapping[str, int]
    """Entries of each stream that are in holes."""
    is_cut: bool


def contents(path: Path, *, skip_damage: bool = False) -> Contents:
    """Read everything but the events.

    Raises:
        Refused: no day file, or one without what a replay needs. Corrupt: it is damaged, unless that is passed over.
    """
    with DayFile(path) as held:
        facts = held.facts
        rows, digests = facts.get("instruments", []), {}
        missed: dict[str, int] = {}
        for record in held.others(skip_damage=skip_damage):
            if record.kind is RecordKind.INSTRUMENTS:
                rows = json.loads(record.body)
            elif record.kind is RecordKind.DIGESTS:
                digests = json.loads(record.body)
            elif record.kind is RecordKind.HOLE:
                hole = json.loads(record.body)
                missed[hole["stream"]] = missed.get(hole["stream"], 0) + hole["missed"]
        is_cut = not held.is_closed
    try:
        return Contents(facts, tuple(Instrument(**row) for row in rows), digests, missed, is_cut)
    except TypeError as error:
        raise Refused(f"{path.name} has a watchlist of another version ({error}): replay it with the release that wrote it") from error


def source_of(
    name: str, recording: Recording, day: SessionDay, instruments: tuple[Instrument, ...], silence_ms: int
) -> Callable[[Progress], Source] | None:
    """Give the maker of a job's source, or None when it reads streams."""
    if name == "history":
        return lambda progress: _history(recording, progress)
    if name == "ticks":
        return lambda progress: _ticks(recording, Intake(instruments, day, silence_ms), progress)
    return None


def waves(path: Path) -> Iterator[CandleWave]:
    """Give the candles that were fetched at the start of the day."""
    with DayFile(path) as held:
        for record in held.others():
            if record.kind is RecordKind.HISTORY:
                yield CandleWave(record.ts, np.frombuffer(record.body, CANDLE))


def events(path: Path) -> Iterator[FeedEvent]:
    """Give the feed's events of a file.

    Raises:
        Corrupt: the file is damaged, when its turn comes.
    """
    with DayFile(path) as held:
        yield from events_of(held.records())


def events_of(records: Iterable[Record]) -> Iterator[FeedEvent]:
    """Give the events among records; a hole becomes the loss and the return of every connection."""
    carried: dict[int, FeedEvent] = {}
    for record in records:
        if record.kind is RecordKind.EVENT:
            event = record.feed_event()
            if event.kind is FeedEventKind.STARTED:
                carried.clear()
            elif event.kind in (FeedEventKind.CONNECTED, FeedEventKind.SUBSCRIBED):
                carried[event.link] = event
            yield event
        elif record.kind is RecordKind.HOLE and json.loads(record.body)["stream"] == FRAMES.name:
            yield from _loss(record, carried)


def _loss(hole: Record, carried: Mapping[int, FeedEvent]) -> Iterator[FeedEvent]:
    log.error("a hole in the recording: what follows is marked as a gap", extra={"fields": json.loads(hole.body)})
    for link, event in carried.items():
        yield FeedEvent(event.ts, hole.recv_ms, link, FeedEventKind.LOST, NO_CODE)
        yield FeedEvent(event.ts, hole.recv_ms, link, FeedEventKind.CONNECTED, event.body)


class _Played:
    """Reads records off an iterator, at a pace, with the face that ``OutsideSource`` wants."""

    def __init__(self, records: Iterator[tuple[int, Sequence[Any]]], speed: float) -> None:
        """``records`` gives, for each event, our receive time and what came of it."""
        self._records = records
        self._speed = speed
        self._held: tuple[int, Sequence[Any]] | None = None
        self._began: tuple[float, int] | None = None
        self.is_over = False

    def read(self, limit: int, timeout_s: float) -> list[Any]:
        out: list[Any] = []
        while len(out) < limit and not self.is_over:
            held = self._held = self._held or next(self._records, None)
            if held is None:
                self.is_over = True
                break
            pause = self._pause(held[0])
            if pause > 0:
                if out or pause > timeout_s:
                    time.sleep(0.0 if out else timeout_s)
                    break
                time.sleep(pause)
            out += held[1]
            self._held = None
        return out

    def close(self) -> None:
        self._records = iter(())

    def _pause(self, recv_ms: int) -> float:
        """Give the seconds until an event is due."""
        if self._speed == 0 or recv_ms == 0:
            return 0.0
        if self._began is None:
            self._began = (time.monotonic(), recv_ms)
        return (recv_ms - self._began[1]) / 1000 / self._speed - (time.monotonic() - self._began[0])


class _Input(OutsideSource):
    def read(self, limit: int, wait_ms: int) -> list[Input]:
        return [item._replace(committed_ms=0) for item in super().read(limit, wait_ms)]  # received on another day: no lag


def _source(records: Iterator[tuple[int, Sequence[Any]]], speed: float) -> Source:
    played = _Played(records, speed)
    return _Input(played.read, lambda: played.is_over, played.close)


def _history(recording: Recording, progress: Progress) -> Source:
    done = progress.entries.get(HISTORY.name, 0)
    return _source(((0, [wave]) for i, wave in enumerate(waves(recording.path)) if i >= done), 0)


def _ticks(recording: Recording, intake: Intake, progress: Progress) -> Source:
    done = {TickBatch: progress.entries.get(TICKS.name, 0), DepthBatch: progress.entries.get(DEPTH.name, 0)}

    def records() -> Iterator[tuple[int, Sequence[Any]]]:
        for event in events(recording.path):
            found = intake.take(event)
            if any(done.values()):  # each batch became one entry of its stream
                found = [record for record in found if not _is_done(record, done)]
            yield (event.recv_ms if found else 0), found

    return _source(records(), recording.speed)


def _is_done(record: Any, done: dict[type, int]) -> bool:
    """Tell whether a record was committed before; count it off. A market state only sets a hash: the next one stands."""
    kind = type(record)
    if done.get(kind, 0) > 0:
        done[kind] -= 1
        return True
    return kind not in done
