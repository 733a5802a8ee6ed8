"""The order manager's state: what is asked, what is working, what is held, and what the broker last said.

Reads   today's watchlist, the session's phases, the parameters
Writes  JSON-able plain values and one array, and back, bit for bit

In paper and replay modes the venue's own book is part of the state, so that a restart finds the same resting orders; otherwise ``venue``
is None and every request leaves as a record. Holds no rule of its own; those are in orders.py, outward.py and protect.py.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.broker import LISTINGS, BrokerReport, Facts, OrderRequest
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
from pipeline.engine.reconcile import owned

_LISTED = frozenset(LISTINGS)
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Paper:
    """What the desk must know of one instrument today."""

    instrument: Instrument
    group: Group
    no_entry_ms: int
    square_off_ms: int


@dataclass(slots=True)
class Desk:
    """``orders`` (live), ``final`` (over, but a fill may be late) and ``wishes`` (the entries' intents) are keyed by intent id."""

    papers: dict[str, Paper]
    day: SessionDay
    params: Params
    quotes: QuoteTable
    venue: Venue | None
    ledger: Ledger
    pending: dict[str, Recommendation] = field(default_factory=dict)
    """Recommendations without an answer."""
    early: dict[str, Confirmation] = field(default_factory=dict)
    """Answers that were read before their recommendation."""
    settled: dict[str, None] = field(default_factory=dict)
    """Recommendations that have had their answer, or expired: later answers change nothing."""
    orders: dict[str, Order] = field(default_factory=dict)
    final: dict[str, Order] = field(default_factory=dict)
    wishes: dict[str, OrderIntent] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    """Broker's order id -> intent id."""
    tags: dict[str, str] = field(default_factory=dict)
    """Tag on the broker's book -> intent id."""
    gtts: dict[str, str] = field(default_factory=dict)
    """GTT -> intent id of its entry."""
    shown: dict[str, int] = field(default_factory=dict)
    """GTT -> when the newest book was asked for that showed its server watching."""
    plans: dict[str, Plan] = field(default_factory=dict)
    causes: dict[str, None] = field(default_factory=dict)
    """Every intent that was ever sent: never a second one."""
    last_sent: dict[str, int] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    """Instants of the orders of the last minute."""
    sent_today: int = 0
    minute: int = 0
    word: str = ""
    """The emergency word in force (core/broker.py:Word), or none."""
    word_ms: int = 0
    """When it came."""
    asked: int = 0
    """Requests so far: their ids."""
    in_flight: dict[str, OrderRequest] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    """Listing -> when it is to be read next."""
    read_ms: dict[str, int] = field(default_factory=dict)
    """Listing -> when the newest complete one was asked for, since the start."""
    listed: dict[str, int] = field(default_factory=dict)
    """Positions of the listing that is coming in."""
    listed_outside: dict[str, list[Any]] = field(default_factory=dict)
    broker_qty: dict[str, int] = field(default_factory=dict)
    """The broker's net position by its newest complete listing."""
    outside: dict[str, list[Any]] = field(default_factory=dict)
    """Positions of the same listing in papers outside the watchlist, by key: [name, signed quantity, worth of one, profit of the day]."""
    changed_ms: dict[str, int] = field(default_factory=dict)
    """Symbol -> last fill or end of an order: an older listing says nothing about what may be closed."""
    strange: dict[str, list[Any]] = field(default_factory=dict)
    """Trade id -> [symbol, signed quantity, broker's order id, paise] of trades of no order of ours, by what was known then."""
    late: dict[str, None] = field(default_factory=dict)
    """Orders of which trades are still to come."""
    strangers: dict[str, int] = field(default_factory=dict)
    """Orders on the book that are not ours: broker's order id -> when first seen."""
    agreed_ms: int = 0
    """When the books last agreed; 0 not since the start."""
    began_ms: int = 0
    """When this desk first began: what was sent before (if its memory was lost) may not show on the book yet."""
    day_peak_paise: int = 0
    """Highest profit of the day, as the limits count it (engine/tally.py)."""
    carried_paise: int = 0
    """Made by the account in the sessions before this one."""
    peak_paise: int = 0
    """Highest profit of the account over all sessions."""
    apart: int = 0
    """Comparisons in a row that did not agree."""
    account: str = ""
    """Whose high-water mark is kept over days; empty: nobody's."""
    unwanted: dict[str, None] = field(default_factory=dict)
    """Entries that a person wants cancelled: as soon as they can be."""
    told: dict[str, None] = field(default_factory=dict)
    """Alerts of the kind that is said once a day."""
    noticed: dict[str, int] = field(default_factory=dict)
    """Paper -> when trades of no order of ours were first seen in it."""
    watched_ms: int = 0
    watched_trades: int = 0
    shown_external: str = ""
    """What people hold as it was shown last: no part of the state."""
    facts: Facts | None = None
    """What was looked up last; None since the start."""
    inbox: deque[BrokerReport] = field(default_factory=deque)
    """Answers of the paper venue that are still to be taken; empty between two steps."""
    written: dict[str, dict[str, tuple[Any, bytes]]] = field(default_factory=dict)
    """Table -> key -> record and its line in a dump: no part of the state."""

    @property
    def is_ready(self) -> bool:
        """Tell whether the broker's book is known well enough to send exits."""
        return self.venue is not None or _LISTED.issubset(self.read_ms)

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
        return sum(o.leaves_qty for o in self.exits(symbol))

    def exposure_paise(self) -> int:
        """Worth of positions, and of all that live entries could still add."""
        return self.ledger.exposure_paise + sum(o.leaves_qty * o.limit_paise for o in self.orders.values() if o.purpose == "entry")

    def exits(self, symbol: str) -> list[Order]:
        return [o for o in self.orders.values() if o.symbol == symbol and o.purpose != "entry"]

    def held(self, symbol: str) -> int:
        """Give the signed position, with what has filled by the broker's book but has not come as a trade yet."""
        holding = self.ledger.holdings.get(symbol)
        qty = 0 if holding is None else holding.qty
        if self.late:
            for order in self.late_fills():
                if order.symbol == symbol:
                    qty += order.side.sign * (order.told_qty - order.cum_qty)
        return qty

    def ours(self, symbol: str) -> int:
        """Give what of the position may be guarded and closed: what a person has sold by hand is not there any more."""
        held = self.held(symbol)
        if not self.strange or held == 0:
            return held
        return owned(held, held + self.by_hand().get(symbol, 0))

    def by_hand(self) -> dict[str, int]:
        """Give the signed shares that people traded, paper by paper.

        A trade that was read before its order was known for ours (the answer was lost, and the trade book came before the order book) is
        none of them, and is booked with the next reading.
        """
        out: dict[str, int] = {}
        for symbol, qty, order_id, _ in self.strange.values():
            if order_id not in self.owners:
                out[symbol] = out.get(symbol, 0) + qty
        return out

    def late_fills(self) -> list[Order]:
        """Give the orders of which the broker's book shows more fills than we have trades."""
        return [order for key in self.late if (order := self.order(key)) is not None]

    def note_late(self, order: Order) -> None:
        """Remember whether trades of an order are still to come."""
        if order.told_qty > order.cum_qty:
            self.late[order.intent_id] = None
        else:
            self.late.pop(order.intent_id, None)

    def order(self, intent_id: str) -> Order | None:
        return self.orders.get(intent_id) or self.final.get(intent_id)

    def open_symbols(self) -> set[str]:
        return {*self.ledger.open_symbols(), *(o.symbol for o in self.orders.values())}

    def note_sent(self, intent: OrderIntent, now: int) -> None:
        """Count an order that is about to leave.

        Raises:
            Corrupt: its intent has left before.
        """
        if intent.id in self.causes:
            raise Corrupt(f"intent {intent.id} would be sent twice: stop, and compare with the broker's book")
        self.causes[intent.id] = None
        self.last_sent[intent.symbol] = now
        self.sent.append(now)
        self.sent_today += 1

    def mark_held(self) -> None:
        """Value what is held at the last traded prices."""
        for symbol in self.ledger.open_symbols():
            paise, ts = self.quotes.ltp_paise(self.papers[symbol].instrument.sid)
            self.ledger.mark(symbol, paise, ts)


def new_desk(instruments: tuple[Instrument, ...], day: SessionDay, params: Params, *, is_outward: bool = False) -> Desk:
    """Set up an empty desk: with its paper venue inside, or (``is_outward``) for a broker outside."""
    groups = {instrument.symbol: group_of(instrument) for instrument in instruments}
    last = {group: (no_entry_ms(day, group, params.orders), square_off_ms(day, group, params.orders)) for group in set(groups.values())}
    papers = {i.symbol: Paper(i, groups[i.symbol], *last[groups[i.symbol]]) for i in instruments}
    venue = None if is_outward else Venue(params.orders.paper_latency_ms, params.orders.slippage_bps)
    return Desk(papers, day, params, QuoteTable(len(instruments)), venue, new_ledger(day.date, instruments, params.risk.plan))


_PLAIN = (
    "owners", "tags", "gtts", "shown", "last_sent", "due", "read_ms", "listed", "listed_outside", "broker_qty", "outside", "changed_ms",
    "strange", "strangers", "noticed",
)  # fmt: skip
_SCALARS = (
    "sent_today", "minute", "word", "word_ms", "asked", "agreed_ms", "apart", "began_ms", "day_peak_paise", "carried_paise", "peak_paise",
    "account", "watched_ms", "watched_trades",
)  # fmt: skip
_TABLES: dict[str, type] = {
    "pending": Recommendation,
    "early": Confirmation,
    "orders": Order,
    "final": Order,
    "in_flight": OrderRequest,
    "wishes": OrderIntent,
    "plans": Plan,
}
_LONG = ("final", "wishes")
"""Tables that grow all day, of records that seldom change: dumped as lines that are written once."""


def dump(desk: Desk) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Take the desk apart into plain values and arrays."""
    plain: dict[str, Any] = {name: {key: to_plain(r) for key, r in getattr(desk, name).items()} for name in _TABLES if name not in _LONG}
    plain |= {name: list(getattr(desk, name)) for name in ("settled", "causes", "sent", "late", "told", "unwanted")}
    plain |= {name: dict(getattr(desk, name)) for name in _PLAIN} | {name: getattr(desk, name) for name in _SCALARS}
    plain["facts"] = None if desk.facts is None else to_plain(desk.facts)
    plain |= {"frame": desk.quotes.frame, "ledger": desk.ledger.dump(), "venue": None if desk.venue is None else desk.venue.dump()}
    return plain, {"quotes": desk.quotes.rows} | {name: _lines(desk, name) for name in _LONG}


def _lines(desk: Desk, name: str) -> NDArray[np.uint8]:
    """Give a long table as lines of JSON; only what has changed since the last dump is written anew."""
    table, known = getattr(desk, name), desk.written.setdefault(name, {})
    for key, record in table.items():
        if key not in known or known[key][0] is not record:
            known[key] = record, _ENCODER.encode([key, to_plain(record)]).encode() + b"\n"
    return np.frombuffer(bytearray(b"".join([known[key][1] for key in table])), np.uint8)


def restore(desk: Desk, plain: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Make a fresh desk into the one that was dumped."""
    if any(name not in (arrays if name in _LONG else plain) for name in (*_TABLES, *_PLAIN, *_SCALARS, "facts")):
        raise Corrupt("the orders snapshot is of another version: stop, and clear the session with `ticktick clear`")
    if arrays["quotes"].shape != desk.quotes.rows.shape:
        raise Corrupt("the orders snapshot is of another watchlist: stop, and clear the session with `ticktick clear`")
    for name, kind in _TABLES.items():
        rows = map(json.loads, arrays[name].tobytes().splitlines()) if name in _LONG else plain[name].items()
        setattr(desk, name, {key: from_plain(kind, values) for key, values in rows})
    desk.settled, desk.causes = dict.fromkeys(plain["settled"]), dict.fromkeys(plain["causes"])
    for name in ("late", "told", "unwanted"):
        setattr(desk, name, dict.fromkeys(plain[name]))
    desk.sent = list(plain["sent"])
    for name in _PLAIN:
        setattr(desk, name, dict(plain[name]))
    for name in _SCALARS:
        setattr(desk, name, plain[name])
    desk.facts = None if plain["facts"] is None else Facts(*plain["facts"])
    if (desk.venue is None) != (plain["venue"] is None):
        raise Corrupt("the orders snapshot is of another mode: stop, and clear the session with `ticktick clear`")
    if desk.venue is not None:
        desk.venue.restore(plain["venue"])
    desk.ledger.restore(plain["ledger"])
    desk.quotes.put(arrays["quotes"], plain["frame"])
