"""Closed candles over REST, so that every indicator is warm at the first live candle.

Reads   ``/v3/historical-candle`` (days before the session) and ``/v3/historical-candle/intraday`` (the session's own day)
Gives   ``CandleWave`` in the order of their close instant, rows sorted by (timeframe, sid) and flagged HISTORY;
        ``ts`` of a wave is that instant; the newest ``depth`` candles of every symbol and timeframe, latest last
Law     a candle is taken once, closed, whole and in continuous trading, or refused by name; nothing is filled in

The read budget is kept, a lost or throttled answer is asked for again twice, in the open. Never asks for a candle that
is still forming, never invents one.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.broker.rest import Throttled, path_part
from pipeline.core.candle import Lineage
from pipeline.core.errors import Ambiguous, Refused
from pipeline.core.schema import timeframe_label
from pipeline.core.session import Phase, group_of, ist_date, ist_ms, ist_text
from pipeline.core.types import CANDLE, MINUTE_MS, CandleFlag, CandleWave

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.broker.quota import ReadBudget
    from pipeline.broker.rest import RestClient
    from pipeline.core.session import Calendar, SessionDay
    from pipeline.core.types import Instrument

log = logging.getLogger("ticktick.history")
FIRST_DATE = date(2022, 1, 1)
"""Minutes are served from here on."""
SHORT_SPAN_DAYS, LONG_SPAN_DAYS = 30, 90
"""One month for 1 to 15 minutes, one quarter above; a wider request is an error at the broker."""
DAY_MINUTES = 360
MAX_PX = 1e8
MAX_VOLUME = 10**13
PAUSES_S = (1.0, 5.0)
MAX_REFUSALS = 200

Candle = tuple[int, int, float, float, float, float, int, float]
"""start, end (epoch ms), open, high, low, close, volume, open interest."""


@dataclass(frozen=True, slots=True)
class HistoryPlan:
    """What to fetch: ``depth`` is candles per timeframe in minutes, at the instant ``now_ms`` of the session's day."""

    depth: Mapping[int, int]
    session_date: str
    now_ms: int
    settle_ms: int = 40_000
    """A candle younger than this may still change at the broker (measured: up to 31 s)."""


@dataclass(frozen=True, slots=True)
class History:
    """What came: waves, the refusals by name, and (symbol, timeframe, got, wanted) of what is short."""

    waves: tuple[CandleWave, ...]
    refused: tuple[str, ...]
    short: tuple[tuple[str, str, int, int], ...]
    calls: int

    @property
    def candles(self) -> int:
        return sum(len(wave.rows) for wave in self.waves)


def _no_progress(_done: int, _total: int, _label: str) -> None:
    """Say nothing."""


