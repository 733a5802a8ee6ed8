"""The order desk: checks, numbers and books orders, and lets the venue match them against the tape.

Reads   order bodies as V3 sends them; frames as they are played
Writes  order rows and trade rows as the book shows them; every change goes to ``listeners`` (portfolio stream)
Accepted means accepted by Upstox: what the exchange refuses shows in the book as ``rejected``. Orders of the
pre-open and of the closing auction wait for its print. Never fills against what has not been played.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.core.broker import Terms
from pipeline.core.session import Phase, SessionDay
from pipeline.core.types import Side
from pipeline.engine.matching import Quote, Venue, VenueEvent, VenueOrder
from pipeline.simulator.answers import ApiError, local_time, number
from pipeline.simulator.blotter import ORDER_TYPES, STOPS, checked, order_row, paise, shown_terms, trade_row
from pipeline.simulator.listing import Listing, tick_paise
from pipeline.simulator.market import Frame, Update
from pipeline.simulator.tape import Tape

FINAL = ("complete", "cancelled", "rejected", "cancelled after market order")
AMO_WAITING = "after market order req received"
CIRCUIT = 0.10
MAX_SLICES = 25
AUCTION_PHASES = (Phase.AUCTION_REFERENCE, Phase.AUCTION, Phase.AUCTION_LIMIT)
_PRINTS = (Phase.PRE_OPEN_MATCH, Phase.AUCTION_MATCH)


@dataclass(slots=True)
class Entry:
    """One order: its row as the book shows it, and every row it went through."""

    row: dict[str, Any]
    order: VenueOrder
    is_ioc: bool
    cum_qty: int = 0
    """Filled so far, as far as it was told; the venue's own figure runs ahead within a batch of events."""
    value_paise: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class Desk:
    """All orders of one simulated account."""

    def __init__(self, day: SessionDay, listings: tuple[Listing, ...], tape: Tape, venue: Venue) -> None:
        self.day, self.tape = day, tape
        self.listings = {item.key: item for item in listings}
        self.venue = venue
        self.entries: dict[str, Entry] = {}
        self.trades: list[dict[str, Any]] = []
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        self._live: set[str] = set()

    def place(self, body: dict[str, Any]) -> list[str]:
        """Take an order; several ids when it was sliced."""
        asked = checked(body, self.listings)
        listing = self.listings[asked["instrument_token"]]
        total, freeze = asked["quantity"], listing.freeze_qty
        sizes = [total]
        if body.get("slice") is True and total > freeze:
            sizes = [freeze] * (total // freeze) + ([total % freeze] if total % freeze > 0 else [])
            if len(sizes) > MAX_SLICES:
                raise ApiError(400, "UDAPI1118", f"an order cannot be split into more than {MAX_SLICES}", "quantity", total)
        return [self._place_one(asked | {"quantity": qty}, listing) for qty in sizes]

    def modify(self, body: dict[str, Any]) -> str:
        """Change an open order to absolute values; what the exchange refuses shows as ``not modified``."""
        entry = self.entry(str(body.get("order_id") or ""))
        order = entry.order
        if entry.row["status"] in FINAL:
            raise ApiError(400, "UDAPI100041", "Order is already final and cannot be modified", "order_id", order.order_id)
        order_type = str(body.get("order_type") or order.order_type)
        if order_type not in ORDER_TYPES:
            raise ApiError(400, "UDAPI1056", "Invalid order type", "order_type", order_type)
        wanted = replace(
            order,
            qty=int(number(body, "quantity", 0)) or order.qty,
            order_type=order_type,
            limit_paise=paise(number(body, "price", 0.0)),
            trigger_paise=paise(number(body, "trigger_price", 0.0)),
        )
        entry.row |= shown_terms(wanted)
        self._mark(entry, "modify pending")
        if entry.row["is_amo"]:
            _take(order, wanted)
            self._mark(entry, AMO_WAITING)
        else:
            self._modify(entry, wanted)
        return order.order_id

    def _modify(self, entry: Entry, wanted: VenueOrder) -> None:
        order, listing = entry.order, self.listings[entry.order.symbol]
        phase = self.day.phase_at(self.tape.now_ms, listing.group(self.day.date))
        reason = self._objection(wanted, listing, phase, is_ioc=entry.is_ioc)
        if reason:
            self._apply([VenueEvent(self.tape.now_ms, order.order_id, "rejected", reason=reason)])
            return
        self._show_quote(order.symbol)
        terms = Terms(wanted.qty, wanted.order_type, wanted.limit_paise, wanted.trigger_paise)
        self._apply(self.venue.modify(order.order_id, terms, self.tape.now_ms))

    def cancel(self, order_id: str) -> str:
        """Take an open order off the book."""
        entry = self.entry(order_id)
        if entry.row["status"] in FINAL:
            raise ApiError(400, "UDAPI100040", "Order is already final and cannot be cancelled", "order_id", order_id)
        if entry.row["is_amo"]:
            entry.order.status = "cancelled"
            self._mark(entry, "cancelled after market order")
        else:
            self._mark(entry, "cancel pending")
            self._apply(self.venue.cancel(order_id, self.tape.now_ms))
        return order_id

    def entry(self, order_id: str) -> Entry:
        """Find an order.

        Raises:
            ApiError: UDAPI1003 without an id, UDAPI100010 when it is not known.
        """
        if order_id == "":
            raise ApiError(400, "UDAPI1003", "Order id is required", "order_id", None)
        found = self.entries.get(order_id)
        if found is None:
            raise ApiError(404, "UDAPI100010", "Order not found", "order_id", order_id)
        return found

    def book(self) -> list[dict[str, Any]]:
        return [e.row for e in self.entries.values()]

    def on_frame(self, frame: Frame) -> None:
        """Let open orders meet a frame that was just played."""
        if frame.status is not None:
            self._on_status(frame)
        if self._live:
            for update in frame.updates:
                if update.key in self._live:
                    self._apply(self.venue.on_quote(update.key, self.quote(update), frame.ts))

    def quote(self, update: Update) -> Quote:
        """What of an update can be traded against: the book, or an auction's print, or nothing."""
        listing = self.listings[update.key]
        phase = self.day.phase_at(self.tape.now_ms, listing.group(self.day.date))
        ltp = paise(update.ltp)
        if phase is Phase.CONTINUOUS and update.bid_px:
            return Quote(update.ltt, paise(update.bid_px[0]), update.bid_qty[0], paise(update.ask_px[0]), update.ask_qty[0], ltp)
        if phase in _PRINTS and self.day.phase_at(update.ltt, listing.group(self.day.date)) is phase:
            return Quote(update.ltt, ltp, update.ltq, ltp, update.ltq, ltp)
        return Quote(update.ltt, 0, 0, 0, 0, 0)

    def _place_one(self, asked: dict[str, Any], listing: Listing) -> str:
        now = self.tape.now_ms
        order_id = f"{self.day.date[2:].replace('-', '')}{len(self.entries) + 1:09d}"
        order = VenueOrder(
            order_id, listing.key, Side(asked["transaction_type"]), asked["order_type"], asked["quantity"],
            paise(asked["price"]), paise(asked["trigger_price"]), asked["tag"], now,
        )  # fmt: skip
        entry = Entry(order_row(asked, order, listing, now), order, asked["validity"] == "IOC")
        self.entries[order_id] = entry
        phase = self.day.phase_at(now, listing.group(self.day.date))
        if phase in (Phase.CLOSED, Phase.POST_CLOSE):
            entry.row |= {"is_amo": True, "variety": "AMO"}
            self._mark(entry, AMO_WAITING)
            return order_id
        for status in ("put order req received", "validation pending", "open pending"):
            self._mark(entry, status)
        reason = self._objection(order, listing, phase, is_ioc=entry.is_ioc)
        if reason:
            order.status = "rejected"
            self._mark(entry, "rejected", reason)
        else:
            self._send(entry)
        return order_id

    def _send(self, entry: Entry) -> None:
        now = self.tape.now_ms
        order = entry.order
        self._live.add(order.symbol)
        self._show_quote(order.symbol)
        self._apply(self.venue.place(order, now))
        if entry.is_ioc and entry.row["status"] not in FINAL:
            self._apply(self.venue.cancel(order.order_id, now))

    def _show_quote(self, key: str) -> None:
        """Bring the venue's quote up to date; it only follows papers with open orders."""
        update = self.tape.latest.get(key)
        if update is not None:
            quote = self.quote(update)
            if self.venue.quotes.get(key) != quote:
                self._apply(self.venue.on_quote(key, quote, self.tape.now_ms))

    def _objection(self, order: VenueOrder, listing: Listing, phase: Phase, *, is_ioc: bool) -> str:
        """Say why the exchange would refuse; empty when it would not."""
        tick = tick_paise(listing, self.day.date)
        close = self.tape.latest[listing.key].cp if listing.key in self.tape.latest else listing.base_px
        low, high = close * (1 - CIRCUIT) * 100, close * (1 + CIRCUIT) * 100
        if phase in AUCTION_PHASES and (is_ioc or order.order_type in STOPS):
            return "stop-loss and IOC orders are not allowed in the closing auction"
        if phase is Phase.AUCTION_REFERENCE:
            return "no order entry while the auction's reference price is computed"
        if listing.is_index:
            return "an index cannot be traded"
        if order.qty > listing.freeze_qty:
            return "order quantity exceeds the freeze quantity"
        if order.qty % listing.lot_size != 0:
            return "order quantity is not a multiple of the lot size"
        for px in (order.limit_paise, order.trigger_paise):
            if px % tick != 0:
                return "order price is not a multiple of the tick size"
            if px > 0 and not low <= px <= high:
                return "order price is outside the circuit limits"
        return ""

    def _apply(self, events: list[VenueEvent]) -> None:
        for event in events:
            self._tell(self.entries[event.order_id], event)
        touched = {self.entries[e.order_id].order.symbol for e in events}
        for key in sorted(touched):
            if not any(e.order.symbol == key and e.row["status"] not in FINAL for e in self.entries.values()):
                self._live.discard(key)

    def _tell(self, entry: Entry, event: VenueEvent) -> None:
        """Bring one event of the venue into the book."""
        waits = entry.order.order_type in STOPS and entry.order.status == "trigger pending"
        live = "trigger pending" if waits else "open"
        if event.kind == "fill":
            entry.cum_qty += event.qty
            entry.value_paise += event.qty * event.px_paise
            self.trades.append(trade_row(entry.row, event))
            self._mark(entry, "complete" if entry.cum_qty == entry.order.qty else "open")
        elif event.kind == "accepted":
            self._mark(entry, "trigger pending" if entry.order.order_type in STOPS else "open")
        elif event.kind == "modified":
            self._mark(entry, "modified")
            self._mark(entry, live)
        elif event.kind == "rejected" and entry.order.status != "rejected":
            entry.row |= shown_terms(entry.order)
            self._mark(entry, "not modified", event.reason)
            self._mark(entry, entry.order.status)
        elif event.kind == "rejected":
            self._mark(entry, "rejected", event.reason)
        else:
            self._mark(entry, "cancelled" if event.kind == "cancelled" else "open")

    def _mark(self, entry: Entry, status: str, message: str = "") -> None:
        order = entry.order
        entry.row |= {
            "status": status,
            "status_message": message,
            "status_message_raw": message,
            "filled_quantity": entry.cum_qty,
            "pending_quantity": 0 if status in FINAL else order.qty - entry.cum_qty,
            "average_price": round(entry.value_paise / entry.cum_qty / 100, 4) if entry.cum_qty > 0 else 0.0,
            "exchange_timestamp": local_time(self.tape.now_ms),
        }
        entry.history.append(dict(entry.row))
        for listen in self.listeners:
            listen(dict(entry.row))

    def _on_status(self, frame: Frame) -> None:
        """Send waiting after-market orders at the open; end what is left at the close of the day."""
        word = (frame.status.segments if frame.status is not None else {}).get("NSE_EQ")
        for entry in list(self.entries.values()):
            if word in ("NORMAL_OPEN", "PRE_OPEN_START") and entry.row["status"] == AMO_WAITING:
                entry.row["is_amo"] = False
                self._send(entry)
            elif word == "CLOSING_END" and entry.row["status"] not in FINAL and not entry.row["is_amo"]:
                self._apply(self.venue.cancel(entry.order.order_id, frame.ts))


def _take(order: VenueOrder, wanted: VenueOrder) -> None:
    order.qty, order.order_type = wanted.qty, wanted.order_type
    order.limit_paise, order.trigger_paise = wanted.limit_paise, wanted.trigger_paise
