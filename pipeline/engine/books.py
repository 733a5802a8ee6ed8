"""The broker's books taken in: rows of orders, trades, and what a whole listing means.

Reads   BrokerReport (ROW, TRADE, END), with the event time at which it counts
Writes  OrderEvent, Fill, OrderIntent (adopted orders), Alert

Fills are booked from trades, once per trade id; the book's own count only says that one is missing. An order of ours on the book that we do
not know is adopted. Trades by hand are kept apart. Nothing is ever concluded from a listing that failed, nor from one that is too young.
"""

from __future__ import annotations

from pipeline.core.broker import GTT, LISTINGS, Answer, Ask, BrokerReport, Leg, OrderRequest, Terms, Word, holding
from pipeline.core.types import Alert, Fill, OrderIntent, Side
from pipeline.engine.asking import ASK_AGAIN_MS, EXIT_ALL, SOON_MS, Journal, want
from pipeline.engine.desk import Desk
from pipeline.engine.exits import GUARDS, Plan
from pipeline.engine.gtts import is_another, know_entry, take_leg
from pipeline.engine.identity import changed, purpose_of
from pipeline.engine.lifecycle import FINAL, RESTING, Event, Order, Status, advance, event_of, fill, is_over_fill, with_terms
from pipeline.engine.reconcile import UNDER_WAY, differences, ending, is_over, missed, shows
from pipeline.engine.refusals import put_off, take_refusal

APART_ALARM = 4
"""Comparisons in a row that do not agree before somebody is told."""


def is_old(desk: Desk, piece: BrokerReport) -> bool:
    """Tell whether a piece of a listing says what we know already: most do, beat after beat."""
    kind = piece.answer
    if kind is Answer.TRADE:
        return piece.trade_id in desk.ledger.trades or (piece.trade_id in desk.strange and piece.order_id not in desk.owners)
    if kind is Answer.POSITION:
        known = desk.broker_qty.get(piece.symbol, 0) if piece.symbol in desk.papers else desk.outside.get(piece.symbol, ["", 0])[1]
        return bool(known == piece.qty)
    order = desk.order(desk.owners.get(piece.order_id, ""))
    if order is None or order.told != piece.status or order.order_qty != piece.qty or piece.cum_qty > order.told_qty:
        return False
    if order.purpose != "entry" and order.order_type != EXIT_ALL and not shows(piece, order.terms):
        return False
    return order.status in FINAL or (order.status in RESTING and not is_over(piece.status))


def take_listing(desk: Desk, request: OrderRequest, report: BrokerReport, now: int) -> Journal:
    """Close a listing: complete, or worth nothing."""
    if report.answer is not Answer.END:
        if request.ask in LISTINGS:
            want(desk, request.ask, now + SOON_MS)
        return
    if request.ask in LISTINGS:
        desk.read_ms[request.ask] = request.ts
    if request.ask in {Ask.FIND, Ask.BOOK}:
        shown = [desk.orders.get(request.intent_id)] if request.ask is Ask.FIND else list(desk.orders.values())
        for order in shown:
            if order is not None and order.status is Status.UNKNOWN and _is_absent(desk, order, request):
                yield from move(desk, order, (Event.NOT_ON_BOOK,), report, now)
    if request.ask is Ask.POSITIONS:
        desk.broker_qty = {symbol: qty for symbol, qty in sorted(desk.listed.items()) if qty != 0}
        desk.outside = dict(sorted(desk.listed_outside.items()))
        yield from _compare(desk, now)


def _is_absent(desk: Desk, order: Order, request: OrderRequest) -> bool:
    """An exit is not there when a whole book, read long after, lacks it; an entry stays unknown until its session is over."""
    if request.ts - order.sent_ms < desk.params.orders.settle_s * 1000:
        return False
    paper = desk.paper(order.symbol)
    return order.purpose != "entry" or request.ts >= desk.day.close_ms(paper.group)


def _compare(desk: Desk, now: int) -> Journal:
    """See whether positions agree; once is chance (a fill between two readings), again and again is an alarm."""
    ours = {symbol: desk.held(symbol) for symbol in desk.ledger.holdings}
    apart = differences(ours, desk.by_hand(), desk.broker_qty)
    if not apart and desk.is_ready:
        desk.agreed_ms, desk.apart = now, 0
        return
    desk.apart += 1
    want(desk, Ask.TRADES, now + SOON_MS)
    want(desk, Ask.POSITIONS, now + 2 * SOON_MS)
    if desk.apart == APART_ALARM:
        told = ", ".join(f"{symbol} {gap:+d}" for symbol, gap in apart.items())
        text = f"the broker holds {told} more than fills explain: no entries until they agree"
        yield Alert(now, "error", "books_differ", "orders", text)