class HistoryReader:
    """Fetches the candles of a watchlist.

    Args:
        client: the broker's REST address.
        calendar: which minutes of which day count as continuous trading.
        budget: the read budget, shared with whatever else reads in this process.
        progress: told (done, total, label) after each symbol and timeframe.
    """

    def __init__(
        self, client: RestClient, calendar: Calendar, budget: ReadBudget, progress: Callable[[int, int, str], object] = _no_progress
    ) -> None:
        self._client = client
        self._calendar = calendar
        self._budget = budget
        self._progress = progress
        self._refused: list[str] = []
        self._calls = 0

    def fetch(self, instruments: Sequence[Instrument], plan: HistoryPlan) -> History:
        """Fetch everything, in the watchlist's order.

        Raises:
            Unauthorised: the token is not accepted.
        """
        self._refused, self._calls = [], 0
        found: list[tuple[int, int, Candle]] = []
        short: list[tuple[str, str, int, int]] = []
        total = len(instruments) * len(plan.depth)
        jobs = [(instrument, minutes, wanted) for instrument in instruments for minutes, wanted in sorted(plan.depth.items())]
        for done, (instrument, minutes, wanted) in enumerate(jobs, start=1):
            candles = self._candles(instrument, minutes, wanted, plan)[-wanted:]
            found += [(minutes, instrument.sid, candle) for candle in candles]
            label = timeframe_label(minutes)
            if len(candles) < wanted:
                short.append((instrument.symbol, label, len(candles), wanted))
            self._progress(done, total, f"{instrument.symbol} {label}")
        return History(waves_of(found, plan.session_date), tuple(self._refused), tuple(short), self._calls)

    def _candles(self, instrument: Instrument, minutes: int, wanted: int, plan: HistoryPlan) -> list[Candle]:
        """Return one symbol's candles of one timeframe, oldest first; a refusal leaves what is there."""
        found: dict[int, Candle] = {}
        check = CandleChecker(instrument, minutes, self._calendar, self._refuse)
        stem = f"/v3/historical-candle/{path_part(instrument.instrument_key)}/minutes/{minutes}"
        own_day = self._calendar.day(plan.session_date)
        try:
            if own_day is not None and plan.now_ms > own_day.open_ms(group_of(instrument)):
                today = f"/v3/historical-candle/intraday/{path_part(instrument.instrument_key)}/minutes/{minutes}"
                rows = self._ask(today)
                found |= check.take(rows, wanted, lambda c: ist_date(c[0]) == plan.session_date and c[1] <= plan.now_ms - plan.settle_ms)
            for first, last in spans(plan.session_date, minutes, wanted):
                if len(found) >= wanted:
                    break
                rows = self._ask(f"{stem}/{last}/{first}")
                found |= check.take(rows, wanted - len(found), lambda c: ist_date(c[0]) < plan.session_date)
        except (Refused, Ambiguous) as error:
            self._refuse(f"{instrument.symbol} {timeframe_label(minutes)}: {error}")
        return [found[start] for start in sorted(found)]

    def _ask(self, path: str) -> list[Any]:
        for pause in (*PAUSES_S, None):
            now = time.monotonic_ns() // 1_000_000
            time.sleep((self._budget.reserve(now) - now) / 1000)
            self._calls += 1
            try:
                found = self._client.get_data(path)
            except (Ambiguous, Throttled) as error:
                if pause is None:
                    raise
                log.warning("history asked again", extra={"fields": {"why": str(error), "pause_s": pause}})
                time.sleep(pause)
                continue
            rows = found.get("candles") if isinstance(found, dict) else None
            if not isinstance(rows, list):
                raise Refused("the answer holds no list of candles: nothing was taken from it")
            return rows
        raise Ambiguous("no answer")  # not reached: the last round returns or raises

    def _refuse(self, why: str) -> None:
        if len(self._refused) < MAX_REFUSALS:
            self._refused.append(why)
            log.warning("candle refused", extra={"fields": {"why": why}})


