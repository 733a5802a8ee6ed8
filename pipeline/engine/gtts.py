"""What belongs to a GTT of ours, made into orders of ours: its entry at the exchange, the server that guards, the exit that it sends.

Reads   rows that name their GTT and their part in it (BrokerReport with ``parent`` and ``leg``)
Writes  OrderIntent for the orders that the broker made; the desk knows them from then on like any other

A GTT bears no tag on the broker's book. It is found again by its id, which our journal has, or (after a lost answer) by its terms. So what
needs a tag is not there: an order of a lost journal cannot be known again, and the broker cannot exit the position by it.

A server may forget: the whole GTT, its stop, or to show that it guards. Nobody can tell a server that is silent from one that is gone, and
a stop of ours beside one that is silent would fill a second time. So it is told to stop first, and counts as gone when it says that it has,
or when it goes on showing nothing and refuses: there is nothing that it could stop.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.broker import GTT, GUARD, Answer, Ask, BrokerReport, Leg
from pipeline.core.types import OrderIntent, Side
from pipeline.engine.asking import want
from pipeline.engine.desk import Desk
from pipeline.engine.exits import Plan
from pipeline.engine.identity import changed
from pipeline.engine.lifecycle import RESTING, Order, Status

SERVER_GRACE_MS = 10_000
"""A GTT's server may take so long to show what it does."""


def is_for_server(desk: Desk, symbol: str) -> bool:
    """Tell whether an entry goes to the broker's server with its exits: not where trades by hand would make its quantity wrong."""
    return desk.params.stops.exits == "gtt" and desk.venue is None and symbol not in desk.by_hand()


def is_server_arming(desk: Desk, plan: Plan, now: int) -> bool:
    """Tell whether the entry was a GTT whose server still has time to show that it guards; after that a stop of ours goes out."""
    return plan.entry_intent in desk.gtts.values() and now - plan.opened_ms < SERVER_GRACE_MS


def is_server_wrong(desk: Desk, order: Order, held: int, now: int) -> bool:
    """Tell whether the server has lost its stop, or guards another quantity than is held: for long, or because of trades by hand."""
    if order.order_type == GTT and order.trigger_paise == 0:
        return True
    is_other = order.order_type == GTT and order.order_qty != abs(held)
    is_by_hand = held != desk.held(order.symbol)
    return is_other and (is_by_hand or now - desk.changed_ms.get(order.symbol, 0) >= SERVER_GRACE_MS)


def silent_ms(desk: Desk, order: Order) -> int:
    """Give for how long whole books have not shown the server of a GTT that guards."""
    if order.order_type != GTT or order.purpose == "entry":
        return 0
    read = desk.read_ms.get(Ask.BOOK, 0)
    return max(0, read - desk.shown.get(order.order_id, read))


def is_server_gone(desk: Desk, order: Order, *, has_stopped: bool) -> bool:
    """Tell whether a server that was told to stop, and has answered, is gone; until then its own row must say so."""
    silent = silent_ms(desk, order)
    return silent > 0 if has_stopped else silent >= desk.params.orders.settle_s * 1000


def presumed(desk: Desk, plan: Plan, held: int) -> BrokerReport | None:
    """Give the row that a server should have shown, when it never has: it is told to stop before anything of ours takes its place."""
    gtt_id = next((gtt for gtt, entry in desk.gtts.items() if entry == plan.entry_intent), "")
    if not gtt_id or desk.tags.get(f"{gtt_id}/{Leg.WATCH}") is not None:
        return None
    side = plan.side.opposite.value
    return BrokerReport(
        plan.opened_ms, Answer.ROW, "", gtt_id, "", plan.symbol, side, GUARD, abs(held), 0, 0, plan.stop_paise,
        order_type=GTT, parent=gtt_id, leg=Leg.WATCH,
    )  # fmt: skip


