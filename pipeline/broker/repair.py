"""Repair of gaps: the minutes that the feed did not see, fetched from the broker's candles.

Reads   ``GET /v3/historical-candle/intraday/{key}/minutes/1`` (one call brings all minutes of a paper), on a thread of its
        own, within the shared read budget
Gives   ``TICK[n]`` rows of kind REPAIR: sid, ``ts_exch`` (event time handed in), ``i1_*`` and ``oi``; the rest is zero

Every candle passes the checks of the history (numbers, order of its prices, volume, place in continuous trading). A failed
call is counted, said once per kind, and made again later. Bounded: minutes beyond the limit are dropped and counted.
Event time is handed in; between two hand-ins it is carried on by our clock, so that the last minutes of a day, after
which no frame comes, are repaired too. Never raises into the feed, never invents or changes a candle.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.broker.candle_rows import CandleChecker
from pipeline.broker.repair_book import RepairBook, RepairConfig
from pipeline.broker.rest import Throttled, path_part
from pipeline.core.errors import Refused, TickTickError
from pipeline.core.types import TICK, TickKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.broker.candle_rows import Candle
    from pipeline.broker.quota import ReadBudget
    from pipeline.broker.rest import RestClient
    from pipeline.core.session import Calendar
    from pipeline.core.types import Instrument

log = logging.getLogger("ticktick.repair")
LOOK_S = 0.25
"""How often the thread looks whether a minute is due, while some are owed."""
FAULT_PAUSE_S = 1.0
THROTTLED_PAUSE_S = 30.0
JOIN_S = 10.0


class MinuteRepair:
    """Fetches what gaps have spoiled.

    Args:
        client: the broker's REST address.
        calendar: which minutes of which day count as continuous trading.
        date_iso: the session's day.
        instruments: what is followed, by instrument key; it may change while we run.
        budget: the read budget, shared with whatever else reads in this process (milliseconds of the monotonic clock).
        config: waits and bounds.

    Raises:
        Refused: there is no trading on that day.
    """

    def __init__(
        self,
        client: RestClient,
        calendar: Calendar,
        date_iso: str,
        instruments: Mapping[str, Instrument],
        *,
        budget: ReadBudget,
        config: RepairConfig | None = None,
    ) -> None:
        day = calendar.day(date_iso)
        if day is None:
            raise Refused(f"no trading on {date_iso}: there is nothing to repair, check [session] in the settings")
        self._client = client
        self._calendar = calendar
        self._instruments = instruments
        self._budget = budget
        self._book = RepairBook(day, config or RepairConfig())
        self._known: dict[str, Instrument] = {}
        self._done: list[tuple[str, Candle]] = []
        self._counts: Counter[str] = Counter()
        self._clock = (0, 0.0)
        self._ready_at = 0.0
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def missed(self, keys: Sequence[str], start_ms: int, end_ms: int, now_ms: int) -> None:
        """Say that these keys missed the feed from ``start_ms`` to ``end_ms`` (event time)."""
        self._advance(now_ms)
        with self._changed:
            for key in keys:
                instrument = self._instruments.get(key)
                if instrument is None:
                    self._counts["unknown"] += 1
                    continue
                self._known[key] = instrument
                self._book.owe(instrument, start_ms, end_ms)
            if self._book.owed > 0 and self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="gap-repair", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def ready(self, now_ms: int) -> NDArray[np.void] | None:
        """Take the candles that came since the last call as REPAIR rows, by minute and sid; None when there is none."""
        self._advance(now_ms)
        if not self._done:
            return None
        with self._changed:
            done, self._done = self._done, []
        found = [(candle, instrument.sid) for key, candle in done if (instrument := self._instruments.get(key)) is not None]
        return rows_of(found, now_ms) if found else None

    def counts(self) -> dict[str, int]:
        """Return what happened so far, for the feed's status."""
        with self._changed:
            own = {name: self._counts[name] for name in ("calls", "failed", "refused", "unknown")}
            book = {name: self._book.counts[name] for name in ("repaired", "gave_up", "dropped")}
            return {"owed": self._book.owed, **book, **own}

    def close(self) -> None:
        """End the thread; a call under way is waited for."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(JOIN_S)

    def _advance(self, now_ms: int) -> None:
        if now_ms > self._clock[0]:
            self._clock = (now_ms, time.monotonic())

    def _now_ms(self) -> int:
        reached, at = self._clock
        return reached + int((time.monotonic() - at) * 1000)

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            key, minutes = wanted
            try:
                found, oldest_ms = self._fetch(key, minutes)
            except TickTickError as error:
                self._failed(key, error)
                continue
            with self._changed:
                self._book.came(key, found, self._now_ms(), oldest_ms)
                self._done += [(key, found[start]) for start in sorted(found)]

    def _next(self) -> tuple[str, tuple[int, ...]] | None:
        """Wait until a minute is due and a call may be made; None at the end."""
        is_booked = False
        with self._changed:
            while not self._is_closed:
                now_s, now_ms = time.monotonic(), self._now_ms()
                wanted = self._book.due(now_ms, now_s)
                if wanted is None:
                    self._changed.wait(LOOK_S if self._book.owed > 0 else None)
                    continue
                if not is_booked and now_s >= self._ready_at:
                    self._ready_at, is_booked = self._budget.reserve(int(now_s * 1000)) / 1000, True
                if is_booked and now_s >= self._ready_at:
                    self._book.asked(wanted[0], now_ms, now_s)
                    self._counts["calls"] += 1
                    return wanted
                self._changed.wait(self._ready_at - now_s)
        return None

    def _fetch(self, key: str, minutes: tuple[int, ...]) -> tuple[dict[int, Candle], int]:
        """Ask for a paper; give the wanted candles by start, and the start of the oldest that is there (0: none)."""
        answer = self._client.get_data(f"/v3/historical-candle/intraday/{path_part(key)}/minutes/1")
        rows: Any = answer.get("candles") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise Refused("the answer holds no list of candles: nothing was taken from it")
        wanted = frozenset(minutes)
        check = CandleChecker(self._known[key], 1, self._calendar, self._refuse)
        starts: list[int] = []

        def is_wanted(candle: Candle) -> bool:
            starts.append(candle[0])
            return candle[0] in wanted

        found = check.take(rows, len(wanted), is_wanted)
        return found, min(starts, default=0)

    def _refuse(self, why: str) -> None:
        with self._changed:
            self._counts["refused"] += 1
            is_first = self._counts["refused"] == 1
        if is_first:
            log.warning("candle refused", extra={"fields": {"why": why}})

    def _failed(self, key: str, error: TickTickError) -> None:
        kind = type(error).__name__
        with self._changed:
            self._book.came(key, (), self._now_ms())
            self._ready_at = time.monotonic() + (THROTTLED_PAUSE_S if isinstance(error, Throttled) else FAULT_PAUSE_S)
            self._counts["failed"] += 1
            self._counts[kind] += 1
            is_first = self._counts[kind] == 1
        if is_first:
            log.warning("minutes not repaired yet", extra={"fields": {"kind": kind, "why": str(error)}})


def rows_of(found: Sequence[tuple[Candle, int]], now_ms: int) -> NDArray[np.void]:
    """Build REPAIR rows of (candle, sid), ordered by minute and sid."""
    rows = np.zeros(len(found), TICK)
    ordered = sorted(found, key=lambda item: (item[0][0], item[1]))
    for row, ((start, _end, o, h, low, c, volume, oi), sid) in zip(rows, ordered, strict=True):
        row["sid"], row["kind"], row["ts_exch"] = sid, TickKind.REPAIR, now_ms
        row["i1_ts"], row["i1_open"], row["i1_high"], row["i1_low"], row["i1_close"] = start, o, h, low, c
        row["i1_vol"], row["oi"] = volume, oi
    return rows
