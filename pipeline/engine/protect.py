"""Guarding and closing positions: looks at where things stand, and does the next thing that is missing.

Reads   the desk: positions, orders, what the broker last listed, quotes, the plan of each position
Writes  OrderIntent, OrderEvent, OrderRequest, Alert

The rules (reliability file, 5.3). A position is guarded by a stop order at the broker, for exactly what is held: its quantity follows the
fills, its trigger the best price (engine/guard.py). To close, everything of ours in the paper is cancelled and the book has said so; then
the broker's position is read; then one order for exactly that, never more than both sides hold, so that nothing can reverse. An exit
without an answer is neither repeated nor replaced before a settled book shows that it is not there. When closing orders keep failing, or
their time is up, the broker is asked to exit the position itself, which is state-based there; when that takes too long, somebody is
called. A position that is gone takes its stop with it. Asks nobody's leave, and never stops trying.
"""

from __future__ import annotations

from pipeline.core.broker import GTT, Ask, OrderRequest, Terms, Word
from pipeline.core.types import Alert, OrderIntent
from pipeline.engine.asking import EXIT_ALL, SOON_MS, Journal, ask, cancel, modify, want
from pipeline.engine.books import take_row
from pipeline.engine.desk import Desk
from pipeline.engine.exits import GUARDS, RUNGS, STOP, STOP_TYPES, TARGET, Plan, closing_side, exit_reason
from pipeline.engine.facts import is_settled
from pipeline.engine.gtts import SERVER_GRACE_MS, is_server_arming, is_server_told, is_server_wrong, presumed, silent_ms
from pipeline.engine.guard import guarding_terms, is_doing, is_pair, stop_terms, trail
from pipeline.engine.identity import changed, exit_cause, identity, tag_of
from pipeline.engine.lifecycle import RESTING, Event, Order, Status, advance, event_of
from pipeline.engine.reconcile import OPEN, is_over, owned
from pipeline.engine.refusals import is_unguarded, note_cover

CANCELLABLE = frozenset({Status.ACCEPTED, Status.PARTIAL, Status.PENDING_MODIFY})
UNPLANNED, UNGUARDED = "unplanned", "unguarded"
HANDED_OVER = "handed_over"
"""A closing order works already that we did not send for this plan: a GTT's server did, or a life that is forgotten."""
READ_AGAIN_MS, GONE_ALARM_MS = 1_000, 20_000
HANDS_OFF_MS = 45_000
"""After KILL the broker is asked past us for so long; what is held then, we close ourselves."""


def is_hands_off(desk: Desk, now: int) -> bool:
    """Tell whether somebody is closing everything at the broker itself: no order goes out and none is changed meanwhile.

    A stop that gets there late, or was placed just before, is cancelled as soon as it is for more than is still held.
    """
    return desk.word != "" and desk.word == Word.KILL and now - desk.word_ms < HANDS_OFF_MS


def steer(desk: Desk, now: int) -> Journal:
    """Do what each paper needs next; while somebody closes at the broker itself, only take back what could open something new."""
    if not desk.is_ready:
        return
    is_off = is_hands_off(desk, now)
    symbols = {*desk.plans, *desk.ledger.open_symbols(), *[o.symbol for o in desk.orders.values() if o.purpose != "entry"]}
    for symbol in sorted(symbols):
        if is_off:
            yield from _drop_surplus(desk, desk.exits(symbol), desk.ours(symbol), now)
        else:
            yield from _steer(desk, symbol, now)


def _steer(desk: Desk, symbol: str, now: int) -> Journal:
    plan, held = desk.plans.get(symbol), desk.ours(symbol)
    if held == 0:
        yield from _clear(desk, symbol, now)
        return
    if plan is None or plan.side.sign * held < 0:
        # Fills that nobody planned for (a cancelled entry that filled after all): out again.
        plan = _unplanned(desk, symbol, now)
    exits = desk.exits(symbol)
    if len(exits) > 1:
        yield from _drop_surplus(desk, exits, held, now)
    plan = trail(desk, plan, now)
    reason = plan.closing or _reason(desk, plan, now)
    if reason:
        yield from _close(desk, plan, reason, held, now)
    else:
        yield from _guard(desk, plan, held, now)


def _clear(desk: Desk, symbol: str, now: int) -> Journal:
    """Flat: nothing of ours may stay at the broker that could open something new."""
    if symbol not in desk.plans and not desk.exits(symbol):
        return
    waiting = [*desk.entries(symbol), *desk.exits(symbol)]
    for order in waiting:
        if may_cancel(order):
            yield from cancel(desk, order, now, "flat")
    if any(o.intent_id in desk.orders for o in waiting) or symbol not in desk.plans:
        return
    del desk.plans[symbol]
    if desk.held(symbol) != 0:
        text = f"{symbol}: {desk.held(symbol)} of ours were closed by hand: they are left alone and stay in the account as they were"
        yield Alert(now, "error", "closed_by_hand", "orders", text)


