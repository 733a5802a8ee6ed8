"""The order manager's state: what is asked, what is working, what is held, and the paper venue it talks to.

Reads   today's watchlist, the session's phases, the parameters
Writes  JSON-able plain values and one array, and back, bit for bit

Only the working part of the day is kept: final orders are in the journal. The venue's own book is part of the
state, so that a restart finds the same resting orders. Holds no rule of its own; those are in orders.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.params import Params
from pipeline.core.session import Group, Phase, SessionDay, group_of
from pipeline.core.types import Confirmation, Instrument, OrderIntent, Recommendation
from pipeline.engine.exits import Plan, no_entry_ms, square_off_ms
from pipeline.engine.identity import from_plain, to_plain
from pipeline.engine.lifecycle import Order
from pipeline.engine.matching import Venue
from pipeline.engine.portfolio import Ledger, new_ledger
from pipeline.engine.quotes import QuoteTable


@dataclass(frozen=True, slots=True)
class Paper:
    """What the desk must know of one instrument today."""

    instrument: Instrument
    group: Group
    no_entry_ms: int
    square_off_ms: int


@dataclass(slots=True)
class Desk:
    """``orders`` and ``wishes`` (the entries' intents) are keyed by intent id and hold live orders only."""

    papers: dict[str, Paper]
    day: SessionDay
    params: Params
    quotes: QuoteTable
    venue: Venue
    ledger: Ledger
    pending: dict[str, Recommendation] = field(default_factory=dict)
    """Recommendations without an answer."""
    early: dict[str, Confirmation] = field(default_factory=dict)
    """Answers that were read before their recommendation."""
    settled: dict[str, None] = field(default_factory=dict)
    """Recommendations that have had their answer, or expired: later answers change nothing."""
    orders: dict[str, Order] = field(default_factory=dict)
    wishes: dict[str, OrderIntent] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    """Venue order id -> intent id."""
    plans: dict[str, Plan] = field(default_factory=dict)
    causes: dict[str, None] = field(default_factory=dict)
    """Every intent that was ever sent: never a second one."""
    last_sent: dict[str, int] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    """Instants of the orders of the last minute."""
    sent_today: int = 0
    minute: int = 0

    def paper(self, symbol: str) -> Paper:
        """Give what is known of a paper.

        Raises:
            Corrupt: our own records name a paper that is not in today's watchlist.
        """
        if symbol not in self.papers:
            raise Corrupt(f"{symbol} is not in today's watchlist: stop, and clear the session with `ticktick clear`")
        return self.papers[symbol]

    def is_open(self, symbol: str, now: int) -> bool:
        """Tell whether the paper is in continuous trading."""
        return self.day.phase_at(now, self.paper(symbol).group) is Phase.CONTINUOUS

    def entries(self, symbol: str) -> list[Order]:
        return [o for o in self.orders.values() if o.symbol == symbol and o.purpose == "entry"]

    def pending_close_qty(self, symbol: str) -> int:
        """Shares of closing orders that may still fill."""
        return sum(o.leaves_qty for o in self.orders.values() if o.symbol == symbol and o.purpose == "exit")

    def exposure_paise(self) -> int:
        """Worth of positions, and of all that live entries could still add."""
        return self.ledger.exposure_paise + sum(o.leaves_qty * o.limit_paise for o in self.orders.values() if o.purpose == "entry")

    def open_symbols(self) -> set[str]:
        return {*self.ledger.open_symbols(), *(o.symbol for o in self.orders.values())}

    def mark_held(self) -> None:
        """Value what is held at the last traded prices."""
        for symbol in self.ledger.open_symbols():
            paise, ts = self.quotes.ltp_paise(self.papers[symbol].instrument.sid)
            self.ledger.mark(symbol, paise, ts)


def new_desk(instruments: tuple[Instrument, ...], day: SessionDay, params: Params) -> Desk:
    """Set up an empty desk with its paper venue."""
    papers: dict[str, Paper] = {}
    for instrument in instruments:
        group = group_of(instrument)
        papers[instrument.symbol] = Paper(
            instrument, group, no_entry_ms(day, group, params.orders), square_off_ms(day, group, params.orders)
        )
    venue = Venue(params.orders.paper_latency_ms, params.orders.slippage_bps)
    return Desk(papers, day, params, QuoteTable(len(instruments)), venue, new_ledger(day.date, instruments))


_TABLES: dict[str, type] = {
    "pending": Recommendation,
    "early": Confirmation,
    "orders": Order,
    "wishes": OrderIntent,
    "plans": Plan,
}


def dump(desk: Desk) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Take the desk apart into plain values and arrays."""
    plain: dict[str, Any] = {name: {key: to_plain(r) for key, r in getattr(desk, name).items()} for name in _TABLES}
    plain |= {name: list(getattr(desk, name)) for name in ("settled", "causes", "sent")}
    plain |= {"owners": dict(desk.owners), "last_sent": dict(desk.last_sent)}
    plain |= {"sent_today": desk.sent_today, "minute": desk.minute, "frame": desk.quotes.frame}
    plain |= {"venue": desk.venue.dump(), "ledger": desk.ledger.dump()}
    return plain, {"quotes": desk.quotes.rows}


def restore(desk: Desk, plain: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Make a fresh desk into the one that was dumped."""
    if arrays["quotes"].shape != desk.quotes.rows.shape:
        raise Corrupt("the orders snapshot is of another watchlist: stop, and clear the session with `ticktick clear`")
    for name, kind in _TABLES.items():
        setattr(desk, name, {key: from_plain(kind, values) for key, values in plain[name].items()})
    desk.settled, desk.causes = dict.fromkeys(plain["settled"]), dict.fromkeys(plain["causes"])
    desk.sent, desk.sent_today, desk.minute = list(plain["sent"]), plain["sent_today"], plain["minute"]
    desk.owners, desk.last_sent = dict(plain["owners"]), dict(plain["last_sent"])
    desk.venue.restore(plain["venue"])
    desk.ledger.restore(plain["ledger"])
    desk.quotes.rows = np.array(arrays["quotes"])
    desk.quotes.frame = plain["frame"]
