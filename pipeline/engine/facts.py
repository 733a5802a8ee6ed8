"""What the desk knows of one order, collected for the checks: a Gate.

Reads   the desk (orders, positions, quotes, counts) as of now, the order, its recommendation, the conditions
Writes  a Gate; marks what is held at the newest prices and forgets orders older than an hour, nothing else

Live entries count as if they had filled whole; what an open position can still lose is the way from its mark to its
stop. In doubt the larger figure is taken.
"""

from __future__ import annotations

from pipeline.core.broker import Facts, Word
from pipeline.core.params import RiskParams
from pipeline.core.trading import TradingState
from pipeline.core.types import MINUTE_MS, OrderIntent, Recommendation
from pipeline.engine.desk import Desk
from pipeline.engine.gate import Activity, Conditions, Gate, paper_conditions
from pipeline.engine.identity import changed
from pipeline.engine.lifecycle import Order, Status
from pipeline.engine.sizing import worst_loss_paise
from pipeline.engine.tally import exposure_paise, tally

HOUR_MS = 60 * MINUTE_MS
ASKED_BEFORE_MS = 20_000
"""No look at the broker takes longer, its last answer included."""
UNKNOWN = Facts(0, None, None, None, None, None)


def gate_of(desk: Desk, intent: OrderIntent, recommendation: Recommendation | None, conditions: Conditions, now: int) -> Gate:
    """Collect all that the checks look at."""
    paper = desk.paper(intent.symbol)
    return Gate(
        now=now,
        intent=intent,
        recommendation=recommendation,
        instrument=paper.instrument,
        market=desk.quotes.market(paper.instrument.sid),
        phase=desk.day.phase_at(now, paper.group),
        no_entry_ms=paper.no_entry_ms,
        activity=activity_of(desk, intent, now),
        conditions=conditions,
        max_spread_bps=desk.params.filter.max_spread_bps,
        limits=desk.params.risk,
    )


def activity_of(desk: Desk, intent: OrderIntent, now: int) -> Activity:
    """Count what is open and what was sent."""
    all_in = tally(desk)
    symbol, busy = intent.symbol, desk.open_symbols()
    desk.sent = [ts for ts in desk.sent if now - ts < HOUR_MS]
    mine = [o for o in desk.orders.values() if o.symbol == symbol and o.intent_id != intent.id]
    held = desk.ledger.holdings.get(symbol)
    return Activity(
        open_symbols=len(busy | all_in.symbols),
        position_qty=desk.ledger.qty(symbol),
        pending_close_qty=desk.pending_close_qty(symbol),
        is_symbol_busy=symbol in busy,
        is_held_by_hand=symbol in all_in.symbols,
        has_unknown=any(o.status is Status.UNKNOWN for o in mine),
        has_opposite=any(o.side is not intent.side for o in mine),
        symbol_paise=(0 if held is None else held.exposure_paise) + sum(_live_paise(o) for o in mine if o.purpose == "entry"),
        exposure_paise=desk.exposure_paise() + all_in.exposure_paise,
        net_exposure_paise=_net_exposure(desk) + all_in.net_exposure_paise,
        open_risk_paise=open_risk_paise(desk),
        last_sent_ms=desk.last_sent.get(symbol, 0),
        sent_last_minute=sum(now - ts < MINUTE_MS for ts in desk.sent),
        sent_last_hour=len(desk.sent),
        sent_today=desk.sent_today,
        is_repeat=intent.id in desk.causes,
        losses_in_row=desk.ledger.losses_in_row,
        net_paise=all_in.net_paise,
        drawdown_paise=all_in.drawdown_paise,
        fall_paise=all_in.fall_paise,
        peak_paise=all_in.peak_paise,
    )


def open_risk_paise(desk: Desk) -> int:
    """Give what is lost from here when every stop is hit, of positions and of entries that may yet fill."""
    out = 0
    for symbol, plan in desk.plans.items():
        held = desk.ledger.holdings.get(symbol)
        if held is not None and held.qty != 0:
            mark = held.mark_paise or round(held.avg_px * 100)
            out += max(0, held.qty * (mark - plan.stop_paise))
    for order in desk.orders.values():
        wish = desk.wishes.get(order.intent_id)
        if order.purpose == "entry" and wish is not None:
            out += worst_loss_paise(order.leaves_qty, order.limit_paise, wish.stop_paise)
    return out


def conditions_of(desk: Desk, now: int) -> Conditions:
    """Give the conditions as the desk knows them: an emergency word halts; with a broker outside, its book is as old as it is.

    Margin is the capital and the day's profit, less what is bound, and outside no more than the broker's own funds. What was looked up at
    the broker too long ago is not known. The order rate is kept by whoever sends (run/courier.py), call by call.
    """
    risk: RiskParams = desk.params.risk
    free = risk.capital_paise + desk.ledger.net_paise - round(exposure_paise(desk) * risk.margin_ratio)
    state = TradingState.HALTED if desk.word else TradingState.ACTIVE
    if desk.word == Word.PAUSE:
        state = TradingState.REDUCING
    paper = paper_conditions(state, now, free, is_flattening=desk.word in {Word.FLATTEN, Word.KILL})
    if desk.venue is not None:
        return paper
    facts = desk.facts
    if facts is None or now - facts.ts > risk.max_facts_age_s * 1000:
        facts = UNKNOWN
    margin = None if facts.margin_paise is None else min(free, facts.margin_paise - _bound_since(desk, facts.ts))
    return changed(
        paper,
        token_left_ms=None if facts.token_left_ms is None else facts.token_left_ms - (now - facts.ts),
        are_versions_equal=facts.are_versions_equal,
        clock_skew_ms=facts.clock_skew_ms,
        reconciled_ms=desk.agreed_ms,
        is_settled=is_settled(desk, now),
        is_master_of_today=facts.is_master_of_today,
        margin_paise=margin,
    )


def is_settled(desk: Desk, now: int) -> bool:
    """Tell whether what a memory that was lost may have sent has arrived: it is waited for like any order without an answer."""
    return desk.venue is not None or now - desk.began_ms >= desk.params.orders.settle_s * 1000


def _bound_since(desk: Desk, ts: int) -> int:
    """Give the margin of the entries that the broker's figure of that instant may not know: it was asked for a little before.

    An entry that the broker refused binds nothing.
    """
    since = (o for o in (*desk.orders.values(), *desk.final.values()) if o.purpose == "entry" and o.sent_ms > ts - ASKED_BEFORE_MS)
    bound = sum(max(o.order_qty, o.cum_qty) * o.limit_paise for o in since if o.status is not Status.REFUSED)
    return round(bound * desk.params.risk.margin_ratio)


def _net_exposure(desk: Desk) -> int:
    held = sum(h.exposure_paise if h.qty > 0 else -h.exposure_paise for h in desk.ledger.holdings.values() if h.qty != 0)
    return held + sum(o.side.sign * _live_paise(o) for o in desk.orders.values() if o.purpose == "entry")


def _live_paise(order: Order) -> int:
    return order.leaves_qty * order.limit_paise
