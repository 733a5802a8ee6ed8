"""The order manager: recommendations, answers and quotes in; intents, order events and fills out.

Reads   TickBatch, Recommendation, Confirmation, each with the event time at which it counts
Writes  Confirmation (the headless policy's), OrderIntent, OrderEvent, Fill, in the order in which they must be journalled

The rules, by number (reliability file, sections 5.2 and 5.3):

1. An intent's id names its cause. A cause is acted on once, whatever comes twice.
2. The intent, then SENDING, are written before the venue hears of the order.
3. The first answer to a recommendation wins; the rest change nothing. Silence is a denial with a reason.
4. Every entry passes all checks of engine/risk.py on the live quote at the moment of its answer; a Denial says which one stopped it.
5. No position without a plan: stop, target and the latest hour are set by its first fill.
6. An exit aims at zero: what still may open is cancelled first, then at most what is held, less what is on its
   way, is sent. It needs no answer and can never reverse.

Never asks a clock, never sends twice, never drops a fill.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.core.errors import Corrupt
from pipeline.core.trading import Denial
from pipeline.core.types import MINUTE_MS, Confirmation, Fill, OrderEvent, OrderIntent, Recommendation, TickBatch
from pipeline.engine.desk import Desk
from pipeline.engine.exits import SQUARE_OFF, Plan, closing_qty, closing_side, exit_reason
from pipeline.engine.facts import gate_of, paper_now
from pipeline.engine.identity import entry_cause, exit_cause, identity, tag_of
from pipeline.engine.lifecycle import FINAL, Event, Order, advance, event_of, fill
from pipeline.engine.matching import VenueEvent, VenueOrder
from pipeline.engine.risk import deny
from pipeline.engine.sizing import entry_qty, worst_loss_paise

Journal = Iterator[Confirmation | OrderIntent | OrderEvent | Denial | Fill]
MAX_EARLY = 256
"""Answers kept for recommendations not read yet: foreign input must not grow our state without bound."""


def on_ticks(desk: Desk, batch: TickBatch, now: int) -> Journal:
    """Take a frame: match resting orders, guard positions, let timers speak."""
    desk.quotes.take(batch)
    if now // MINUTE_MS != desk.minute:
        desk.minute = now // MINUTE_MS
        desk.mark_held()
        desk.ledger.observe()
    if desk.orders or desk.plans:
        yield from _match(desk, now)
        yield from _guard(desk, now)
        yield from _time_out(desk, now)
    if desk.pending:
        yield from _answer_or_expire(desk, now)


def on_recommendation(desk: Desk, recommendation: Recommendation, now: int) -> Journal:
    """Put a proposal before the user (rule 3), or act on an answer that came first."""
    key = recommendation.id
    if key in desk.settled or key in desk.pending:
        return
    desk.pending[key] = recommendation
    early = desk.early.pop(key, None)
    if early is not None:
        yield from on_answer(desk, early, now)


def on_answer(desk: Desk, answer: Confirmation, now: int) -> Journal:
    """Act on the first answer to a recommendation; anything but a clear yes is a no."""
    key = answer.recommendation_id
    if key in desk.settled:
        return
    recommendation = desk.pending.pop(key, None)
    if recommendation is None:
        if len(desk.early) < MAX_EARLY:
            desk.early.setdefault(key, answer)
        return
    desk.settled[key] = None
    intent = entry_intent(desk, recommendation, now)
    if answer.answer != "confirm":
        yield _denied(intent, now, "rejected")
        return
    yield intent
    denial = deny(gate_of(desk, intent, recommendation, paper_now(desk, now), now))
    if denial is not None:
        yield denial
        yield _denied(intent, now, denial.code)
    else:
        desk.wishes[intent.id] = intent
        yield from _send(desk, intent, now)


def on_end(desk: Desk, now: int) -> Journal:
    """End of input: deny what waits, cancel what rests."""
    for recommendation in list(desk.pending.values()):
        yield _settle_denied(desk, recommendation, now, "session_over")
    for order in list(desk.orders.values()):
        yield from _cancel(desk, order, now, "session_over")


def entry_intent(desk: Desk, r: Recommendation, now: int) -> OrderIntent:
    """Size a recommendation: the order as it would be sent."""
    instrument = desk.paper(r.symbol).instrument
    qty = entry_qty(r.limit_paise, r.stop_paise, instrument, desk.params.risk)
    cause = entry_cause(r.strategy, r.symbol, r.timeframe, r.ts_candle, r.side)
    key = identity(cause)
    return OrderIntent(
        ts=now,
        id=key,
        cause=cause,
        symbol=r.symbol,
        side=r.side,
        purpose="entry",
        order_type="LIMIT",
        qty=qty,
        limit_paise=r.limit_paise,
        stop_paise=r.stop_paise,
        target_paise=r.target_paise,
        worst_loss_paise=worst_loss_paise(qty, r.limit_paise, r.stop_paise),
        tag=tag_of(key),
        reason=r.id,
    )


def _match(desk: Desk, now: int) -> Journal:
    for symbol in list(dict.fromkeys(order.symbol for order in desk.orders.values())):
        sid = desk.papers[symbol].instrument.sid
        if not desk.quotes.is_touched(sid) or not desk.is_open(symbol, now):
            continue
        quote = desk.quotes.quote(sid)
        if quote is not None:
            yield from _digest(desk, desk.venue.on_quote(symbol, quote, now))


def _guard(desk: Desk, now: int) -> Journal:
    """Close positions whose time or price has come (rule 6)."""
    for plan in list(desk.plans.values()):
        held = desk.ledger.qty(plan.symbol)
        if closing_qty(held, desk.pending_close_qty(plan.symbol)) == 0:
            continue
        sid = desk.papers[plan.symbol].instrument.sid
        if not desk.quotes.is_touched(sid) and now < plan.due_ms:
            continue
        reason = exit_reason(plan, desk.quotes.quote(sid), now)
        if reason and desk.is_open(plan.symbol, now):
            yield from _close(desk, plan, reason, now)


def _close(desk: Desk, plan: Plan, reason: str, now: int) -> Journal:
    for order in desk.entries(plan.symbol):
        yield from _cancel(desk, order, now, reason)
    held = desk.ledger.qty(plan.symbol)
    qty = closing_qty(held, desk.pending_close_qty(plan.symbol))
    if qty == 0:
        return
    cause = exit_cause(plan.entry_intent, reason, plan.attempts)
    key = identity(cause)
    desk.plans[plan.symbol] = replace(plan, attempts=plan.attempts + 1)
    intent = OrderIntent(
        ts=now,
        id=key,
        cause=cause,
        symbol=plan.symbol,
        side=closing_side(held),
        purpose="exit",
        order_type="MARKET",
        qty=qty,
        limit_paise=0,
        stop_paise=0,
        target_paise=0,
        worst_loss_paise=0,
        tag=tag_of(key),
        reason=reason,
    )
    yield intent
    denial = deny(gate_of(desk, intent, None, paper_now(desk, now), now))
    if denial is None:
        yield from _send(desk, intent, now)
    else:
        yield denial
        yield _denied(intent, now, denial.code)


def _time_out(desk: Desk, now: int) -> Journal:
    """Cancel entries that did not fill in time, and those that square-off finds."""
    limit = desk.params.orders.entry_timeout_s * 1000
    for order in list(desk.orders.values()):
        if order.purpose == "entry" and now - order.created_ms >= limit:
            yield from _cancel(desk, order, now, "entry_timeout")
        elif order.purpose == "entry" and now >= desk.papers[order.symbol].square_off_ms:
            yield from _cancel(desk, order, now, SQUARE_OFF)


def _answer_or_expire(desk: Desk, now: int) -> Journal:
    """Deny what nobody answered in time; in headless runs, say yes after the stated delay."""
    policy = desk.params.orders
    for recommendation in list(desk.pending.values()):
        if now > recommendation.expires_ms:
            yield _settle_denied(desk, recommendation, now, "expired")
        elif policy.confirm == "auto" and now >= recommendation.ts + policy.auto_delay_ms:
            answer = Confirmation(now, recommendation.id, "confirm", "auto")
            yield answer
            yield from on_answer(desk, answer, now)


def _send(desk: Desk, intent: OrderIntent, now: int) -> Journal:
    """Journal SENDING, then let the venue have the order (rules 1 and 2)."""
    if intent.id in desk.causes:
        raise Corrupt(f"intent {intent.id} would be sent twice: stop, and compare with the broker's book")
    desk.causes[intent.id] = None
    desk.last_sent[intent.symbol] = now
    desk.sent.append(now)
    desk.sent_today += 1
    order = advance(_order(intent, now), Event.SEND)
    desk.orders[intent.id] = order
    yield event_of(order, now, intent.reason)
    order_id = f"P{desk.day.date.replace('-', '')}-{desk.sent_today:06d}"
    desk.owners[order_id] = intent.id
    quote = desk.quotes.quote(desk.paper(intent.symbol).instrument.sid)
    if quote is not None and desk.venue.quotes.get(intent.symbol) != quote:
        yield from _digest(desk, desk.venue.on_quote(intent.symbol, quote, now))
    wanted = VenueOrder(order_id, intent.symbol, intent.side, intent.order_type, intent.qty, intent.limit_paise, 0, intent.tag, now)
    yield from _digest(desk, desk.venue.place(wanted, now))


def _cancel(desk: Desk, order: Order, now: int, reason: str) -> Journal:
    asked = advance(order, Event.ASK_CANCEL)
    desk.orders[order.intent_id] = asked
    yield event_of(asked, now, reason)
    yield from _digest(desk, desk.venue.cancel(order.order_id, now), reason)


def _digest(desk: Desk, events: list[VenueEvent], reason: str = "") -> Journal:
    """Book what the venue says."""
    for event in events:
        key = desk.owners[event.order_id]
        order = desk.orders[key]
        if event.kind == "fill":
            execution = Fill(
                event.ts, event.trade_id, event.order_id, key, order.symbol, order.side, event.qty, event.px_paise, order.purpose
            )
            if not desk.ledger.apply(execution):
                continue
            order = fill(order, event.qty, event.px_paise)
            _replan(desk, order, event.ts)
            yield execution
        elif event.kind == "triggered":
            continue
        else:
            order = advance(order, _MEANING[event.kind], event.order_id)
        _keep(desk, order)
        yield event_of(order, event.ts, event.reason or reason)


_MEANING = {"accepted": Event.ACCEPT, "rejected": Event.REFUSE, "cancelled": Event.CANCELLED, "modified": Event.MODIFIED}


def _keep(desk: Desk, order: Order) -> None:
    """Remember a live order, forget a final one."""
    if order.status not in FINAL:
        desk.orders[order.intent_id] = order
        return
    del desk.orders[order.intent_id]
    del desk.owners[order.order_id]
    desk.wishes.pop(order.intent_id, None)
    desk.venue.forget(order.order_id)


def _replan(desk: Desk, order: Order, now: int) -> None:
    """Make the plan with an entry's first fill (rule 5); drop it when the position is flat."""
    if desk.ledger.qty(order.symbol) == 0:
        desk.plans.pop(order.symbol, None)
    elif order.purpose == "entry" and order.symbol not in desk.plans:
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
        )


def _order(intent: OrderIntent, now: int) -> Order:
    return Order(intent.id, intent.symbol, intent.side, intent.purpose, intent.order_type, intent.qty, intent.limit_paise, intent.tag, now)


def _denied(intent: OrderIntent, now: int, reason: str) -> OrderEvent:
    return event_of(advance(_order(intent, now), Event.DENY), now, reason)


def _settle_denied(desk: Desk, recommendation: Recommendation, now: int, reason: str) -> OrderEvent:
    del desk.pending[recommendation.id]
    desk.settled[recommendation.id] = None
    return _denied(entry_intent(desk, recommendation, now), now, reason)
