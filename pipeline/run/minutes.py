"""Where the versions of a day's minutes are found: a day file, Redis, the broker.

Reads   a day file of `ticktick record`, or the streams ticks, candles and history of a session in Redis; with it, when asked,
        the broker's one-minute candles
Gives   ``Minutes``: the day, its instruments, and the candles by lineage (``market/candle_diff.py``)
From a file, the events go through the intake and the kernels of the live processes, without Redis. Never writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.broker.history import HistoryPlan, HistoryReader
from pipeline.broker.intake import Intake
from pipeline.core.errors import Ambiguous, Refused
from pipeline.core.params import CandleParams
from pipeline.core.schema import CANDLES, HISTORY, SESSION, TICKS, Role, Stream
from pipeline.core.session import DAY_MS, Group, SessionDay, group_of, ist_date
from pipeline.core.types import MINUTE_MS, Instrument, TickBatch
from pipeline.market import candles, ticks
from pipeline.market.candle_diff import Versions
from pipeline.run import playback, universe
from pipeline.run.access import calendar_of, now_ms, rest_client
from pipeline.run.options import Settings
from pipeline.run.progress import Bar
from pipeline.run.reads import reads_of
from pipeline.store.client import open_clients
from pipeline.store.dayfile import SUFFIX
from pipeline.store.face import ZERO, Store
from pipeline.store.streams import RedisStore

READ = 500
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Minutes:
    """One day's minutes by lineage, and where they came from."""

    day: SessionDay
    instruments: tuple[Instrument, ...]
    source: str
    versions: Versions = field(default_factory=Versions)

    def windows(self) -> list[list[tuple[int, int]]]:
        """Give the stretches of continuous trading by sid."""
        return [self.day.hours(group_of(i)) for i in self.instruments]


def find(settings: Settings, date_iso: str, file: str) -> Minutes:
    """Take the file that is named, else the newest recording of the date, else what Redis holds of it.

    Raises:
        Refused: there was no trading, or nothing of that date is anywhere.
    """
    day = calendar_of(settings).day(date_iso)
    if day is None:
        raise Refused(f"no trading on {date_iso}: name a trading day, see config/holidays.json")
    folder = settings.paths.recordings
    found = sorted(folder.glob(f"{date_iso}-*{SUFFIX}"), key=lambda path: path.stat().st_mtime)
    if file or found:
        return from_file(settings, day, Path(file).expanduser() if file else found[-1])
    try:
        return from_redis(RedisStore(open_clients(settings.redis.urls())), day)
    except Ambiguous as error:
        raise Refused(f"there is no recording of {date_iso} in {folder}, and no Redis answers: name a day file with --file") from error


def from_file(settings: Settings, day: SessionDay, path: Path) -> Minutes:
    """Build the day's candles from its recorded events.

    Raises:
        Refused: the file is of another day, or no day file.
    """
    held = playback.contents(path)
    if held.facts["date"] != day.date:
        raise Refused(f"{path.name} was recorded on {held.facts['date']}, not on {day.date}: name that date, or another file")
    known: Any = held.facts["parameters"]
    params = CandleParams(int(known["candles.grace_ms"]), int(known["candles.gap_silence_ms"]))
    out = Minutes(day, held.instruments, path.name)
    metrics, builder = ticks.TickState(len(held.instruments), settings.params.ticks), candles.CandleState(out.windows(), params)
    for wave in playback.waves(path):
        out.versions.take_candles(wave.rows)
    intake, now = Intake(held.instruments, day, params.gap_silence_ms), 0
    for event in playback.events(path):
        for record in intake.take(event):
            if isinstance(record, TickBatch):
                now = max(now, record.ts)
                rows = ticks.step(metrics, record.rows)
                out.versions.take_ticks(rows)
                for wave in candles.step(builder, TickBatch(record.ts, rows)):
                    out.versions.take_candles(wave.rows)
    for wave in candles.finish(builder, now):
        out.versions.take_candles(wave.rows)
    return out


def from_redis(store: Store, day: SessionDay) -> Minutes:
    """Take what a session left in its streams; what was trimmed is not compared.

    Raises:
        Refused: Redis holds another day.
    """
    session = store.fetch(Role.DERIVED, SESSION.key()).get("date", "")
    if session != day.date:
        held = f"Redis holds {session}" if session else "Redis holds no session"
        raise Refused(f"nothing of {day.date}: {held} and there is no recording of it; name a day file with --file")
    out = Minutes(day, universe.load(store, day.date), "Redis")
    for wave in (*_records(store, HISTORY), *_records(store, CANDLES)):
        out.versions.take_candles(wave.rows)
    for batch in _records(store, TICKS):
        out.versions.take_ticks(batch.rows)
    return out


def _records(store: Store, stream: Stream) -> Iterator[Any]:
    after = ZERO
    while entries := store.read([(stream, after)], READ, 0)[stream.name]:
        yield from (entry.record for entry in entries)
        after = entries[-1].id


def ask_broker(settings: Settings, minutes: Minutes) -> None:
    """Add the broker's candles: of the running day from its intraday call, of a day that is over from its history.

    Raises:
        Unauthorised: no token, or one that is not accepted. Refused: nothing came.
    """
    day, now = minutes.day, now_ms()
    if settings.session_date == day.date:  # a simulator's day: it is over
        now = day.close_ms(Group.EQ) + HOUR_MS
    is_today = ist_date(now) == day.date
    # The history is asked for what lies before a session: for a day that is over, that of the day after it.
    session = day.date if is_today else ist_date(day.open_ms(Group.EQ) + DAY_MS)
    budget = reads_of(settings, settings.history.reads_per_s)
    bar = Bar(f"minutes {day.date}", budget)
    most = max(sum(end - start for start, end in stretch) for stretch in minutes.windows()) // MINUTE_MS
    plan = HistoryPlan({1: most}, session, now if is_today else 0)
    found = HistoryReader(rest_client(settings), calendar_of(settings), budget, bar.show).fetch(minutes.instruments, plan)
    bar.close()
    if found.candles == 0:
        raise Refused(f"no minutes came from the broker: {found.refused[0] if found.refused else 'it has none of that day'}")
    for wave in found.waves:
        minutes.versions.take_candles(wave.rows)