def know_entry(desk: Desk, row: BrokerReport, now: int) -> None:
    """Know the order of a GTT whose server has not named it for long: by its terms, since it bears no tag."""
    if row.tag or row.leg is not Leg.NONE or desk.params.stops.exits != "gtt" or row.order_id in desk.owners:
        return
    for order in desk.orders.values():
        if order.order_type != GTT or order.purpose != "entry" or now - order.sent_ms < _patience_ms(desk, order):
            continue
        is_same = (order.symbol, order.side.value, order.order_qty, order.limit_paise) == (row.symbol, row.side, row.qty, row.limit_paise)
        if is_same and row.order_type == "LIMIT" and desk.strangers.get(row.order_id, now) >= order.sent_ms:
            _know_entry(desk, order, row.order_id)
            want(desk, Ask.TRADES, now)
            return


def _patience_ms(desk: Desk, order: Order) -> float:
    return SERVER_GRACE_MS if order.status in RESTING else desk.params.orders.settle_s * 1000


def _know_entry(desk: Desk, entry: Order, order_id: str) -> None:
    desk.owners[order_id] = entry.intent_id
    seen = changed(entry, order_id=order_id, order_type="LIMIT", trigger_paise=0)
    (desk.orders if entry.intent_id in desk.orders else desk.final)[entry.intent_id] = seen


def take_leg(desk: Desk, row: BrokerReport, now: int) -> Iterator[OrderIntent]:
    """Take in what a row says of a GTT of ours, before the row is taken like any other."""
    named = desk.tags.get(row.tag) or desk.owners.get(row.order_id)
    if row.leg is Leg.ENTRY and named is not None:
        desk.gtts.setdefault(row.parent, named)
    entry = desk.order(desk.gtts.get(row.parent, ""))
    if entry is None:
        return
    if row.leg is Leg.ENTRY:
        if desk.owners.get(row.order_id) is None:
            _know_entry(desk, entry, row.order_id)
        return
    if row.leg is Leg.WATCH and row.status == GUARD:
        request = desk.in_flight.get(row.request_id)
        desk.shown[row.order_id] = row.ts if request is None else request.ts
    known = desk.order(desk.owners.get(row.order_id, ""))
    if known is not None and known.status is Status.ABSENT and row.status == GUARD:
        known = None  # it was only silent
    if known is None and (row.leg is not Leg.WATCH or row.status == GUARD):
        yield from _know(desk, entry, row, now)
    elif known is not None and row.leg is Leg.WATCH and known.intent_id in desk.orders and row.status == GUARD:
        # The server's stop and quantity move by themselves.
        desk.orders[known.intent_id] = changed(known, order_qty=row.qty, trigger_paise=row.trigger_paise)


def is_another(desk: Desk, row: BrokerReport) -> bool:
    """Tell whether a GTT that was found by its terms is known to be that of another entry: the same trade was made twice in a day."""
    mine = desk.tags.get(row.tag, "")
    return bool(mine) and desk.gtts.get(row.parent, mine) != mine


def is_server_told(desk: Desk, plan: Plan) -> bool:
    """Tell whether the server has had its say since anything changed: a whole book, asked for later, would show it guarding."""
    is_gtt = plan.entry_intent in desk.gtts.values()
    return not is_gtt or desk.read_ms.get(Ask.BOOK, 0) > desk.changed_ms.get(plan.symbol, 0)


def _know(desk: Desk, entry: Order, row: BrokerReport, now: int) -> Iterator[OrderIntent]:
    """Write an exit down that the broker made for us."""
    key, side = f"{entry.intent_id}-{row.leg.lower()}", entry.side.opposite
    while key in desk.final and desk.final[key].status is Status.ABSENT:
        key += "+"
    if key in desk.causes:
        return
    desk.causes[key] = None
    order_type = GTT if row.leg is Leg.WATCH else row.order_type
    intent = OrderIntent(
        now, key, f"gtt|{entry.intent_id}|{row.leg}", row.symbol, Side(side), "stop", order_type, row.qty, row.limit_paise,
        row.trigger_paise, 0, 0, row.parent, "gtt", 0,
    )  # fmt: skip
    order = Order(
        key, row.symbol, side, "stop", order_type, row.qty, row.limit_paise, f"{row.parent}/{row.leg}", now, Status.UNKNOWN, row.order_id,
        trigger_paise=row.trigger_paise, sent_ms=now,
    )  # fmt: skip
    desk.orders[key], desk.owners[row.order_id], desk.tags[order.tag] = order, key, key
    yield intent
