"""Pre-trade checks on the only road to the broker: one pure function and one reason code each, in a fixed order.

Reads   a Gate: the intent, its recommendation, the live quote, the account and the counters, as of one instant
Writes  the code of the first check that stops the entry, or nothing

The order follows the reliability file, section 6: session, age of what we know, the paper, price, size,
exposure, the plan for getting out, repeats, the day's result. Only entries pass here; an exit aims at position
zero and needs no permission (engine/exits.py). Limits come from risk.toml; none has a default in the code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.core.params import RiskParams
from pipeline.core.session import Phase
from pipeline.core.types import Instrument, OrderIntent, Recommendation
from pipeline.engine.matching import Quote

BPS = 10_000


@dataclass(frozen=True, slots=True)
class Activity:
    """What has been sent today, and what is open now."""

    open_symbols: int
    """Symbols with a position or an entry that may be at the exchange."""
    is_symbol_busy: bool
    """A position or a live order of ours in this symbol."""
    has_unknown: bool
    exposure_paise: int
    """Positions and everything that live entries could still buy or sell."""
    last_sent_ms: int
    """Of this symbol; 0 never."""
    sent_last_minute: int
    sent_today: int
    is_repeat: bool
    """This cause has been acted on already."""


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything a check may look at."""

    now: int
    intent: OrderIntent
    recommendation: Recommendation
    instrument: Instrument
    quote: Quote | None
    phase: Phase
    no_entry_ms: int
    activity: Activity
    net_paise: int
    drawdown_paise: int
    max_spread_bps: float
    limits: RiskParams


def out_of_session(g: Gate) -> bool:
    return g.phase is not Phase.CONTINUOUS


def too_late(g: Gate) -> bool:
    return g.now >= g.no_entry_ms


def expired(g: Gate) -> bool:
    return g.now > g.recommendation.expires_ms


def stale_quote(g: Gate) -> bool:
    return g.quote is None or g.quote.ts == 0 or g.now - g.quote.ts > g.limits.max_quote_age_ms


def unknown_in_symbol(g: Gate) -> bool:
    """An order whose outcome nobody knows could be a position by now."""
    return g.activity.has_unknown


def not_tradable(g: Gate) -> bool:
    return g.instrument.is_index


def one_sided(g: Gate) -> bool:
    """A paper locked at its band, or a crossed book: no price there means anything."""
    q = g.quote
    return q is None or q.bid_paise <= 0 or q.ask_paise <= 0 or q.bid_paise > q.ask_paise


def wide_spread(g: Gate) -> bool:
    q = g.quote
    return q is None or (q.ask_paise - q.bid_paise) * 2 * BPS > g.max_spread_bps * (q.ask_paise + q.bid_paise)


def price_drift(g: Gate) -> bool:
    """The price has left the signal's by too much, either way: what was recommended is no longer there."""
    ref = g.recommendation.ref_paise
    return g.quote is None or abs(g.quote.ltp_paise - ref) * BPS > g.limits.max_drift_bps * ref


def off_tick(g: Gate) -> bool:
    tick = g.instrument.tick_size_paise
    return any(paise <= 0 or paise % tick != 0 for paise in (g.intent.limit_paise, g.intent.stop_paise))


def no_quantity(g: Gate) -> bool:
    return g.intent.qty <= 0


def bad_quantity(g: Gate) -> bool:
    freeze = g.instrument.freeze_qty
    return g.intent.qty % g.instrument.lot_size != 0 or (freeze > 0 and g.intent.qty > freeze)


def position_too_big(g: Gate) -> bool:
    return g.intent.qty * g.intent.limit_paise > g.limits.capital_paise * g.limits.max_position_ratio


def leverage(g: Gate) -> bool:
    after = g.activity.exposure_paise + g.intent.qty * g.intent.limit_paise
    return after > g.limits.capital_paise * g.limits.max_leverage


def stop_missing(g: Gate) -> bool:
    """The stop must be there, and on the losing side of the entry."""
    return g.intent.stop_paise <= 0 or (g.intent.limit_paise - g.intent.stop_paise) * g.intent.side.sign <= 0


def stop_passed(g: Gate) -> bool:
    """A stop that the price has reached already would sell what was just bought."""
    return g.quote is None or (g.quote.ltp_paise - g.intent.stop_paise) * g.intent.side.sign <= 0


def target_wrong(g: Gate) -> bool:
    return g.intent.target_paise > 0 and (g.intent.target_paise - g.intent.limit_paise) * g.intent.side.sign <= 0


def trade_risk(g: Gate) -> bool:
    return g.intent.worst_loss_paise > g.limits.capital_paise * g.limits.risk_per_trade


def repeat(g: Gate) -> bool:
    return g.activity.is_repeat


def symbol_busy(g: Gate) -> bool:
    """One trade at a time in a paper: no adding, no self-trade, no reversal."""
    return g.activity.is_symbol_busy


def min_gap(g: Gate) -> bool:
    last = g.activity.last_sent_ms
    return last > 0 and g.now - last < g.limits.min_gap_s * 1000


def orders_per_minute(g: Gate) -> bool:
    return g.activity.sent_last_minute >= g.limits.max_orders_per_minute


def orders_per_day(g: Gate) -> bool:
    """An entry needs room for its exit too; exits themselves are not stopped by the count."""
    return g.activity.sent_today + 2 > g.limits.max_orders_per_day


def max_positions(g: Gate) -> bool:
    return g.activity.open_symbols >= g.limits.max_positions


def daily_loss(g: Gate) -> bool:
    return g.net_paise <= -g.limits.capital_paise * g.limits.daily_loss_stop_ratio


def drawdown(g: Gate) -> bool:
    return g.drawdown_paise >= g.limits.capital_paise * g.limits.drawdown_stop_ratio


CHECKS: tuple[Callable[[Gate], bool], ...] = (
    out_of_session,
    too_late,
    expired,
    stale_quote,
    unknown_in_symbol,
    not_tradable,
    one_sided,
    wide_spread,
    price_drift,
    off_tick,
    no_quantity,
    bad_quantity,
    position_too_big,
    leverage,
    stop_missing,
    stop_passed,
    target_wrong,
    trade_risk,
    repeat,
    symbol_busy,
    min_gap,
    orders_per_minute,
    orders_per_day,
    max_positions,
    daily_loss,
    drawdown,
)
"""Each is true when it stops the entry; its name is the reason code."""


def deny_reason(gate: Gate) -> str:
    """Return the code of the first check that stops the entry; empty when it may go."""
    for check in CHECKS:
        if check(gate):
            return check.__name__
    return ""