def _drop_surplus(desk: Desk, exits: list[Order], held: int, now: int) -> Journal:
    """Cancel exits beyond what is held, newest first: one of a former life may have turned up beside the one that replaced it."""
    surplus = sum(o.leaves_qty for o in exits if o.status is not Status.PENDING_CANCEL) - abs(held)
    for order in reversed(exits):
        if surplus > 0 and may_cancel(order):
            surplus -= order.leaves_qty
            yield from cancel(desk, order, now, "surplus")


def _unplanned(desk: Desk, symbol: str, now: int) -> Plan:
    held, paper = desk.held(symbol), desk.paper(symbol)
    before = desk.plans.get(symbol)
    plan = Plan(
        symbol, closing_side(held).opposite, before.entry_intent if before else f"{UNPLANNED}-{desk.asked}", 0, 0, now,
        paper.square_off_ms, 0, attempts=before.attempts if before else 0, closing=UNPLANNED, closing_ms=now,
    )  # fmt: skip
    desk.plans[symbol] = plan
    return plan


def _reason(desk: Desk, plan: Plan, now: int) -> str:
    """Say why the position must go now. A stop that lies at the broker does its own work, if it is given a moment."""
    if desk.word and desk.word in {Word.FLATTEN, Word.KILL}:
        return desk.word
    if any(order.order_type == "MARKET" for order in desk.exits(plan.symbol)):
        return HANDED_OVER
    if is_unguarded(desk, plan, now):
        return UNGUARDED
    reason = exit_reason(plan, desk.quotes.quote(desk.papers[plan.symbol].instrument.sid), now)
    is_awaited = reason == STOP or (reason == TARGET and is_pair(desk))
    if not is_awaited:
        if plan.beyond_ms:
            desk.plans[plan.symbol] = changed(plan, beyond_ms=0)
        return reason
    if now >= plan.due_ms:
        return exit_reason(plan, None, now)
    if plan.beyond_ms == 0:
        plan = desk.plans[plan.symbol] = changed(plan, beyond_ms=now)
    exits = desk.exits(plan.symbol)
    since = max(plan.beyond_ms, desk.changed_ms.get(plan.symbol, 0)) if _is_triggered(exits) else plan.beyond_ms
    is_late = now - since >= desk.params.orders.stop_grace_s * 1000
    return "" if is_doing(exits, reason, is_late=is_late) else reason


def _is_triggered(exits: list[Order]) -> bool:
    """Tell whether a stop is selling: as long as it fills, it is left at it."""
    return any(order.told == OPEN and order.order_type in STOP_TYPES for order in exits)


# ---------------------------------------------------------------------- guarding


def _guard(desk: Desk, plan: Plan, held: int, now: int) -> Journal:
    """Keep one stop order at the broker for exactly what is held."""
    exits = desk.exits(plan.symbol)
    if not exits and (is_server_arming(desk, plan, now) or not is_server_told(desk, plan)):
        want(desk, Ask.BOOK, now + SOON_MS)
        return
    unseen = presumed(desk, plan, held) if not exits else None
    if unseen is not None:
        yield from take_row(desk, unseen, now)
        return
    if not exits:
        if now >= plan.wait_ms and desk.is_open(plan.symbol, now) and is_settled(desk, now):
            yield from _place(desk, desk.plans[plan.symbol], STOP, abs(held), now)
        return
    order, plan = exits[0], desk.plans[plan.symbol]
    note_cover(desk, plan, order, held)
    if may_cancel(order) and is_server_wrong(desk, order, held, now):
        yield from cancel(desk, order, now, "the server guards another quantity, or has lost its stop")
    elif may_cancel(order) and silent_ms(desk, order) >= SERVER_GRACE_MS:
        yield from cancel(desk, order, now, "the server does not show that it guards")
    is_quiet = order.status in RESTING and order.order_type in GUARDS
    if len(exits) == 1 and is_quiet and now >= plan.wait_ms:
        wanted = guarding_terms(desk, plan, order, held)
        if wanted != order.terms:
            yield from modify(desk, order, wanted, now)


# ---------------------------------------------------------------------- closing


