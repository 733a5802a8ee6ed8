"""Backfill: a watchlist's candles of any length into the archive, a request at a time, resumable after any kill.

Reads   ``/v3/historical-candle`` for the dates that the archive does not cover, newest first, cut to what one request may span
Writes  one part of the archive after each answer; what was written is not asked for again
Law     an answer is taken whole or not at all: no JSON, another shape, a candle of other dates or too many bad ones refuse it, it is
        named and kept in the quarantine. A single bad candle is refused by name and noted in the part. A day counts as covered when its
        session is over and settled (``last``), and complete or older than ``believed`` (younger short days are asked for again).
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.archive.shelf import Note, Series
from pipeline.archive.soundness import BAR, DAILY, Fault, clock_on, due, is_trading, judge, words
from pipeline.archive.spans import Span, dates, joined, moved, parts, requests, without
from pipeline.archive.warm import SOURCE
from pipeline.broker.candle_rows import parse
from pipeline.broker.rest import path_part
from pipeline.core.errors import Ambiguous, Corrupt, Refused
from pipeline.core.session import DAY_MS, group_of, ist_date, ist_day, ist_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pipeline.archive.period import Period
    from pipeline.archive.shelf import Shelf
    from pipeline.broker.candle_calls import CandleCalls
    from pipeline.core.session import Calendar
    from pipeline.core.types import Instrument

log = logging.getLogger("ticktick.backfill")
MAX_BAD_RATIO = 0.01
MIN_BAD = 5
"""More bad candles than both refuse the answer."""
INSIDE_A_DAY = ("minutes", "hours", "days")
MAX_NOTED = 500
"""Refusals kept in a part's note, the newest."""


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What is wanted: ``last`` is the newest settled date, ``believed`` the newest whose short days are taken as they are."""

    instruments: Sequence[Instrument]
    period: Period
    first: str
    last: str
    believed: str
    is_again: bool = False
    """Ask for what is covered, too."""


@dataclass(slots=True)
class Outcome:
    calls: int = 0
    candles: int = 0
    refused: list[str] = field(default_factory=list)
    """Candles, by name."""
    failed: list[str] = field(default_factory=list)
    """Requests of which nothing was taken, by name."""


@dataclass(frozen=True, slots=True)
class _Request:
    instrument: Instrument
    series: Series
    span: Span

    @property
    def label(self) -> str:
        return f"{self.instrument.symbol} {self.series.period.name} {self.span[0]} to {self.span[1]}"


@dataclass(frozen=True, slots=True)
class _Found:
    rows: NDArray[np.void]
    refused: list[tuple[str, str]]
    """Date, and why."""


class Backfill:
    """Fetches into an archive that the caller holds for writing; ``progress`` is told (done, total, label) after each request."""

    def __init__(self, calls: CandleCalls, calendar: Calendar, shelf: Shelf, progress: Callable[[int, int, str], object]) -> None:
        self._calls = calls
        self._calendar = calendar
        self._shelf = shelf
        self._progress = progress

    def run(self, plan: BackfillPlan) -> Outcome:
        """Fetch what is missing; what failed is tried once more at the end.

        Raises:
            Unauthorised: the token is not accepted.
        """
        outcome = Outcome()
        wanted = [request for instrument in plan.instruments for request in self._requests(instrument, plan)]
        again: list[_Request] = []
        for done, request in enumerate(wanted, start=1):
            if not self._take(request, plan, outcome):
                again.append(request)
            self._progress(done, len(wanted), request.label)
        outcome.failed = []
        for request in again:
            self._take(request, plan, outcome)
        outcome.calls = self._calls.made
        return outcome

    def _requests(self, instrument: Instrument, plan: BackfillPlan) -> list[_Request]:
        series = Series(SOURCE, plan.period, instrument.symbol)
        span = (max(plan.first, plan.period.first_date), plan.last)
        held = self._shelf.parts(series)
        for part in (p for p in held if p.why):
            aside = self._shelf.put_aside(series, part.name)
            log.warning("damaged part put aside as %s, fetched again: %s", aside, part.why)
        same = [p for p in held if not p.why and p.note.instrument_key == instrument.instrument_key]
        covered = [] if plan.is_again else [c for p in same for c in p.note.covered]
        asked = [r for gap in without(span, covered) for r in requests(gap, plan.period)]
        return [_Request(instrument, series, s) for s in sorted(asked, reverse=True) if self._has_trading(s)]

    def _has_trading(self, span: Span) -> bool:
        return any(is_trading(self._calendar, day) is not False for day in dates(span))

    def _take(self, request: _Request, plan: BackfillPlan, outcome: Outcome) -> bool:
        """Ask and put away; False when nothing was taken."""
        path = f"/v3/historical-candle/{path_part(request.instrument.instrument_key)}/{plan.period.unit}/{plan.period.interval}"
        try:
            rows = self._calls.ask(f"{path}/{request.span[1]}/{request.span[0]}")
            found = self._judged(request, rows)
        except (Refused, Ambiguous) as error:
            outcome.failed.append(f"{request.label}: {error}")
            return False
        for name, span in parts(request.span, plan.period):
            self._put(request, name, span, found, plan)
        outcome.candles += len(found.rows)
        outcome.refused += [f"{request.label}: {why}" for _, why in found.refused]
        return True

    def _judged(self, request: _Request, rows: Sequence[Any]) -> _Found:
        """Judge an answer.

        Raises:
            Refused: nothing may be taken from it.
        """
        bars, unread = parse(rows)
        period, group = request.series.period, group_of(request.instrument)
        days = _dates_of(bars)
        strange = sorted({day for day in days.tolist() if not request.span[0] <= day <= request.span[1]})
        if strange:
            self._refuse(rows, f"it holds candles of {', '.join(strange[:3])}, which were not asked for")
        codes = judge(bars, period, self._calendar, group)
        bad = (codes != Fault.NONE) & (codes != Fault.OUTSIDE)
        refused = [(str(day), words(Fault(code), bar, period)) for day, code, bar in zip(days[bad], codes[bad], bars[bad], strict=True)]
        count = len(unread) + len(refused)
        if count > max(MIN_BAD, MAX_BAD_RATIO * len(rows)):
            first = unread[0] if unread else refused[0][1]
            self._refuse(rows, f"{count} of {len(rows)} candles are bad, the first: {first}")
        refused += [(request.span[1], why) for why in unread]
        return _Found(bars[codes == Fault.NONE], refused)

    def _refuse(self, rows: Sequence[Any], why: str) -> None:
        self._calls.keep(json.dumps(rows), "bad_candles")
        raise Refused(f"the answer is corrupt, nothing was taken from it: {why}")

    def _put(self, request: _Request, name: str, span: Span, found: _Found, plan: BackfillPlan) -> None:
        """Lay an answer's share of one part over what is there."""
        series = request.series
        try:
            old, note = self._shelf.read_part(series, name)
        except Corrupt as error:
            aside = self._shelf.put_aside(series, name)
            log.warning("damaged part put aside as %s: %s", aside, error)
            old, note = np.zeros(0, BAR if plan.period.minutes > 0 else DAILY), Note()
        if note.instrument_key not in ("", request.instrument.instrument_key):
            note = Note()  # another ISIN of the same name: its candles stay, its coverage does not count
        start, end = ist_ms(span[0], "00:00"), ist_ms(span[1], "00:00") + DAY_MS
        mine = found.rows[(found.rows["ts"] >= start) & (found.rows["ts"] < end)]
        fresh = np.zeros(len(mine), old.dtype)
        for column in BAR.names or ():
            fresh[column] = mine[column]
        fuller = _fuller_days(old, fresh)  # an answer that knows less of a day than we do does not take it away
        kept = old[(old["ts"] < start) | (old["ts"] >= end) | np.isin(ist_day(old["ts"]), fuller)]
        fresh = fresh[~np.isin(ist_day(fresh["ts"]), fuller)]
        refused = [why for why in note.refused if not span[0] <= why[:10] <= span[1]]
        refused += [why for day, why in found.refused if span[0] <= day <= span[1]]
        covered = joined([*note.covered, *self._settled(request, span, mine, plan)])
        told = Note(request.instrument.instrument_key, group_of(request.instrument), tuple(covered), tuple(refused[-MAX_NOTED:]))
        self._shelf.put(series, name, np.concatenate([kept, fresh]), told)

    def _settled(self, request: _Request, span: Span, rows: NDArray[np.void], plan: BackfillPlan) -> list[Span]:
        """Give the dates of a span that need not be asked for again."""
        days: Any = ist_day(rows["ts"])
        got = {ist_date(day * DAY_MS): rows[days == day] for day in np.unique(days).tolist()}
        return joined((d, d) for d in dates(span) if d <= plan.believed or self._is_whole(request, d, got.get(d, rows[:0])))

    def _is_whole(self, request: _Request, date_iso: str, rows: NDArray[np.void]) -> bool:
        """Tell whether these are all candles that a day has."""
        period = request.series.period
        day = self._calendar.day(date_iso) if period.unit in INSIDE_A_DAY else None
        if day is None:
            return True
        if period.minutes == 0:
            return len(rows) > 0
        clock = clock_on(rows, period.minutes, day, group_of(request.instrument))
        return len(rows) >= len(due(day, clock, period.minutes))


def last_settled(today: str, clock: str) -> str:
    """Give the newest date whose candles are settled: yesterday, or the day before it until the broker has told the night's daily bars."""
    return moved(today, -1 if clock >= "08:00" else -2)


def _fuller_days(old: NDArray[np.void], new: NDArray[np.void]) -> NDArray[np.int64]:
    """Give the days of which the old rows hold more candles than the new."""
    days, counts = np.unique(ist_day(old["ts"]), return_counts=True)
    fresh = dict(zip(*(part.tolist() for part in np.unique(ist_day(new["ts"]), return_counts=True)), strict=True))
    return days[counts > np.array([fresh.get(day, 0) for day in days.tolist()], np.int64)]


def _dates_of(bars: NDArray[np.void]) -> NDArray[np.str_]:
    days = ist_day(bars["ts"])
    names = {day: ist_date(day * DAY_MS) for day in np.unique(days).tolist()}
    return np.array([names[day] for day in days.tolist()], "U10")
