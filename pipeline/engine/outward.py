"""What the broker's reports mean, and what is asked again.

Reads   BrokerReport, with the event time at which it counts
Writes  OrderRequest (outward desks only), OrderEvent, Fill, OrderIntent (adopted orders), Alert

The rules (reliability file, 5.2): an order is asked for once, ever; no answer means UNKNOWN, and only the broker's book resolves it, asked
after 0.2 s, doubling to 2 s, then on the beat. Listings are read on a beat whether the day is good or bad. Rows and trades are taken in by
engine/books.py.
"""

from __future__ import annotations

from pipeline.core.broker import LISTINGS, READS, Answer, Ask, BrokerReport, OrderRequest
from pipeline.engine.asking import ASK_AGAIN_MS, SOON_MS, Journal, about, ask, cancel, modify, want
from pipeline.engine.books import move, take_listing, take_row, take_trade
from pipeline.engine.desk import Desk
from pipeline.engine.external import note_position
from pipeline.engine.gtts import is_server_gone
from pipeline.engine.identity import changed
from pipeline.engine.lifecycle import Event, Order, Status, advance, event_of
from pipeline.engine.protect import is_hands_off
from pipeline.engine.refusals import halt_for_good, take_refusal

FIRST_LOOK_MS, LONGEST_LOOK_MS, QUICK_LOOKS = 200, 2_000, 6
"""An order without an answer is looked up after 0.2 s, 0.4 s ... 2 s; after six looks, on the beat."""
MOST_DOUBLED = 3
"""A cancellation that is refused is asked for again after 2.5 s, twice, then 5, 10, 20 s."""

ANSWERS = frozenset({Answer.ACCEPTED, Answer.REFUSED, Answer.AMBIGUOUS, Answer.END})
UNSURE = frozenset({Status.UNKNOWN, Status.PENDING_CANCEL, Status.PENDING_MODIFY})
"""What is asked about again."""


def take(desk: Desk, report: BrokerReport, now: int) -> Journal:
    """Take one report in."""
    kind = report.answer
    if kind in ANSWERS:
        request = desk.in_flight.pop(report.request_id, None)
        if request is not None and request.ask in READS:
            yield from take_listing(desk, request, report, now)
        elif kind is not Answer.END:
            yield from _answered(desk, request, report, now)
    elif kind is Answer.ROW:
        yield from take_row(desk, report, now)
    elif kind is Answer.TRADE:
        yield from take_trade(desk, report, now)
    elif kind is Answer.STARTED:
        yield from _restart(desk, now)
    elif kind is Answer.POSITION and report.request_id in desk.in_flight:
        note_position(desk, report)


def chase(desk: Desk, now: int) -> Journal:
    """Ask again for what is due: unanswered orders, unconfirmed changes, the listings of the beat."""
    limits = desk.params.orders
    if desk.in_flight:
        for request in [r for r in desk.in_flight.values() if now - r.ts > limits.reply_s * 1000]:
            late = BrokerReport(now, Answer.AMBIGUOUS, request.id, reason="no_answer")
            yield from take(desk, late, now)
    unsure = [order for order in desk.orders.values() if order.status in UNSURE] if desk.orders else ()
    looking = {r.intent_id for r in desk.in_flight.values() if r.ask is Ask.FIND} if unsure else ()
    for order in unsure:
        if order.status is Status.UNKNOWN:
            if order.intent_id not in looking and now >= order.asked_ms + _pause(order, limits.beat_s):
                desk.orders[order.intent_id] = changed(order, asked_ms=now, tries=order.tries + 1)
                yield from ask(desk, about(order, Ask.FIND, now), now)
        elif now - order.asked_ms < _again(order) or not order.order_id:
            continue
        elif order.status is Status.PENDING_CANCEL:
            yield from cancel(desk, order, now, order.why)
        elif not is_hands_off(desk, now):
            yield from modify(desk, order, order.asked, now)
    if desk.late and any(now - desk.changed_ms.get(o.symbol, 0) < limits.beat_s * 1000 for o in desk.late_fills()):
        want(desk, Ask.TRADES, desk.read_ms.get(Ask.TRADES, now - SOON_MS) + SOON_MS)
    if len(desk.due) < len(LISTINGS) or now >= min(desk.due.values()):
        yield from _beat(desk, now)


