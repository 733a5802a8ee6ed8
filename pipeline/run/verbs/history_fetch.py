"""`ticktick history fetch`: the broker's candles into the archive, within the read quota; goes on where it was stopped.

Exit 0 when all of it is there, 1 when an answer was refused or a request failed (each is named; run it again).
"""

from __future__ import annotations

import argparse
import sys

from pipeline.archive.period import period_of
from pipeline.archive.shelf import Shelf
from pipeline.archive.spans import moved, whole
from pipeline.broker.backfill import Backfill, BackfillPlan, Outcome, last_settled
from pipeline.broker.candle_calls import CandleCalls
from pipeline.broker.quarantine import Quarantine
from pipeline.core.errors import Refused
from pipeline.core.session import ist_clock, ist_date
from pipeline.core.watchlist import resolve
from pipeline.run.access import calendar_of, is_simulated, rest_client, tokens
from pipeline.run.options import Settings
from pipeline.run.outside import resolve_instruments
from pipeline.run.progress import Bar
from pipeline.run.reads import reads_of
from pipeline.run.verbs.shared import now_ms, settings_for, show

DEFAULT_DAYS = 30
BELIEVED_DAYS = 7
"""A short day older than this is short at the broker, too."""
LINES_S = 10.0
DAY_END = "23:59"
MAX_SHOWN = 20


def main(args: argparse.Namespace) -> int:
    """Fetch what is missing; print what came."""
    settings = settings_for(args)
    tokens(settings)()  # before anything else is looked up: without one nothing can be fetched
    plan = plan_of(args, settings)
    budget = reads_of(settings, settings.history.backfill_reads_per_s)
    shelf = Shelf(settings.paths.archive, settings.maker)
    bar = Bar(f"history {plan.period.name}", budget, lines_s=LINES_S)
    quarantine = Quarantine(settings.paths.runtime / "quarantine" / "history")
    with shelf.writing():
        calls = CandleCalls(rest_client(settings), budget, quarantine)
        found = Backfill(calls, calendar_of(settings), shelf, bar.show).run(plan)
    bar.close()
    _tell(found, quarantine, settings)
    plain = {
        "candle": plan.period.name,
        "from": plan.first,
        "to": plan.last,
        "symbols": len(plan.instruments),
        "candles": found.candles,
        "calls": found.calls,
        "refused": found.refused,
        "failed": found.failed,
    }
    words = f"{found.candles} candles of {len(plan.instruments)} symbols, {plan.first} to {plan.last}, in {found.calls} calls"
    show(args, plain, f"{words}; {len(found.refused)} candles refused, {len(found.failed)} requests failed")
    return 1 if found.failed else 0


def plan_of(args: argparse.Namespace, settings: Settings) -> BackfillPlan:
    """Turn the words into dates and papers.

    Raises:
        Refused: a span that is empty or not settled yet, an unknown length or symbol.
    """
    period = period_of(args.candle)
    now = now_ms()
    today = settings.session_date or ist_date(now)
    if not is_simulated(settings):
        today = min(today, ist_date(now))
    waits = period.minutes == 0 and not is_simulated(settings)
    settled = last_settled(today, ist_clock(now)[:5] if waits else DAY_END)
    last = args.last or settled
    if last > settled:
        raise Refused(f"--to {last} is not settled yet: the newest date that can be kept is {settled}")
    first = args.first or moved(last, -DEFAULT_DAYS)
    first, last = whole((first, last), period)
    if first > last:
        raise Refused(f"there is no whole candle of {period.name} from {first} to {last}: give an earlier --from, or a later --to")
    if last < period.first_date:
        raise Refused(f"the broker has no candles of {period.name} before {period.first_date}")
    instruments = resolve_instruments(settings, today)
    chosen = [resolve(text, instruments) for text in dict.fromkeys(args.symbols)] or instruments
    return BackfillPlan(chosen, period, max(first, period.first_date), last, moved(today, -BELIEVED_DAYS), args.again)


def _tell(found: Outcome, quarantine: Quarantine, settings: Settings) -> None:
    for why in (*found.failed, *found.refused)[:MAX_SHOWN]:
        sys.stderr.write(f"refused: {why}\n")
    if quarantine.kept > 0:
        sys.stderr.write(f"{quarantine.kept} answers kept for you in {settings.paths.runtime / 'quarantine' / 'history'}\n")
