"""The paper venue as a broker inside the order state: a request in, its reports at once.

Reads   OrderRequest; quotes that the venue is shown
Writes  BrokerReport as a broker outside would send them, only without delay, loss or doubt

So the paper desk and the desk with a broker outside run the same rules. It answers what changes something; listings are never asked of it.
"""

from __future__ import annotations

from pipeline.core.broker import Answer, Ask, BrokerReport, OrderRequest
from pipeline.core.errors import Corrupt
from pipeline.core.types import Side
from pipeline.engine.matching import Quote, Venue, VenueEvent, VenueOrder


def answers(venue: Venue, request: OrderRequest, quote: Quote | None, now: int) -> list[BrokerReport]:
    """Let the venue do what is asked; ``quote`` is the newest of the paper."""
    if request.ask is Ask.PLACE:
        shown = venue.on_quote(request.symbol, quote, now) if quote is not None and venue.quotes.get(request.symbol) != quote else []
        order = VenueOrder(
            request.order_id, request.symbol, Side(request.side), request.order_type, request.qty,
            request.limit_paise, request.trigger_paise, request.tag, now,
        )  # fmt: skip
        return reports(venue, shown) + reports(venue, venue.place(order, now), request)
    if request.ask is Ask.CANCEL:
        return reports(venue, venue.cancel(request.order_id, now), request)
    if request.ask is Ask.MODIFY:
        return reports(venue, venue.modify(request.order_id, request.terms, now), request)
    raise Corrupt(f"the paper venue was asked for {request.ask}: it lists nothing")


def reports(venue: Venue, events: list[VenueEvent], request: OrderRequest | None = None) -> list[BrokerReport]:
    """Say what happened on the venue's book in the words of a broker; the first event answers the request, if there is one."""
    out: list[BrokerReport] = []
    for at, event in enumerate(events):
        answered = request.id if request is not None and at == 0 else ""
        out += _report(venue, event, answered)
    return out


def _report(venue: Venue, event: VenueEvent, request_id: str) -> list[BrokerReport]:
    order = venue.orders.get(event.order_id)
    if order is None or event.kind == "rejected":
        return [BrokerReport(event.ts, Answer.REFUSED, request_id, event.order_id, reason=event.reason)]
    if event.kind == "fill":
        return [
            BrokerReport(
                event.ts, Answer.TRADE, "", order.order_id, order.tag, order.symbol, order.side.value,
                qty=event.qty, px_paise=event.px_paise, trade_id=event.trade_id,
            )
        ]  # fmt: skip
    answer = [BrokerReport(event.ts, Answer.ACCEPTED, request_id, order.order_id, order.tag)] if request_id else []
    if event.kind in {"accepted", "modified"}:
        return answer
    row = BrokerReport(
        event.ts, Answer.ROW, "", order.order_id, order.tag, order.symbol, order.side.value,
        status="cancelled" if event.kind == "cancelled" else "open", qty=order.qty, trigger_paise=order.trigger_paise,
        order_type=order.order_type,
    )  # fmt: skip
    return [*answer, row]
