"""`ticktick charges`: the day's own charges, order by order, against what the broker says that each costs. For the evening.

Reads   the stream ``fills`` of a date, the watchlist; the broker's charges of each executed order (one read each, within the shared quota)
Writes  nothing: a table of the orders that differ, and both sums

Our figures come from the dated table of rates; the broker's are the judge of it. Exit 0 when all agree to a rupee or one per cent, 1 when
one does not, 4 on paper, where nobody charges anything.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

from pipeline.broker.upstox_account import UpstoxAccount
from pipeline.core.charges import charges_for
from pipeline.core.errors import Refused
from pipeline.core.money import rupees
from pipeline.core.rates import Plan
from pipeline.core.schema import FILLS
from pipeline.core.session import ist_date
from pipeline.core.types import Fill, Instrument, Side
from pipeline.engine.portfolio import product_of
from pipeline.jobs.orders import OUTWARD
from pipeline.run import universe
from pipeline.run.access import now_ms, rest_client
from pipeline.run.reads import reads_of
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.client import open_clients
from pipeline.store.face import ZERO, Store
from pipeline.store.streams import RedisStore

SLACK_PAISE, SLACK_RATIO = 100.0, 0.01
READS_PER_S = 2.0
Ask = Callable[[str, Side, int, int], float]
"""Instrument key, side, shares, price in paise -> charges in paise."""


@dataclass(frozen=True, slots=True)
class Line:
    """One executed order."""

    order_id: str
    symbol: str
    side: str
    qty: int
    ours_paise: float
    theirs_paise: float

    @property
    def is_apart(self) -> bool:
        return abs(self.ours_paise - self.theirs_paise) > max(SLACK_PAISE, SLACK_RATIO * self.theirs_paise)


def main(args: argparse.Namespace) -> int:
    """Compare, and say what differs."""
    settings = settings_for(args)
    if settings.mode != OUTWARD and not settings.mode.startswith("live-"):
        raise Refused(f"mode {settings.mode}: no broker charges anything there")
    date_iso = args.date or settings.session_date or ist_date(now_ms())
    store = RedisStore(open_clients(settings.redis.urls()))
    papers = {i.symbol: i for i in universe.load(store, date_iso)}
    account, budget = UpstoxAccount(rest_client(settings)), reads_of(settings, READS_PER_S)

    def ask(key: str, side: Side, qty: int, px_paise: int) -> float:
        now = time.monotonic_ns() // 1_000_000
        time.sleep(max(0, budget.reserve(now) - now) / 1000)
        return account.charges_paise(key, side, qty, px_paise)

    found = compared(fills_of(store, date_iso), papers, Plan(settings.params.risk.plan), ask)
    apart = [line for line in found if line.is_apart]
    show(args, {"date": date_iso, "orders": [asdict(line) for line in found], "apart": len(apart)}, words_of(date_iso, found, apart))
    return 1 if apart else 0


def fills_of(store: Store, date_iso: str) -> list[Fill]:
    """Give the executions of a day."""
    out: list[Fill] = []
    after = ZERO
    while entries := store.read([(FILLS, after)], 1000, 0)[FILLS.name]:
        out += [entry.record for entry in entries if ist_date(entry.record.ts) == date_iso]
        after = entries[-1].id
    return out


def compared(fills: Iterable[Fill], papers: Mapping[str, Instrument], plan: Plan, ask: Ask) -> list[Line]:
    """Put both figures of each executed order side by side."""
    orders: dict[str, list[Fill]] = {}
    for fill in fills:
        orders.setdefault(fill.order_id, []).append(fill)
    out = []
    for order_id, parts in orders.items():
        first, qty = parts[0], sum(part.last_qty for part in parts)
        if first.symbol not in papers:
            raise Refused(f"{first.symbol} is not in the watchlist of that day: its charges cannot be asked for")
        value, paper = sum(part.last_qty * part.last_paise for part in parts), papers[first.symbol]
        sides = (value, 0) if first.side is Side.BUY else (0, value)
        ours = charges_for(product_of(paper), sides, 1, ist_date(first.ts), plan).exact
        theirs = ask(paper.instrument_key, first.side, qty, round(value / qty))
        out.append(Line(order_id, first.symbol, first.side.value, qty, ours, theirs))
    return out


def words_of(date_iso: str, found: list[Line], apart: list[Line]) -> str:
    """Say the sums, and each order that differs."""
    ours, theirs = (rupees(round(sum(getattr(line, name) for line in found))) for name in ("ours_paise", "theirs_paise"))
    lines = [f"{date_iso}: {len(found)} executed orders, charges {ours} by our table, {theirs} by the broker"]
    for line in apart:
        both = f"{rupees(round(line.ours_paise))} by ours, {rupees(round(line.theirs_paise))} by the broker"
        lines.append(f"  {line.order_id} {line.side} {line.qty} {line.symbol}: {both}")
    lines.append("they agree" if not apart else f"{len(apart)} differ: a rate has changed, see pipeline/core/rates.py")
    return "\n".join(lines)
