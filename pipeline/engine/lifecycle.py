"""The life of an order, as a table: (status, event) -> status. A pair that is not in it is an error.

    INTENT -> DENIED                                   ours; it never left the house
    INTENT -> SENDING -> ACCEPTED -> PARTIAL -> FILLED
                      -> REFUSED            -> CANCELLED   with or without fills
                      -> UNKNOWN -> ACCEPTED | REFUSED | ABSENT
    ACCEPTED, PARTIAL -> PENDING_CANCEL, PENDING_MODIFY -> back, or on

How to read it. An intent is a wish with an identity; DENIED means that one of our own checks stopped it.
SENDING is journalled before the one request that is ever made. No answer means UNKNOWN, never "failed": only
the broker's book can tell, and if the book never shows it, it ends the day ABSENT. A fill is booked under the
broker's id of its order; who knows that has heard that the order was taken, so ACCEPT goes before each fill,
and one that is listed earlier waits for it. From then on a fill is legal in each state, also after a
cancellation whose confirmation was faster. A message that comes late and says what we know already is no
event, nor is a cancellation that was refused: the book decides, and it is asked for again. A fill beyond the
quantity we know is booked, and corrects it: a broker and a person can do that. After every event
``order_qty == cum_qty + leaves_qty`` while the order lives; a final order leaves nothing open. Whatever else
happens contradicts our own records: Corrupt, and the process ends, since to trade on a wrong book is worse
than not to trade.

Reads   Order, Event, the size and price of a fill (shares, paise)
Writes  the changed Order; it never decides anything and never sends anything
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.core.broker import Terms
from pipeline.core.errors import Corrupt
from pipeline.core.frozen import quick
from pipeline.core.types import OrderEvent, Side
from pipeline.engine.identity import changed


class Status(StrEnum):
    INTENT = "INTENT"
    DENIED = "DENIED"
    SENDING = "SENDING"
    ACCEPTED = "ACCEPTED"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"
    ABSENT = "ABSENT"
    CANCELLED = "CANCELLED"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_MODIFY = "PENDING_MODIFY"


class Event(StrEnum):
    DENY = "DENY"
    SEND = "SEND"
    ACCEPT = "ACCEPT"
    REFUSE = "REFUSE"
    NO_ANSWER = "NO_ANSWER"
    NOT_ON_BOOK = "NOT_ON_BOOK"
    FILL_PART = "FILL_PART"
    FILL_ALL = "FILL_ALL"
    ASK_CANCEL = "ASK_CANCEL"
    ASK_MODIFY = "ASK_MODIFY"
    MODIFIED = "MODIFIED"
    REQUEST_REFUSED = "REQUEST_REFUSED"
    """A modification was turned down; the order lives on as it was."""
    CANCELLED = "CANCELLED"
    COMPLETE = "COMPLETE"
    """The book says that nothing more will fill, and all that filled is booked: the total was smaller than we thought."""


S, E = Status, Event
FINAL = frozenset({S.DENIED, S.FILLED, S.REFUSED, S.CANCELLED, S.ABSENT})
RESTING = frozenset({S.ACCEPTED, S.PARTIAL})
"""Nothing is asked of it, as far as we know."""
AT_BROKER = frozenset({S.SENDING, S.UNKNOWN, S.ACCEPTED, S.PARTIAL, S.PENDING_CANCEL, S.PENDING_MODIFY})
"""The order may be at the exchange: it counts in exposure, and a fill may come."""

TABLE: dict[tuple[Status, Event], Status] = {
    (S.INTENT, E.DENY): S.DENIED,
    (S.INTENT, E.SEND): S.SENDING,
    (S.SENDING, E.ACCEPT): S.ACCEPTED,
    (S.SENDING, E.REFUSE): S.REFUSED,
    (S.SENDING, E.NO_ANSWER): S.UNKNOWN,
    (S.UNKNOWN, E.ACCEPT): S.ACCEPTED,
    (S.UNKNOWN, E.REFUSE): S.REFUSED,
    (S.UNKNOWN, E.NOT_ON_BOOK): S.ABSENT,
    (S.ACCEPTED, E.REFUSE): S.REFUSED,
    (S.ACCEPTED, E.FILL_PART): S.PARTIAL,
    (S.ACCEPTED, E.FILL_ALL): S.FILLED,
    (S.ACCEPTED, E.ASK_CANCEL): S.PENDING_CANCEL,
    (S.ACCEPTED, E.ASK_MODIFY): S.PENDING_MODIFY,
    (S.ACCEPTED, E.CANCELLED): S.CANCELLED,
    (S.PARTIAL, E.FILL_PART): S.PARTIAL,
    (S.PARTIAL, E.FILL_ALL): S.FILLED,
    (S.PARTIAL, E.ASK_CANCEL): S.PENDING_CANCEL,
    (S.PARTIAL, E.ASK_MODIFY): S.PENDING_MODIFY,
    (S.PARTIAL, E.CANCELLED): S.CANCELLED,
    (S.PENDING_CANCEL, E.ASK_CANCEL): S.PENDING_CANCEL,
    (S.PENDING_CANCEL, E.ASK_MODIFY): S.PENDING_MODIFY,
    (S.PENDING_CANCEL, E.FILL_PART): S.PENDING_CANCEL,
    (S.PENDING_CANCEL, E.FILL_ALL): S.FILLED,
    (S.PENDING_CANCEL, E.CANCELLED): S.CANCELLED,
    (S.PENDING_CANCEL, E.REFUSE): S.REFUSED,
    (S.PENDING_CANCEL, E.NOT_ON_BOOK): S.ABSENT,
    (S.PENDING_MODIFY, E.ASK_MODIFY): S.PENDING_MODIFY,
    (S.PENDING_MODIFY, E.MODIFIED): S.ACCEPTED,
    (S.PENDING_MODIFY, E.REFUSE): S.REFUSED,
    (S.PENDING_MODIFY, E.REQUEST_REFUSED): S.ACCEPTED,
    (S.PENDING_MODIFY, E.FILL_PART): S.PENDING_MODIFY,
    (S.PENDING_MODIFY, E.FILL_ALL): S.FILLED,
    (S.PENDING_MODIFY, E.ASK_CANCEL): S.PENDING_CANCEL,
    (S.PENDING_MODIFY, E.CANCELLED): S.CANCELLED,
    (S.PARTIAL, E.COMPLETE): S.FILLED,
    (S.PENDING_CANCEL, E.COMPLETE): S.FILLED,
    (S.PENDING_MODIFY, E.COMPLETE): S.FILLED,
    (S.FILLED, E.FILL_ALL): S.FILLED,
    (S.CANCELLED, E.FILL_PART): S.CANCELLED,
    (S.CANCELLED, E.FILL_ALL): S.FILLED,
}


@quick
@dataclass(frozen=True, slots=True)
class Order:
    """One order of ours. ``value_paise`` is the sum of quantity times price over its fills.

    The second half is what the broker told, and when we asked: ``told`` is its own word for the state, ``told_qty`` what has filled by its
    book (fills are booked by trade id only, so it may run ahead of ``cum_qty``), ``asked_qty`` and its neighbours what a change asked for,
    ``asked_ms`` and ``tries`` the last request about this order: looks at the book for it, or cancellations of it that were refused.
    """

    intent_id: str
    symbol: str
    side: Side
    purpose: str
    order_type: str
    order_qty: int
    limit_paise: int
    tag: str
    created_ms: int
    status: Status = Status.INTENT
    order_id: str = ""
    cum_qty: int = 0
    value_paise: int = 0
    trigger_paise: int = 0
    sent_ms: int = 0
    asked_ms: int = 0
    tries: int = 0
    told: str = ""
    told_qty: int = 0
    asked_qty: int = 0
    asked_type: str = ""
    asked_limit_paise: int = 0
    asked_trigger_paise: int = 0
    why: str = ""
    """Why its end was asked for."""

    @property
    def terms(self) -> Terms:
        """As they hold at the exchange, as far as we know."""
        return Terms(self.order_qty, self.order_type, self.limit_paise, self.trigger_paise)

    @property
    def asked(self) -> Terms:
        """As the last change asked for them."""
        return Terms(self.asked_qty, self.asked_type, self.asked_limit_paise, self.asked_trigger_paise)

    @property
    def done_qty(self) -> int:
        """Filled, as far as anybody knows."""
        return max(self.cum_qty, self.told_qty)

    @property
    def leaves_qty(self) -> int:
        return 0 if self.status in FINAL else self.order_qty - self.cum_qty

    @property
    def is_working(self) -> bool:
        return self.status in AT_BROKER

    @property
    def avg_px(self) -> float:
        """Average price of all fills, in rupees; 0 without fills."""
        return 0.0 if self.cum_qty == 0 else self.value_paise / self.cum_qty / 100


def advance(order: Order, event: Event, order_id: str = "") -> Order:
    """Move an order on by one event that is no fill.

    Raises:
        Corrupt: the event cannot happen to an order in this state.
    """
    status = TABLE.get((order.status, event))
    if status is None or event in {Event.FILL_PART, Event.FILL_ALL}:
        raise Corrupt(f"order {order.tag}: {event} cannot follow {order.status}: stop, and compare with the broker's book")
    if order.cum_qty > 0:
        # What has filled stays filled, and was there.
        status = {Status.ACCEPTED: Status.PARTIAL, Status.ABSENT: Status.CANCELLED}.get(status, status)
    if event is Event.MODIFIED and order.asked_qty > 0:
        order = with_terms(order, order.asked)
    elif event is Event.COMPLETE:
        order = changed(order, order_qty=order.cum_qty, asked_qty=0)
    return changed(order, status=status, order_id=order_id or order.order_id)


def with_terms(order: Order, terms: Terms) -> Order:
    """Give the order as it is once a change has taken place."""
    return changed(
        order, order_qty=terms.qty, order_type=terms.order_type, limit_paise=terms.limit_paise, trigger_paise=terms.trigger_paise
    )


def fill(order: Order, qty: int, px_paise: int) -> Order:
    """Book one execution; the caller has made sure that its trade id is new.

    A fill beyond the quantity that we know proves the quantity: a change was accepted and not carried out, or a person made the order
    larger. Only the book can say then whether it was the last one.

    Raises:
        Corrupt: nothing can fill in this state.
    """
    cum = order.cum_qty + qty
    is_beyond = is_over_fill(order, qty)
    if is_beyond:
        order = changed(order, order_qty=cum, asked_qty=0)
    if order.order_qty < cum <= order.asked_qty:
        order = changed(order, order_qty=order.asked_qty)  # the modification has taken place, the fill is its first sign
    # A change upwards is under way: only the book can say whether this was the last fill.
    is_last = cum == order.order_qty >= order.asked_qty and not (is_beyond and order.status in AT_BROKER)
    status = TABLE.get((order.status, Event.FILL_ALL if is_last else Event.FILL_PART))
    if status is None or qty <= 0 or px_paise <= 0:
        was = f"{order.status} {order.cum_qty}/{order.order_qty}"
        raise Corrupt(f"order {order.tag}: a fill of {qty} at {px_paise} paise cannot follow {was}: compare with the broker's book")
    return changed(order, status=status, cum_qty=cum, value_paise=order.value_paise + qty * px_paise)


def is_over_fill(order: Order, qty: int) -> bool:
    """Tell whether an execution goes beyond what was asked for, changes included."""
    return order.cum_qty + qty > max(order.order_qty, order.asked_qty)


def event_of(order: Order, now: int, reason: str = "") -> OrderEvent:
    """Write down where the order stands."""
    return OrderEvent(
        ts=now,
        order_id=order.order_id,
        intent_id=order.intent_id,
        symbol=order.symbol,
        side=order.side,
        purpose=order.purpose,
        status=order.status.value,
        order_qty=order.order_qty,
        cum_qty=order.cum_qty,
        leaves_qty=order.leaves_qty,
        limit_paise=order.limit_paise,
        avg_px=order.avg_px,
        reason=reason,
        tag=order.tag,
        trigger_paise=order.trigger_paise,
    )