def _close(desk: Desk, plan: Plan, reason: str, held: int, now: int) -> Journal:
    plan = desk.plans[plan.symbol]
    if not plan.closing:
        plan = desk.plans[plan.symbol] = changed(plan, closing=reason, closing_ms=now, wait_ms=0)
    is_spent = now - max(plan.closing_ms, plan.rung_ms) >= desk.params.orders.rung_s * 1000
    waiting = [
        o for o in desk.exits(plan.symbol) if o.order_type in GUARDS or o.order_type == GTT or (is_spent and _is_stuck(desk, o, now))
    ]
    for order in [*desk.entries(plan.symbol), *waiting]:
        if may_cancel(order) and order.intent_id in desk.orders:
            yield from cancel(desk, desk.orders[order.intent_id], now, reason)
    if desk.inbox:
        return  # the paper venue has answered: take that first
    yield from _call(desk, plan, held, now)
    plan = desk.plans[plan.symbol]
    if is_spent:
        yield from _turn(desk, plan, held, now)
    if _is_busy(desk, plan.symbol) or now < plan.wait_ms or not desk.is_open(plan.symbol, now):
        return
    if not is_settled(desk, now):
        return
    if not is_server_told(desk, plan):
        want(desk, Ask.BOOK, now)
        return
    unseen = presumed(desk, plan, held)
    if unseen is not None:
        yield from take_row(desk, unseen, now)
        return
    if not _is_position_read(desk, plan.symbol):
        want(desk, Ask.POSITIONS, now)
        if is_spent:
            yield from _exit_all(desk, plan, abs(held), now)
        return
    qty = _closable(desk, plan.symbol, held)
    if qty == 0:
        yield from _gone(desk, plan, now)
    elif plan.closings >= desk.params.orders.close_tries or is_spent:
        yield from _exit_all(desk, plan, qty, now)
    else:
        yield from _place(desk, changed(plan, closings=plan.closings + 1), reason, qty, now)


def _is_stuck(desk: Desk, order: Order, now: int) -> bool:
    """Tell whether a closing order rests: market protection gives it a limit, and nothing has filled for a while."""
    return order.order_id != "" and now - max(order.sent_ms, desk.changed_ms.get(order.symbol, 0)) >= desk.params.orders.stop_grace_s * 1000


def _turn(desk: Desk, plan: Plan, held: int, now: int) -> Journal:
    """Make a stop that the broker does not let us cancel the closing order: nothing may be sent beside what may still fill."""
    for order in desk.exits(plan.symbol):
        if not _is_fast(desk, order) or order.order_type not in GUARDS or desk.read_ms.get(Ask.BOOK, 0) <= order.asked_ms:
            continue
        if not _is_position_read(desk, plan.symbol):
            want(desk, Ask.POSITIONS, now)
        elif (qty := _closable(desk, plan.symbol, held)) > 0:
            desk.plans[plan.symbol] = changed(plan, rung_ms=now)
            yield from modify(desk, order, Terms(order.done_qty + qty, "MARKET", 0, 0), now)
            return


def _call(desk: Desk, plan: Plan, held: int, now: int) -> Journal:
    """Closing orders have had their time, and the broker's own exit too: somebody must take the telephone. We go on trying."""
    if plan.is_late or now - plan.closing_ms < RUNGS * desk.params.orders.rung_s * 1000:
        return
    desk.plans[plan.symbol] = changed(plan, is_late=True)
    took_s = (now - plan.closing_ms) // 1000
    text = f"{plan.symbol}: {held} still held {took_s} s after closing began ({plan.closing}): call the broker's desk"
    yield Alert(now, "error", "close_late", "orders", text)


def _is_busy(desk: Desk, symbol: str) -> bool:
    """Something of ours may still fill; an entry that cannot be cancelled (no answer, or refused and refused) is not waited for."""
    return bool(desk.exits(symbol)) or not all(o.status is Status.UNKNOWN or _is_fast(desk, o) for o in desk.entries(symbol))


def _is_fast(desk: Desk, order: Order) -> bool:
    """Tell whether the broker refuses again and again to cancel an order that its book does not call over."""
    return order.status is Status.PENDING_CANCEL and order.tries >= desk.params.orders.close_tries and not is_over(order.told)


def _is_position_read(desk: Desk, symbol: str) -> bool:
    """The broker's position was asked for after everything that we know happened in the paper."""
    return desk.venue is not None or desk.read_ms[Ask.POSITIONS] > desk.changed_ms.get(symbol, 0)


def _closable(desk: Desk, symbol: str, held: int) -> int:
    """Give the shares that one closing order may be for: no more than both sides hold."""
    return abs(held) if desk.venue is not None else abs(owned(held, desk.broker_qty.get(symbol, 0)))


def _gone(desk: Desk, plan: Plan, now: int) -> Journal:
    """The broker does not hold what we think we hold: nothing is sent, it is read again; if that lasts, somebody must look."""
    want(desk, Ask.POSITIONS, now + READ_AGAIN_MS)
    if not plan.is_alarmed and now - plan.closing_ms > GONE_ALARM_MS:
        desk.plans[plan.symbol] = changed(plan, is_alarmed=True)
        ours = desk.held(plan.symbol)
        text = f"{plan.symbol}: our fills say {ours}, the broker holds nothing that could be closed: look at its own page"
        yield Alert(now, "error", "position_gone", "orders", text)


