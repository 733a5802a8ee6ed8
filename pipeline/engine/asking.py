"""Asking the broker: the request that leaves as a record, or the paper venue's answers at once.

Reads   the desk, an order, what is wanted of it
Writes  OrderRequest (outward desks only), OrderEvent; the answers of the paper venue go to the desk's inbox

Cancellations and changes carry absolute values: to repeat them is harmless. A placement is asked for by engine/protect.py:send, once.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.broker import Ask, BrokerReport, OrderRequest, Terms
from pipeline.core.trading import Denial
from pipeline.core.types import Alert, Confirmation, Fill, OrderEvent, OrderIntent
from pipeline.engine.desk import Desk
from pipeline.engine.identity import changed
from pipeline.engine.inhouse import answers
from pipeline.engine.lifecycle import Event, Order, Status, advance, event_of

Journal = Iterator[Confirmation | OrderIntent | Denial | OrderEvent | Fill | OrderRequest | BrokerReport | Alert]
SOON_MS = 300
ASK_AGAIN_MS = 2_500
"""A cancellation or change that the book does not confirm is asked for again."""
EXIT_ALL = "EXIT_ALL"
"""Order type of a position that the broker itself exits: its order bears no tag of ours."""


def ask(desk: Desk, request: OrderRequest, now: int) -> Journal:
    """Ask the broker: the record that leaves, or the paper venue's answers."""
    desk.asked += 1
    request = changed(request, id=f"{desk.day.date}-{desk.asked}")
    desk.in_flight[request.id] = request
    if desk.venue is None:
        yield request
        return
    quote = desk.quotes.quote(desk.paper(request.symbol).instrument.sid)
    desk.inbox.extend(answers(desk.venue, request, quote, now))


def cancel(desk: Desk, order: Order, now: int, reason: str) -> Journal:
    """Ask for an order's end; what the book says counts."""
    tries = order.tries if order.status is Status.PENDING_CANCEL else 0
    asked = changed(advance(order, Event.ASK_CANCEL), asked_ms=now, why=reason, tries=tries)
    desk.orders[order.intent_id] = asked
    if order.status is not Status.PENDING_CANCEL:
        yield event_of(asked, now, reason)
    yield from ask(desk, about(asked, Ask.CANCEL, now), now)


def modify(desk: Desk, order: Order, wanted: Terms, now: int) -> Journal:
    """Ask for other terms, all of them absolute values."""
    asked = changed(
        advance(order, Event.ASK_MODIFY), asked_ms=now, asked_qty=wanted.qty, asked_type=wanted.order_type,
        asked_limit_paise=wanted.limit_paise, asked_trigger_paise=wanted.trigger_paise,
    )  # fmt: skip
    desk.orders[order.intent_id] = asked
    if order.status is not Status.PENDING_MODIFY:
        yield event_of(asked, now, _why(order, wanted))
    yield from ask(desk, about(asked, Ask.MODIFY, now), now)


def want(desk: Desk, listing: Ask, at: int) -> None:
    """Have a listing read soon."""
    desk.due[listing] = min(desk.due.get(listing, at), at)


def about(order: Order, what: Ask, now: int) -> OrderRequest:
    """Give a request about one order, with everything that is known of it."""
    terms = order.asked if what is Ask.MODIFY else order.terms
    return OrderRequest(
        now, "", what, order.intent_id, order.order_id, order.symbol, order.side.value, terms.order_type,
        terms.qty, terms.limit_paise, terms.trigger_paise, order.tag,
    )  # fmt: skip


def _why(order: Order, wanted: Terms) -> str:
    if wanted.order_type != order.order_type:
        return f"{order.order_type} becomes {wanted.order_type}"
    return "quantity follows the position" if wanted.qty != order.order_qty else "stop follows the price"
