"""The paper exchange: orders against the quotes of a feed, in event time.

Reads   Quote (paise, shares) per symbol; orders, modifications and cancellations with the instant they were made
Writes  VenueEvent: accepted, rejected, triggered, fill, modified, cancelled; the state is JSON-able

An order takes at most the displayed size of a quote, at the quote's price worsened by the slippage and
never beyond its limit. With market protection a market order and a triggered stop bear a limit, too: what the price has
gone past rests. With a latency it can first meet a quote that is at least that much younger than
itself. A side that shows no price fills nothing (a stock locked at its band). Never asks a clock, never
invents size that was not shown, never fills twice under one trade id.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pipeline.core.broker import Terms
from pipeline.core.frozen import quick
from pipeline.core.types import Side

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDER_TYPES = ("LIMIT", "MARKET", "SL", "SL-M")
OPEN, TRIGGER_PENDING, COMPLETE, CANCELLED, REJECTED = "open", "trigger pending", "complete", "cancelled", "rejected"
FINAL = (COMPLETE, CANCELLED, REJECTED)
_BPS = 10_000


@quick
@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask with the last trade; 0 is absent."""

    ts: int
    bid_paise: int
    bid_qty: int
    ask_paise: int
    ask_qty: int
    ltp_paise: int


@dataclass(slots=True)
class VenueOrder:
    """An order on the venue's book. ``qty`` is the total asked; ``status`` is one of Upstox's words."""

    order_id: str
    symbol: str
    side: Side
    order_type: str
    qty: int
    limit_paise: int
    trigger_paise: int
    tag: str
    ts: int
    cum_qty: int = 0
    value_paise: int = 0
    status: str = OPEN
    active_ms: int = 0
    """It meets quotes from this instant on."""
    trades: int = 0
    bound_paise: int = 0
    """The limit that market protection gave it; 0: none (yet)."""

    @property
    def leaves_qty(self) -> int:
        return 0 if self.status in FINAL else self.qty - self.cum_qty

    @property
    def avg_px(self) -> float:
        """Average price of all fills, in rupees; 0 without fills."""
        return 0.0 if self.cum_qty == 0 else self.value_paise / self.cum_qty / 100


@quick
@dataclass(frozen=True, slots=True)
class VenueEvent:
    """``qty`` is the fill's size (or what a cancellation left open), ``px_paise`` the fill's price."""

    ts: int
    order_id: str
    kind: str
    qty: int = 0
    px_paise: int = 0
    trade_id: str = ""
    reason: str = ""