def _place(desk: Desk, plan: Plan, reason: str, qty: int, now: int) -> Journal:
    """Journal one exit order, then ask for it: a stop to guard, a market order to close."""
    is_stop = not plan.closing
    plan, cause = _next_attempt(desk, plan, reason)
    key, held = identity(cause), desk.held(plan.symbol)
    desk.plans[plan.symbol] = changed(plan, attempts=plan.attempts + 1)
    terms = stop_terms(desk, plan, qty) if is_stop else Terms(qty, "MARKET", 0, 0)
    intent = OrderIntent(
        now, key, cause, plan.symbol, closing_side(held), "stop" if is_stop else "exit", terms.order_type, qty, terms.limit_paise,
        terms.trigger_paise, 0, 0, tag_of(key, "exit"), reason, 0,
    )  # fmt: skip
    yield intent
    yield from send(desk, intent, now, terms.trigger_paise)


def _next_attempt(desk: Desk, plan: Plan, reason: str) -> tuple[Plan, str]:
    """Give the cause of the next exit: an entry that fills again after its position had been closed has had some already."""
    while identity(cause := exit_cause(plan.entry_intent, reason, plan.attempts)) in desk.causes:
        plan = changed(plan, attempts=plan.attempts + 1)
    return plan, cause


def _exit_all(desk: Desk, plan: Plan, qty: int, now: int) -> Journal:
    """Closing orders keep failing: let the broker exit what the entry's tag made, and say so; where that is too much, try ours again."""
    entry = desk.order(plan.entry_intent)
    if entry is None or not _is_exact(desk, entry, qty):
        if _is_position_read(desk, plan.symbol):
            yield from _place(desk, changed(plan, closings=0, rung_ms=now), plan.closing, qty, now)
        return
    plan, cause = _next_attempt(desk, plan, "exit_all")
    key = identity(cause)
    desk.plans[plan.symbol] = changed(plan, attempts=plan.attempts + 1, closings=0, rung_ms=now)
    side = closing_side(desk.held(plan.symbol))
    intent = OrderIntent(
        now, key, cause, plan.symbol, side, "exit", EXIT_ALL, qty, 0, 0, 0, 0, tag_of(key, "exit"), "exit_all", 0
    )  # fmt: skip
    yield intent
    yield Alert(now, "error", "exit_all", "orders", f"{plan.symbol}: closing orders keep failing, the broker is asked to exit the position")
    yield from send(desk, intent, now, ask_for=Ask.EXIT_ALL, tag=entry.tag)


def _is_exact(desk: Desk, entry: Order, qty: int) -> bool:
    """Tell whether an exit by the entry's tag can close no more than is held.

    It may net the trades of that tag alone: what exits of ours have closed since, or a person has, bears another tag, or none; the server
    of a GTT gives none at all.
    """
    return desk.venue is None and entry.intent_id not in desk.gtts.values() and entry.done_qty <= qty


def send(desk: Desk, intent: OrderIntent, now: int, trigger_paise: int = 0, *, ask_for: Ask = Ask.PLACE, tag: str = "") -> Journal:
    """Journal SENDING, then let the order go: once for an intent, ever."""
    desk.note_sent(intent, now)
    order = advance(order_of(intent, now), Event.SEND)
    order = changed(order, sent_ms=now, asked_ms=now, trigger_paise=trigger_paise)
    desk.orders[intent.id], desk.tags[intent.tag] = order, intent.id
    yield event_of(order, now, intent.reason)
    order_id = ""
    if desk.venue is not None:
        order_id = f"P{desk.day.date.replace('-', '')}-{desk.sent_today:06d}"
        desk.owners[order_id] = intent.id
    request = OrderRequest(
        now, "", ask_for, intent.id, order_id, intent.symbol, intent.side.value, intent.order_type, intent.qty,
        intent.limit_paise, trigger_paise, tag or intent.tag, *(
            (intent.target_paise, intent.trail_paise) if intent.order_type == GTT else ()
        ),
    )  # fmt: skip
    yield from ask(desk, request, now)


def may_cancel(order: Order) -> bool:
    """Tell whether asking for its end makes sense: it works, and the book does not say yet that it is over."""
    is_unseen = order.order_type == GTT and order.purpose == "entry"  # the order of it at the exchange is not known yet
    return order.status in CANCELLABLE and not is_over(order.told) and not is_unseen


def order_of(intent: OrderIntent, now: int) -> Order:
    return Order(intent.id, intent.symbol, intent.side, intent.purpose, intent.order_type, intent.qty, intent.limit_paise, intent.tag, now)
