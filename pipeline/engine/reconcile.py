"""The broker's book against ours: what one row of it means for our order, and whether both sides agree.

Reads   an Order and a row of the book; our positions, the broker's, and those of trades that are not ours
Writes  the life cycle's events that we have missed; the papers in which the two sides differ

A row never moves an order back, and a word that we do not know means "still alive". Positions agree when the broker's net is ours plus
what foreign trades (made by hand, in the app) account for; foreign trades are shown and never touched. A query that failed says nothing
at all, least of all that nothing is held. Pure functions: the same books give the same answer, however often they are compared.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.broker import BrokerReport, Terms
from pipeline.engine.lifecycle import FINAL, Event, Order, Status

CANCELLED_WORDS = frozenset({"cancelled", "cancelled after market order"})
REJECTED = "rejected"
COMPLETE = "complete"
OPEN = "open"
"""It waits at the exchange at its price; of a stop: it has triggered."""
OVER_WORDS = CANCELLED_WORDS | {REJECTED, COMPLETE}
"""The broker's words for an order that cannot change any more."""
UNDER_WAY = frozenset(
    {"put order req received", "validation pending", "open pending", "modify pending", "modify validation pending", "cancel pending"}
)
"""The row speaks of a request that is still travelling."""


def missed(order: Order, row: BrokerReport) -> tuple[Event, ...]:
    """Give the events, in order, that bring our order to what the row says. Fills are booked from trades, never from rows.

    An order that is over at the broker is over for us only when all its fills are booked: until then it stays as it is.
    """
    if order.status in FINAL:
        return ()
    out: list[Event] = []
    if order.status in {Status.SENDING, Status.UNKNOWN} and row.status != REJECTED:
        out.append(Event.ACCEPT)
    if row.status == REJECTED:
        out.append(Event.REFUSE)
    elif is_over(row.status):
        out += ending(order, row.status, row.cum_qty)
    elif order.status is Status.PENDING_MODIFY and row.status not in UNDER_WAY and _is_changed(order, row):
        out.append(Event.MODIFIED)
    return tuple(out)


def ending(order: Order, word: str, cum_qty: int) -> tuple[Event, ...]:
    """Give what ends an order that is over at the broker, once every fill that its book counts has been booked."""
    if order.status in FINAL or order.cum_qty < max(cum_qty, order.told_qty):
        return ()
    if word in CANCELLED_WORDS:
        return (Event.CANCELLED,)
    return (Event.COMPLETE,) if word == COMPLETE and order.cum_qty > 0 else ()


def _is_changed(order: Order, row: BrokerReport) -> bool:
    return shows(row, order.asked)


def shows(row: BrokerReport, terms: Terms) -> bool:
    """Tell whether a row has these terms; a price that does not concern its type is the exchange's own affair."""
    if (row.qty, row.order_type) != (terms.qty, terms.order_type):
        return False
    return row.limit_paise == terms.limit_paise if row.order_type == "LIMIT" else row.trigger_paise == terms.trigger_paise


def differences(ours: Mapping[str, int], foreign: Mapping[str, int], broker: Mapping[str, int]) -> dict[str, int]:
    """Give, per paper, how much more the broker holds than our fills and the foreign trades explain; empty when all agree."""
    symbols = sorted({*ours, *foreign, *broker})
    found = {s: broker.get(s, 0) - ours.get(s, 0) - foreign.get(s, 0) for s in symbols}
    return {symbol: gap for symbol, gap in found.items() if gap != 0}


def is_over(word: str) -> bool:
    return word in OVER_WORDS


def owned(ours: int, broker: int) -> int:
    """Give what may be closed of our position: never more than the broker holds on the same side, so that nothing can reverse."""
    if ours * broker <= 0:
        return 0
    return ours if abs(ours) <= abs(broker) else broker