def spans(session_date: str, minutes: int, wanted: int) -> list[tuple[str, str]]:
    """List the requests that surely hold ``wanted`` candles before the session: (from, to), newest first, each within the limit."""
    cap = SHORT_SPAN_DAYS if minutes <= 15 else LONG_SPAN_DAYS
    trading_days = math.ceil(wanted / max(1, DAY_MINUTES // minutes)) + 1
    # Seven calendar days hold five trading days, less holidays; a week more for a festive season.
    reach = math.ceil(trading_days * 7 / 5 * 1.1) + 7
    last = date.fromisoformat(session_date) - timedelta(days=1)
    oldest = max(FIRST_DATE, last - timedelta(days=2 * reach))
    asked: list[tuple[str, str]] = []
    while last >= oldest:
        size = min(cap, reach) if not asked else cap
        first = max(oldest, last - timedelta(days=size - 1))
        asked.append((first.isoformat(), last.isoformat()))
        last = first - timedelta(days=1)
    return asked


class CandleChecker:
    """Checks the candles of one symbol and timeframe, each against its own day."""

    def __init__(self, instrument: Instrument, minutes: int, calendar: Calendar, refuse: Callable[[str], None]) -> None:
        self._group = group_of(instrument)
        self._minutes = minutes
        self._calendar = calendar
        self._name = f"{instrument.symbol} {timeframe_label(minutes)}"
        self._refuse = refuse
        self._seen: set[int] = set()

    def take(self, rows: Sequence[Any], most: int, is_wanted: Callable[[Candle], bool]) -> dict[int, Candle]:
        """Return the newest ``most`` wanted candles by start; each bad one on the way is named and left out."""
        found: dict[int, Candle] = {}
        is_newest_first = len(rows) < 2 or _order(rows[0]) >= _order(rows[-1])
        for row in rows if is_newest_first else reversed(rows):
            if len(found) >= most:
                break
            try:
                candle = self._candle(row)
            except Refused as why:
                self._refuse(f"{self._name}: {why}")
                continue
            if candle is not None and is_wanted(candle):
                found[candle[0]] = candle
        return found

    def _candle(self, row: Any) -> Candle | None:
        """Turn ``[time, open, high, low, close, volume, oi]`` into a candle; None outside continuous trading."""
        if not isinstance(row, list) or not 6 <= len(row) <= 7:
            raise Refused("a candle has six or seven fields")
        start = _start(row[0])
        numbers = row[1:]
        if any(isinstance(n, bool) or not isinstance(n, int | float) or not math.isfinite(n) for n in numbers):
            raise Refused(f"{ist_text(start)}: a field is no number")
        o, h, low, c = (float(n) for n in numbers[:4])
        if not 0.0 < low <= min(o, c) <= max(o, c) <= h <= MAX_PX:
            raise Refused(f"{ist_text(start)}: open {o:g} high {h:g} low {low:g} close {c:g} are not in order")
        volume, oi = numbers[4], float(numbers[5]) if len(numbers) == 6 else 0.0
        if not 0 <= volume <= MAX_VOLUME or volume != int(volume) or not 0.0 <= oi <= MAX_VOLUME:
            raise Refused(f"{ist_text(start)}: volume {volume} or open interest {oi:g} is out of bounds")
        day = self._calendar.day(ist_date(start))
        if day is None:
            raise Refused(f"{ist_text(start)}: no trading on that day by config/holidays.json")
        return self._placed(start, day, (o, h, low, c, int(volume), oi))

    def _placed(self, start: int, day: SessionDay, rest: tuple[float, float, float, float, int, float]) -> Candle | None:
        if day.phase_at(start, self._group) is not Phase.CONTINUOUS:
            return None
        if day.candle_start(start, self._minutes, self._group) != start:
            raise Refused(f"{ist_text(start)}: does not start on a multiple of {self._minutes} minutes from the open")
        if start in self._seen:
            raise Refused(f"{ist_text(start)}: came twice")
        self._seen.add(start)
        end = min(start + self._minutes * MINUTE_MS, day.close_ms(self._group))
        return (start, end, *rest)


def _order(row: Any) -> str:
    """Give the text that tells which end of an answer is newer; the broker's times sort as text."""
    return str(row[0]) if isinstance(row, list) and row else ""


def _start(text: Any) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise Refused(f"{str(text)[:40]!r} is no time") from None
    if moment.tzinfo is None:
        raise Refused(f"{text!r} names no offset from UTC")
    return int(moment.timestamp()) * 1000


def waves_of(found: Sequence[tuple[int, int, Candle]], session_date: str) -> tuple[CandleWave, ...]:
    """Order (timeframe, sid, candle) by close instant and make one wave of each instant; its lineage is told by its day."""
    today = ist_ms(session_date, "00:00")
    ordered = sorted(found, key=lambda item: (item[2][1], item[0], item[1]))
    rows = np.zeros(len(ordered), CANDLE)
    for n, (minutes, sid, (start, _end, o, h, low, c, volume, oi)) in enumerate(ordered):
        lineage = Lineage.INTRADAY if start >= today else Lineage.HISTORICAL
        rows[n] = (sid, minutes, int(CandleFlag.HISTORY), start, o, h, low, c, volume, oi, 0, minutes == 1 and volume > 0, int(lineage), 0)
    ends = np.array([item[2][1] for item in ordered], np.int64)
    cuts = np.flatnonzero(np.diff(ends)) + 1
    parts = np.split(rows, cuts)
    firsts = [0, *cuts.tolist()]
    return tuple(CandleWave(int(ends[at]), part) for at, part in zip(firsts, parts, strict=True) if len(part) > 0)
