"""What the ticks and history processes leave for the recorder, committed into a store as their runner would."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

from pipeline.core.feed import FeedEvent, FeedEventKind
from pipeline.core.job import HashWrite
from pipeline.core.schema import FRAMES, SESSION, Stream
from pipeline.core.types import CANDLE, CandleWave
from pipeline.run import universe
from pipeline.run.dayfacts import Task, flat
from pipeline.run.discovery import jobs
from pipeline.store import codec
from pipeline.store.face import END, ZERO, Commit, Progress, Store
from tests.fakes.context import DAY, STOCKS, context
from tests.fakes.feed_rows import OPEN

SESSION_NAME = f"{DAY.date} paper"


def frame_events(n: int, start: int = OPEN, seed: int = 4) -> list[FeedEvent]:
    """A session's events: a start, a connection, then frames of noise; three share each instant."""
    chance = random.Random(seed)
    keys = json.dumps({"full": [i.instrument_key for i in STOCKS]}).encode()
    out = [FeedEvent(start, 5, 0, FeedEventKind.STARTED, b"0"), FeedEvent(start, 6, 0, FeedEventKind.CONNECTED, keys)]
    out += [FeedEvent(start + i // 3, 10 + i, 0, FeedEventKind.FRAME, chance.randbytes(chance.randrange(1, 60))) for i in range(n)]
    return out


def history_waves(n: int) -> list[CandleWave]:
    return [CandleWave(OPEN - (n - i) * 60_000, np.full(2, i, CANDLE)) for i in range(n)]


def commit(store: Store, stream: Stream, records: list[Any], *, is_end: bool = False, session: str = SESSION_NAME) -> None:
    """Append to a stream with counts, ids and digests as the runner keeps them."""
    role = stream.role
    progress = store.progress(stream.writer, role)
    if progress.session != session:
        progress = Progress(session=session, commits=progress.commits + 1, now=progress.now, last=progress.last)
    entries = []
    for record in records:
        progress.now = max(progress.now, record.ts)
        fields = codec.encode(stream, record)
        at = progress.last[stream.name] = progress.last.get(stream.name, ZERO).following(progress.now)
        progress.digests[stream.name] = codec.chain(
            progress.digests.get(stream.name, b""), str(at).encode(), codec.canonical(stream, fields)
        )
        progress.entries[stream.name] = progress.entries.get(stream.name, 0) + 1
        entries.append((stream, at, fields))
    progress.commits += 1
    progress.watermark = END if is_end else progress.now - 1
    store.commit(Commit(stream.writer, role, progress, entries), 1)


def end_others(store: Store) -> None:
    """Let every process that has not yet (but the feed's) reach the end of the day."""
    for name, job in jobs().items():
        role = job.writes[0].role
        if name != FRAMES.writer and store.progress(name, role).watermark < END:
            progress = Progress(session=SESSION_NAME, commits=1, watermark=END, digests={job.writes[0].name: name.encode()})
            store.commit(Commit(name, role, progress), 1)


def open_session(store: Store, run: str = "77", session: str = SESSION_NAME) -> None:
    universe.publish(store, STOCKS, DAY.date)
    store.put(HashWrite(SESSION, (), {"session": session, "started_ms": run}))


def task(folder: Any, *, run: str = "77", session: str = SESSION_NAME, settle_s: float | None = None) -> Task:
    """What the recorder is told at start."""
    rows = [{name: getattr(i, name) for name in i.__slots__} for i in STOCKS]
    facts = {"session": session, "run": run, "date": DAY.date, "mode": "paper", "maker": "Made Up, seed 7", "is_headless": settle_s is None}
    return Task(folder, {**facts, "program": "0", "parameters": flat(context().params), "instruments": rows}, 3, settle_s)