def take_row(desk: Desk, row: BrokerReport, now: int) -> Journal:
    """Take an order as the book, its history or a push shows it."""
    if row.leg is not Leg.NONE:
        if is_another(desk, row):
            return
        yield from take_leg(desk, row, now)
    know_entry(desk, row, now)
    key = desk.tags.get(row.tag) or desk.owners.get(row.order_id) or _exited_by(desk, row)
    order = desk.order(key) if key else None
    if order is None or order.status is Status.ABSENT:
        if purpose_of(row.tag) and row.symbol in desk.papers and row.order_id not in desk.owners:
            yield from _adopt(desk, row, now)
        elif order is None and row.leg is not Leg.WATCH:
            desk.strangers.setdefault(row.order_id, now)
        return
    if is_over(order.told) and not is_over(row.status):
        return  # overtaken on its way
    told = changed(order, told=row.status, told_qty=max(order.told_qty, row.cum_qty), order_id=order.order_id or row.order_id)
    if told.told_qty > order.told_qty:
        desk.changed_ms[order.symbol] = now
    if desk.venue is None and told.told_qty > told.cum_qty:
        desk.note_late(told)
        want(desk, Ask.TRADES, now)
    if order.status in FINAL:
        desk.final[order.intent_id] = told
        return
    if _is_turned_down(desk, order, row):
        told = changed(
            with_terms(told, Terms(row.qty, row.order_type, row.limit_paise, row.trigger_paise)),
            asked_qty=max(order.asked_qty, order.order_qty),
        )
    desk.orders[told.intent_id] = told
    _replan(desk, told, now)
    yield from move(desk, told, missed(told, row), row, now)


def _exited_by(desk: Desk, row: BrokerReport) -> str:
    """Find the exit by the broker that a new order without a tag belongs to, when its answer was lost."""
    if row.tag or row.order_id in desk.strangers:
        return ""
    for order in desk.orders.values():
        is_lost = order.order_type == EXIT_ALL and order.order_id == "" and order.status in {Status.SENDING, Status.UNKNOWN}
        if is_lost and (order.symbol, order.side.value) == (row.symbol, row.side):
            return order.intent_id
    return ""


def _is_turned_down(desk: Desk, order: Order, row: BrokerReport) -> bool:
    """The exchange turned a change down after the broker had taken it: a listing asked for later shows the old terms."""
    request = desk.in_flight.get(row.request_id)
    is_newer = request is not None and request.ts > order.asked_ms + ASK_AGAIN_MS
    is_quiet = order.status in RESTING and row.status not in UNDER_WAY
    is_guard = order.purpose != "entry" and order.order_type in GUARDS and row.order_type in GUARDS
    is_other = not shows(row, order.terms) if is_guard else row.qty != order.order_qty
    return is_newer and is_quiet and is_other and row.qty > order.done_qty


def take_trade(desk: Desk, trade: BrokerReport, now: int) -> Journal:
    """Book a trade of ours, once; keep one that is not ours apart."""
    key = desk.owners.get(trade.order_id)
    if key is None:
        if trade.symbol in desk.papers:
            desk.strange[trade.trade_id] = [trade.symbol, Side(trade.side).sign * trade.qty, trade.order_id, trade.px_paise]
        return
    order = desk.order(key)
    if order is None:
        return
    desk.strange.pop(trade.trade_id, None)
    execution = Fill(now, trade.trade_id, trade.order_id, key, order.symbol, order.side, trade.qty, trade.px_paise, order.purpose)
    if not desk.ledger.apply(execution):
        return
    yield execution
    desk.changed_ms[order.symbol] = now
    if is_over_fill(order, trade.qty):
        yield _beyond(desk, order, trade, now)
    order = fill(order, trade.qty, trade.px_paise)
    desk.note_late(order)
    for event in ending(order, order.told, order.told_qty):
        order = advance(order, event)
    _replan(desk, order, now)
    _keep(desk, order, now)
    yield event_of(order, now, order.why if order.status is Status.CANCELLED else "")


def _beyond(desk: Desk, order: Order, trade: BrokerReport, now: int) -> Alert:
    """More has filled than was asked for: the book must say what holds now, and somebody should know."""
    for listing in LISTINGS:
        want(desk, listing, now)
    done, known = order.cum_qty + trade.qty, max(order.order_qty, order.asked_qty)
    text = (
        f"order {order.order_id} ({order.symbol}, tag {order.tag}) has filled {done}, we know of {known}: booked, the books are read again"
    )
    return Alert(now, "error", "over_fill", "orders", text)


