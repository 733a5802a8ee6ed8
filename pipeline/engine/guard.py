"""What the order that guards a position should look like now: a stop that follows the price, or the limit at the target.

Reads   the desk's settings and quotes, the plan of a position, its order at the exchange (paise)
Writes  the plan with its stop moved; the terms that the order should have

No exchange links two orders: a stop and a target that rest side by side can both fill, and the second one reverses. So a pair is *one*
order with two faces. It is a stop until the price we would get is within reach of the target, then it becomes the limit there (one
change, absolute terms), and a stop again when the price goes away. Whatever is lost, doubled or late, one order fills what is held, and
no more. While it is a limit there is no stop at the exchange: the price at the stop is then watched here.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.core.broker import GTT, Terms
from pipeline.core.session import Group
from pipeline.core.types import Side
from pipeline.engine.desk import Desk
from pipeline.engine.exits import STOP, STOP_TYPES, Plan
from pipeline.engine.identity import changed
from pipeline.engine.lifecycle import Order
from pipeline.engine.stops import trailed

LIMIT = "LIMIT"
PAIR = "pair"
BPS = 10_000
SLACK_BPS = 300
"""Limit of a stop order where the exchange takes no SL-M (derivatives): so far beyond the trigger."""


def trail(desk: Desk, plan: Plan, now: int) -> Plan:
    """Note the best price, and move the stop after it: far enough to be worth a change, and not too often."""
    if plan.closing or plan.trail_paise <= 0 or GTT in [order.order_type for order in desk.exits(plan.symbol)]:
        return plan  # a GTT's stop is moved by its server
    paper, limits = desk.paper(plan.symbol), desk.params.stops
    quote = desk.quotes.quote(paper.instrument.sid)
    ltp = 0 if quote is None else quote.ltp_paise
    if ltp > 0 and (ltp - plan.best_paise) * plan.side.sign > 0:
        plan = desk.plans[plan.symbol] = changed(plan, best_paise=ltp)
    elif plan.trailed_ms == 0:
        return plan  # never in profit since: the stop stays where the entry set it
    stop = trailed(plan.side, plan.stop_paise, plan.best_paise, away_paise=plan.trail_paise, tick_paise=paper.instrument.tick_size_paise)
    is_far = abs(stop - plan.stop_paise) * BPS >= limits.trail_step_bps * stop
    is_passed = ltp > 0 and (ltp - stop) * plan.side.sign <= 0
    if stop != plan.stop_paise and is_far and not is_passed and now - plan.trailed_ms >= limits.trail_every_s * 1000:
        plan = desk.plans[plan.symbol] = changed(plan, stop_paise=stop, trailed_ms=now)
    return plan


def is_pair(desk: Desk) -> bool:
    """Tell whether the target lies at the exchange, or at the broker's server, too."""
    return desk.params.stops.exits != "stop"


def stop_terms(desk: Desk, plan: Plan, qty: int) -> Terms:
    """Give the terms of a stop: SL-M in cash, SL with room in derivatives, whose exchange takes no SL-M."""
    paper = desk.paper(plan.symbol)
    if paper.group is not Group.FO:
        return Terms(qty, "SL-M", 0, plan.stop_paise)
    tick = paper.instrument.tick_size_paise
    room = max(1, plan.stop_paise * SLACK_BPS // BPS // tick) * tick
    return Terms(qty, "SL", max(tick, plan.stop_paise - plan.side.sign * room), plan.stop_paise)


def guarding_terms(desk: Desk, plan: Plan, order: Order, held: int) -> Terms:
    """Give what the order should be: for all that is held, beside what it has filled."""
    qty = order.done_qty + abs(held)
    if order.order_type in STOP_TYPES and order.told == "open":
        return changed(order.terms, qty=qty)  # it has triggered: it is selling, and is left alone
    if desk.params.stops.exits == PAIR and plan.target_paise > 0 and _is_near(desk, plan, order):
        return Terms(qty, LIMIT, plan.target_paise, 0)
    return stop_terms(desk, plan, qty)


def _is_near(desk: Desk, plan: Plan, order: Order) -> bool:
    """Tell whether the target is within reach; what has become a limit stays one until the price is twice as far away."""
    quote = desk.quotes.quote(desk.paper(plan.symbol).instrument.sid)
    if quote is None:
        return order.order_type == LIMIT
    ours = quote.bid_paise if plan.side is Side.BUY else quote.ask_paise
    if ours <= 0:
        return order.order_type == LIMIT
    far_bps = (plan.target_paise - ours) * plan.side.sign * BPS / plan.target_paise
    reach = desk.params.stops.near_bps
    return far_bps <= (2 * reach if order.order_type == LIMIT else reach)


def is_doing(exits: Sequence[Order], reason: str, *, is_late: bool) -> bool:
    """Tell whether the exchange is seeing to it: a stop beyond its trigger, or the order of a pair at its target, is given a moment.

    ``is_late``: the moment is over, and nothing has filled meanwhile. A stop that has triggered is no better then: it bears a limit, the
    market protection, and rests when the price has gone past that. A limit is no stop.
    """
    if reason == STOP:
        exits = [order for order in exits if order.order_type in STOP_TYPES or order.order_type == GTT]
    return bool(exits) and not is_late