class Venue:
    """A deterministic book of our own orders; every method takes the event time ``now``."""

    def __init__(self, latency_ms: int = 0, slippage_bps: float = 0.0, protection_bps: float = 0.0) -> None:
        self.latency_ms = latency_ms
        self.slippage_bps = slippage_bps
        self.protection_bps = protection_bps
        """Of market orders and triggered stops, from the last trade and from the trigger; 0: none."""
        self.orders: dict[str, VenueOrder] = {}
        self.quotes: dict[str, Quote] = {}
        self._live: dict[str, list[str]] = {}
        self._taken: dict[str, list[int]] = {}

    def place(self, order: VenueOrder, now: int) -> list[VenueEvent]:
        """Take an order; without latency it meets the current quote at once."""
        if order.order_id in self.orders:
            return [VenueEvent(now, order.order_id, "rejected", reason="duplicate order id")]
        self.orders[order.order_id] = order
        reason = _objection(order.order_type, order.qty, order.limit_paise, order.trigger_paise)
        if reason:
            order.status = REJECTED
            return [VenueEvent(now, order.order_id, "rejected", reason=reason)]
        order.status = _first_status(order.order_type)
        order.active_ms = now + self.latency_ms
        self._live.setdefault(order.symbol, []).append(order.order_id)
        return [VenueEvent(now, order.order_id, "accepted", order.qty), *self._meet_now(order, now)]

    def modify(self, order_id: str, terms: Terms, now: int) -> list[VenueEvent]:
        """Change an open order to absolute values; another type waits for its trigger anew, or no longer waits."""
        order, qty = self.orders.get(order_id), terms.qty
        reason = _gone(order) or _objection(terms.order_type, qty, terms.limit_paise, terms.trigger_paise)
        if order is None or reason:
            return [VenueEvent(now, order_id, "rejected", reason=reason)]
        if qty <= order.cum_qty:
            return [VenueEvent(now, order_id, "rejected", reason="quantity is not above what has filled")]
        if terms.order_type != order.order_type:
            order.order_type, order.status = terms.order_type, _first_status(terms.order_type)
        order.qty, order.limit_paise, order.trigger_paise = qty, terms.limit_paise, terms.trigger_paise
        order.active_ms, order.bound_paise = now + self.latency_ms, 0
        return [VenueEvent(now, order_id, "modified", qty), *self._meet_now(order, now)]

    def cancel(self, order_id: str, now: int) -> list[VenueEvent]:
        """Take an open order off the book; what has filled stays filled."""
        order = self.orders.get(order_id)
        reason = _gone(order)
        if order is None or reason:
            return [VenueEvent(now, order_id, "rejected", reason=reason)]
        leaves = order.leaves_qty
        self._close(order, CANCELLED)
        return [VenueEvent(now, order_id, "cancelled", leaves)]

    def on_quote(self, symbol: str, quote: Quote, now: int) -> list[VenueEvent]:
        """Take a new quote; its displayed size is there to be had once, by the oldest best-priced orders."""
        self.quotes[symbol] = quote
        self._taken.pop(symbol, None)
        live = self._live.get(symbol)
        if not live:
            return []
        ranked = sorted((self.orders[i] for i in live), key=_priority)
        return [event for order in ranked for event in self._meet(order, quote, now)]

    def forget(self, order_id: str) -> None:
        """Drop a final order from the book, for an owner that keeps its own record."""
        order = self.orders.get(order_id)
        if order is not None and order.status in FINAL:
            del self.orders[order_id]

    def dump(self) -> dict[str, Any]:
        """Everything as plain values; ``restore`` of it goes on bit for bit."""
        return {
            "latency_ms": self.latency_ms,
            "slippage_bps": self.slippage_bps,
            "protection_bps": self.protection_bps,
            "orders": [asdict(o) | {"side": o.side.value} for o in self.orders.values()],
            "quotes": {s: list(_quote_fields(q)) for s, q in self.quotes.items()},
            "live": {s: list(ids) for s, ids in self._live.items()},
            "taken": {s: list(t) for s, t in self._taken.items()},
        }

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Become the venue that was dumped."""
        self.latency_ms = int(plain["latency_ms"])
        self.slippage_bps = float(plain["slippage_bps"])
        self.protection_bps = float(plain["protection_bps"])
        self.orders = {row["order_id"]: VenueOrder(**{**row, "side": Side(row["side"])}) for row in plain["orders"]}
        self.quotes = {s: Quote(*fields) for s, fields in plain["quotes"].items()}
        self._live = {s: list(ids) for s, ids in plain["live"].items()}
        self._taken = {s: list(t) for s, t in plain["taken"].items()}

    def _meet_now(self, order: VenueOrder, now: int) -> list[VenueEvent]:
        quote = self.quotes.get(order.symbol)
        return [] if quote is None or self.latency_ms > 0 else self._meet(order, quote, now)

    def _meet(self, order: VenueOrder, quote: Quote, now: int) -> list[VenueEvent]:
        """One order against one quote: trigger, then fill what price and size allow."""
        if now < order.active_ms:
            return []
        events: list[VenueEvent] = []
        if order.status == TRIGGER_PENDING:
            if not _triggers(order, quote):
                return []
            order.status = OPEN
            events.append(VenueEvent(now, order.order_id, "triggered"))
        if self.protection_bps > 0 and order.bound_paise == 0 and order.order_type in {"MARKET", "SL-M"}:
            order.bound_paise = _protected(order.trigger_paise or quote.ltp_paise, order.side, self.protection_bps)
        fill = self._fill(order, quote, now)
        return events if fill is None else [*events, fill]

    def _fill(self, order: VenueOrder, quote: Quote, now: int) -> VenueEvent | None:
        is_buy = order.side is Side.BUY
        shown_px, shown_qty = (quote.ask_paise, quote.ask_qty) if is_buy else (quote.bid_paise, quote.bid_qty)
        taken = self._taken.setdefault(order.symbol, [0, 0])
        qty = min(order.leaves_qty, shown_qty - taken[is_buy])
        if shown_px <= 0 or qty <= 0:
            return None
        px = _worsened(shown_px, order.side, self.slippage_bps)
        limit = order.limit_paise if order.order_type in {"LIMIT", "SL"} else order.bound_paise
        if limit > 0:
            if (shown_px - limit) * order.side.sign > 0:
                return None
            px = min(px, limit) if is_buy else max(px, limit)
        taken[is_buy] += qty
        order.cum_qty += qty
        order.value_paise += qty * px
        order.trades += 1
        if order.cum_qty == order.qty:
            self._close(order, COMPLETE)
        return VenueEvent(now, order.order_id, "fill", qty, px, f"{order.order_id}-{order.trades}")

    def _close(self, order: VenueOrder, status: str) -> None:
        order.status = status
        live = self._live[order.symbol]
        live.remove(order.order_id)
        if not live:
            del self._live[order.symbol]


def _quote_fields(q: Quote) -> tuple[int, ...]:
    return q.ts, q.bid_paise, q.bid_qty, q.ask_paise, q.ask_qty, q.ltp_paise


def _objection(order_type: str, qty: int, limit_paise: int, trigger_paise: int) -> str:
    """Say why the exchange would not take these values; empty when it would."""
    if order_type not in ORDER_TYPES:
        return "unknown order type"
    if qty <= 0:
        return "quantity must be above zero"
    if order_type in {"LIMIT", "SL"} and limit_paise <= 0:
        return "a limit price is needed"
    if order_type in {"SL", "SL-M"} and trigger_paise <= 0:
        return "a trigger price is needed"
    return ""


def _first_status(order_type: str) -> str:
    return TRIGGER_PENDING if order_type in {"SL", "SL-M"} else OPEN


def _gone(order: VenueOrder | None) -> str:
    if order is None:
        return "order not found"
    return f"order is already {order.status}" if order.status in FINAL else ""


def _priority(order: VenueOrder) -> tuple[int, int]:
    """Market orders first, then the most willing limit; Python's sort keeps age within a price."""
    if order.order_type in {"MARKET", "SL-M"}:
        return (0, 0)
    return (1, -order.limit_paise * order.side.sign)


def _triggers(order: VenueOrder, quote: Quote) -> bool:
    return quote.ltp_paise > 0 and (quote.ltp_paise - order.trigger_paise) * order.side.sign >= 0


def _protected(px_paise: int, side: Side, protection_bps: float) -> int:
    """Give the worst price that market protection allows, seen from ``px_paise``; 0 where no price is known."""
    return max(0, px_paise + side.sign * round(px_paise * protection_bps / _BPS))


def _worsened(px_paise: int, side: Side, slippage_bps: float) -> int:
    slip = math.ceil(px_paise * slippage_bps / _BPS)
    return px_paise + slip if side is Side.BUY else max(1, px_paise - slip)