def move(desk: Desk, order: Order, events: tuple[Event, ...], report: BrokerReport, now: int) -> Journal:
    """Walk an order on, and keep it."""
    before = order.status
    for event in events:
        order = advance(order, event, report.order_id)
    if order.order_id and order.order_type == GTT and order.purpose == "entry":
        desk.gtts[order.order_id] = order.intent_id
    elif order.order_id:
        desk.owners[order.order_id] = order.intent_id
    if order.status is Status.REFUSED:
        yield from take_refusal(desk, order, report.reason, now)
    elif order.status is Status.ABSENT and order.purpose != "entry":
        put_off(desk, order.symbol, now)
    _keep(desk, order, now)
    if order.status is not before:
        yield event_of(order, now, report.reason or (order.why if order.status is Status.CANCELLED else ""))


def _keep(desk: Desk, order: Order, now: int) -> None:
    """Remember a live order among the live, a final one among the final: a fill may still come for it."""
    if order.status not in FINAL:
        desk.orders[order.intent_id] = order
        return
    if desk.orders.pop(order.intent_id, None) is not None:
        desk.changed_ms[order.symbol] = now
    if desk.venue is None:
        desk.final[order.intent_id] = order
        return
    desk.owners.pop(order.order_id, None)
    desk.tags.pop(order.tag, None)
    desk.wishes.pop(order.intent_id, None)
    desk.venue.forget(order.order_id)


def _adopt(desk: Desk, row: BrokerReport, now: int) -> Journal:
    """Take over an order of ours that our journal does not have (any more): it is guarded like any other, and reported."""
    key = f"{row.tag[3:]}-{row.order_id}"
    instrument, side, purpose = desk.papers[row.symbol].instrument, Side(row.side), purpose_of(row.tag)
    around = row.px_paise or row.limit_paise or desk.quotes.ltp_paise(instrument.sid)[0]
    stop = around - side.sign * round(around * desk.params.orders.adopt_stop_bps / 10_000)
    stop = stop - stop % instrument.tick_size_paise if purpose == "entry" else 0
    intent = OrderIntent(
        now, key, f"adopted|{row.tag}|{row.order_id}", row.symbol, side, purpose, row.order_type, row.qty, row.limit_paise,
        stop, 0, row.qty * abs(around - stop) if stop else 0, row.tag, "adopted", 0,
    )  # fmt: skip
    order = Order(
        key, row.symbol, side, purpose, row.order_type, row.qty, row.limit_paise, row.tag, now, Status.UNKNOWN, row.order_id,
        trigger_paise=row.trigger_paise, sent_ms=now,
    )  # fmt: skip
    desk.orders[key], desk.wishes[key], desk.owners[row.order_id], desk.tags[row.tag] = order, intent, key, key
    yield intent
    text = f"order {row.order_id} ({row.symbol}, tag {row.tag}) is ours but not in our journal: guarded, and no entries until `resume`"
    if row.tag[3:] not in desk.causes:
        # Our memory is not whole: a halt may be among what was lost.
        desk.word = holding(desk.word, Word.HALT)
    yield Alert(now, "error", "adopted", "orders", text)
    desk.causes[row.tag[3:]] = None  # that cause has had its order
    # Trades listed so far were taken for a stranger's: nothing is done before they have been read again.
    desk.read_ms.pop(Ask.TRADES, None)
    want(desk, Ask.TRADES, now)
    yield from take_row(desk, row, now)


def _replan(desk: Desk, order: Order, now: int) -> None:
    """Make the plan with an entry's first fill: no position without a way out."""
    if order.purpose != "entry" or order.symbol in desk.plans or desk.held(order.symbol) == 0:
        return
    wish, paper = desk.wishes[order.intent_id], desk.paper(order.symbol)
    desk.plans[order.symbol] = Plan(
        symbol=order.symbol,
        side=order.side,
        entry_intent=order.intent_id,
        stop_paise=wish.stop_paise,
        target_paise=wish.target_paise,
        opened_ms=now,
        square_off_ms=paper.square_off_ms,
        max_hold_s=desk.params.orders.max_hold_s,
        trail_paise=wish.trail_paise,
        best_paise=wish.limit_paise,
        closing="" if wish.stop_paise > 0 else "no_stop",
        closing_ms=0 if wish.stop_paise > 0 else now,
    )