def _beat(desk: Desk, now: int) -> Journal:
    """Read each listing when it is due; a good day reads as often as a bad one."""
    reading = [r.ask for r in desk.in_flight.values()]
    for listing in LISTINGS:
        if now >= desk.due.get(listing, 0) and listing not in reading:
            desk.due[listing] = now + round(desk.params.orders.beat_s * 1000)
            if listing is Ask.POSITIONS:
                desk.listed, desk.listed_outside = {}, {}
            yield from ask(desk, OrderRequest(now, "", listing), now)


def _pause(order: Order, beat_s: float) -> int:
    if order.tries >= QUICK_LOOKS:
        return round(beat_s * 1000)
    return min(FIRST_LOOK_MS << order.tries, LONGEST_LOOK_MS)


def _again(order: Order) -> int:
    """Wait before a change or a cancellation is asked for anew; one that is refused again and again, longer each time."""
    refused = order.tries - 1 if order.status is Status.PENDING_CANCEL else 0
    return ASK_AGAIN_MS << min(max(0, refused), MOST_DOUBLED)


def _restart(desk: Desk, now: int) -> Journal:
    """Begin again: nothing that was asked will be answered, nothing is known until the book has been read."""
    desk.in_flight.clear()
    desk.read_ms.clear()
    desk.shown = dict.fromkeys(desk.gtts, now)
    desk.listed, desk.listed_outside = {}, {}
    desk.agreed_ms = desk.apart = 0
    desk.facts = None
    desk.began_ms = desk.began_ms or now
    desk.due = {listing.value: now for listing in LISTINGS}
    for order in list(desk.orders.values()):
        if order.status is Status.SENDING:
            yield from _lose(desk, order, now, "restart")


def _lose(desk: Desk, order: Order, now: int, reason: str) -> Journal:
    unknown = changed(advance(order, Event.NO_ANSWER), asked_ms=now, tries=0)
    desk.orders[order.intent_id] = unknown
    yield event_of(unknown, now, reason)


def _answered(desk: Desk, request: OrderRequest | None, report: BrokerReport, now: int) -> Journal:
    """Take an answer to something that changes the book; one that comes too late still names its order."""
    key = request.intent_id if request is not None else desk.tags.get(report.tag) or desk.owners.get(report.order_id, "")
    order = desk.orders.get(key)
    if report.answer is Answer.REFUSED:
        yield from halt_for_good(desk, report.reason, now)
    if order is None:
        return
    is_placing = order.status in {Status.SENDING, Status.UNKNOWN}
    if report.answer is Answer.ACCEPTED:
        if is_placing:
            yield from move(desk, order, (Event.ACCEPT,), report, now)
        elif order.status is Status.PENDING_MODIFY and request is not None and request.ask is Ask.MODIFY:
            yield from move(desk, order, (Event.MODIFIED,), report, now)
        elif order.status is Status.PENDING_CANCEL and is_server_gone(desk, order, has_stopped=True):
            yield from move(desk, order, (Event.CANCELLED,), report, now)
        want(desk, Ask.BOOK, now + 1_000)
    elif report.answer is Answer.REFUSED:
        if is_placing and (request is None or request.ask in {Ask.PLACE, Ask.EXIT_ALL}):
            yield from move(desk, order, (Event.REFUSE,), report, now)
        elif order.status is Status.PENDING_MODIFY:
            yield from take_refusal(desk, order, report.reason, now)
            yield from move(desk, order, (Event.REQUEST_REFUSED,), report, now)
        elif order.status is Status.PENDING_CANCEL and is_server_gone(desk, order, has_stopped=False):
            yield from move(desk, order, (Event.NOT_ON_BOOK,), report, now)
        elif order.status is Status.PENDING_CANCEL and request is not None and request.ask is Ask.CANCEL:
            desk.orders[key] = changed(order, tries=order.tries + 1)  # perhaps it is over: the book will say
        want(desk, Ask.BOOK, now)
    else:
        if order.status is Status.SENDING:
            yield from _lose(desk, order, now, report.reason or "no_answer")
        want(desk, Ask.BOOK, now + SOON_MS)
