"""Closed candles over REST, so that every indicator is warm at the first live candle.

Reads   the archive for the days that it covers, ``/v3/historical-candle`` for the other days before the session, and
        ``/v3/historical-candle/intraday`` for the session's own day
Gives   ``CandleWave`` in the order of their close instant, rows sorted by (timeframe, sid) and flagged HISTORY;
        ``ts`` of a wave is that instant; the newest ``depth`` candles of every symbol and timeframe, latest last
Law     a candle is taken once, closed, whole and in continuous trading, or refused by name; nothing is filled in. A minute of a paper
        without volume is the broker's filler and no candle; longer candles are made from minutes on every day of which all minutes are
        here, since the broker's own open with such a filler: the close before, though nothing had traded yet

The read budget is kept, a lost or throttled answer is asked for again twice, in the open. Never asks for a candle that
is still forming, never invents one.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from pipeline.archive.spans import Span, dates, within, without
from pipeline.broker.candle_calls import CandleCalls
from pipeline.broker.candle_rows import Candle, CandleChecker
from pipeline.broker.minute_days import END, START, Found, MinuteDays, has_trade
from pipeline.broker.rest import path_part
from pipeline.core.candle import Lineage
from pipeline.core.errors import Ambiguous, Corrupt, Refused
from pipeline.core.schema import timeframe_label
from pipeline.core.session import group_of, ist_date
from pipeline.core.types import CANDLE, CandleFlag, CandleWave

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.archive.warm import ArchivedCandles
    from pipeline.broker.quota import ReadBudget
    from pipeline.broker.rest import RestClient
    from pipeline.core.session import Calendar
    from pipeline.core.types import Instrument

log = logging.getLogger("ticktick.history")
FIRST_DATE = date(2022, 1, 1)
"""Minutes are served from here on."""
SHORT_SPAN_DAYS, LONG_SPAN_DAYS = 30, 90
"""One month for 1 to 15 minutes, one quarter above; a wider request is an error at the broker."""
DAY_MINUTES = 360
MAX_REFUSALS = 200


Placed = tuple[int, int, Found]
"""timeframe in minutes, sid, what was found."""


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
        archive: candles that need not be asked for; None for none.
    """

    def __init__(
        self,
        client: RestClient,
        calendar: Calendar,
        budget: ReadBudget,
        progress: Callable[[int, int, str], object] = _no_progress,
        archive: ArchivedCandles | None = None,
    ) -> None:
        self._calls = CandleCalls(client, budget)
        self._calendar = calendar
        self._progress = progress
        self._archive = archive
        self._refused: list[str] = []
        self._refusals = 0
        """All of them, those that are not named too."""

    def fetch(self, instruments: Sequence[Instrument], plan: HistoryPlan) -> History:
        """Fetch everything, in the watchlist's order.

        Raises:
            Unauthorised: the token is not accepted.
        """
        self._refused, self._refusals, made = [], 0, self._calls.made
        found: list[Placed] = []
        short: list[tuple[str, str, int, int]] = []
        total, ones, is_whole = len(instruments) * len(plan.depth), None, False
        jobs = [(instrument, minutes, wanted) for instrument in instruments for minutes, wanted in sorted(plan.depth.items())]
        for done, (instrument, minutes, wanted) in enumerate(jobs, start=1):
            refused = self._refusals
            candles = self._candles(instrument, minutes, wanted, plan)
            if minutes == 1:
                ones = MinuteDays(candles, instrument, self._calendar)
                candles, is_whole = list(ones.counted()), self._refusals == refused
            elif ones is not None and is_whole:
                candles = ones.instead(candles, minutes, plan.now_ms - plan.settle_ms)
            candles = candles[-wanted:]
            found += [(minutes, instrument.sid, candle) for candle in candles]
            label = timeframe_label(minutes)
            if len(candles) < wanted:
                short.append((instrument.symbol, label, len(candles), wanted))
            self._progress(done, total, f"{instrument.symbol} {label}")
        if (unnamed := self._refusals - len(self._refused)) > 0:
            self._refused.append(f"{unnamed} more")
            log.warning("candles refused", extra={"fields": {"more": unnamed}})
        return History(waves_of(found), tuple(self._refused), tuple(short), self._calls.made - made)

    def _candles(self, instrument: Instrument, minutes: int, wanted: int, plan: HistoryPlan) -> list[Found]:
        """Return one symbol's candles of one timeframe, oldest first; a refusal leaves what is there."""
        found: dict[int, Found] = {}
        check = CandleChecker(instrument, minutes, self._calendar, self._refuse)
        own_day = self._calendar.day(plan.session_date)
        try:
            if own_day is not None and plan.now_ms > own_day.open_ms(group_of(instrument)):
                today = f"/v3/historical-candle/intraday/{path_part(instrument.instrument_key)}/minutes/{minutes}"
                rows = self._calls.ask(today)
                until = plan.now_ms - plan.settle_ms
                is_over = lambda c: ist_date(c[START]) == plan.session_date and c[END] <= until and has_trade(c, instrument)  # noqa: E731
                found |= _of(check.take(rows, wanted, is_over), Lineage.INTRADAY)
            held = self._archive.covered(instrument, minutes) if self._archive is not None else []
            for span in spans(plan.session_date, minutes, wanted):
                archived = within(span, held)
                for part in sorted([*archived, *without(span, held)], reverse=True):
                    most = wanted - len(found)
                    if most > 0:
                        taken = self._archived(instrument, minutes, part, check, most) if part in archived else None
                        if taken is not None:
                            found |= _of(taken, Lineage.ARCHIVE)
                        else:
                            found |= _of(self._asked(instrument, minutes, part, check, most), Lineage.HISTORICAL)
        except (Refused, Ambiguous) as error:
            self._refuse(f"{instrument.symbol} {timeframe_label(minutes)}: {error}")
        return [found[start] for start in sorted(found)]

    def _archived(self, instrument: Instrument, minutes: int, span: Span, check: CandleChecker, most: int) -> dict[int, Candle] | None:
        """Take candles from the archive; None when it cannot give them after all."""
        try:
            bars = self._archive.bars(instrument, minutes, span)[::-1] if self._archive is not None else None
            return None if bars is None else check.take_bars(bars, most, lambda c: has_trade(c, instrument))
        except Corrupt as error:
            log.warning("archive not usable, asking the broker", extra={"fields": {"why": str(error)}})
            return None

    def _asked(self, instrument: Instrument, minutes: int, span: Span, check: CandleChecker, most: int) -> dict[int, Candle]:
        """Ask the broker for the candles of a span; a span without trading is not asked for."""
        if all(self._calendar.day(day) is None for day in dates(span)):
            return {}
        stem = f"/v3/historical-candle/{path_part(instrument.instrument_key)}/minutes/{minutes}"
        rows = self._calls.ask(f"{stem}/{span[1]}/{span[0]}")
        return check.take(rows, most, lambda c: span[0] <= ist_date(c[START]) <= span[1] and has_trade(c, instrument))

    def _refuse(self, why: str) -> None:
        self._refusals += 1
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


def _of(candles: Mapping[int, Candle], lineage: Lineage) -> dict[int, Found]:
    return {start: (candle, lineage, 0) for start, candle in candles.items()}


def waves_of(found: Sequence[Placed]) -> tuple[CandleWave, ...]:
    """Order candles by close instant, timeframe and sid, and make one wave of each instant."""
    ordered = sorted(found, key=lambda item: (item[2][0][1], item[0], item[1]))
    rows = np.zeros(len(ordered), CANDLE)
    for n, (minutes, sid, ((start, _end, *px, volume, oi), lineage, quiet)) in enumerate(ordered):
        traded = minutes == 1 and volume > 0
        rows[n] = (sid, minutes, int(CandleFlag.HISTORY), start, *px, volume, oi, 0, traded, int(lineage), quiet)
    ends = np.array([item[2][0][1] for item in ordered], np.int64)
    cuts = np.flatnonzero(np.diff(ends)) + 1
    parts = np.split(rows, cuts)
    firsts = [0, *cuts.tolist()]
    return tuple(CandleWave(int(ends[at]), part) for at, part in zip(firsts, parts, strict=True) if len(part) > 0)
