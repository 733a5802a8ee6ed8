"""Checks 9 to 14: exposure and margin, stop and risk, repeats, self-trade, the day's result, the order rate.

Reads   a Gate (engine/gate.py), as of one instant; money in paise
Writes  the words of a refusal, or ""; codes and places stand in the register (engine/checks.py)

Every limit on money is held against the account as it would be after the order's worst: filled whole at its limit,
every stop hit. So no accepted order can break a limit later by merely filling.
"""

from __future__ import annotations

from pipeline.core.money import rupees
from pipeline.engine.checks import check
from pipeline.engine.gate import Gate
from pipeline.engine.sizing import worst_loss_paise


def value_paise(g: Gate) -> int:
    """Give what the order is worth at its limit."""
    return g.intent.qty * g.intent.limit_paise


def loss_paise(g: Gate) -> int:
    """Give what the order loses at its stop: as computed here, and never less than the intent says."""
    i = g.intent
    return max(worst_loss_paise(i.qty, i.limit_paise, i.stop_paise), i.worst_loss_paise)


def _above(what: str, paise: int, most: float) -> str:
    return f"{what} of {rupees(paise)}, at most {rupees(int(most))}" if paise > most else ""


# ------------------------------------------------------------------ 9 exposure and margin


@check("order_too_big", place=9)
def order_too_big(g: Gate) -> str:
    """One order's value."""
    return _above("an order", value_paise(g), g.limits.capital_paise * g.limits.max_order_ratio)


@check("position_too_big", place=9)
def position_too_big(g: Gate) -> str:
    """One paper's value, with what is held and on its way."""
    return _above("a position", g.activity.symbol_paise + value_paise(g), g.limits.capital_paise * g.limits.max_position_ratio)


@check("max_positions", place=9)
def max_positions(g: Gate) -> str:
    """Papers held at the same time."""
    most = g.limits.max_positions
    return f"{g.activity.open_symbols} papers are open, at most {most}" if g.activity.open_symbols >= most else ""


@check("leverage", place=9)
def leverage(g: Gate) -> str:
    """Gross exposure: longs and shorts added."""
    return _above("gross exposure", g.activity.exposure_paise + value_paise(g), g.limits.capital_paise * g.limits.max_leverage)


@check("net_leverage", place=9)
def net_leverage(g: Gate) -> str:
    """Net exposure: longs less shorts, either way."""
    after = g.activity.net_exposure_paise + g.intent.side.sign * value_paise(g)
    return _above("net exposure", abs(after), g.limits.capital_paise * g.limits.max_net_leverage)


@check("margin_short", place=9)
def margin_short(g: Gate) -> str:
    """The broker would not lend enough."""
    need, free = round(value_paise(g) * g.limits.margin_ratio), g.conditions.margin_paise
    return "the broker's funds are not known" if free is None else _above("margin needed", need, free)


# ------------------------------------------------------------------ 10 stop, target, risk of the trade


@check("stop_missing", place=10)
def stop_missing(g: Gate) -> str:
    """The stop must be there, and on the losing side of the entry."""
    i = g.intent
    return "" if i.stop_paise > 0 and (i.limit_paise - i.stop_paise) * i.side.sign > 0 else "no stop on the losing side of the limit"


@check("stop_passed", place=10)
def stop_passed(g: Gate) -> str:
    """A stop that the price has reached already would sell what was just bought."""
    q, i = g.market.quote, g.intent
    return "the price is at the stop already" if q is None or (q.ltp_paise - i.stop_paise) * i.side.sign <= 0 else ""


@check("target_wrong", place=10)
def target_wrong(g: Gate) -> str:
    """A target, where there is one, lies on the winning side."""
    i = g.intent
    is_wrong = i.target_paise > 0 and (i.target_paise - i.limit_paise) * i.side.sign <= 0
    return "the target is on the losing side of the limit" if is_wrong else ""


@check("trade_risk", place=10)
def trade_risk(g: Gate) -> str:
    """Lost when the stop is hit."""
    return _above("loss at the stop", loss_paise(g), g.limits.capital_paise * g.limits.risk_per_trade)


# ------------------------------------------------------------------ 11 repeats and counts


@check("repeat", place=11)
def repeat(g: Gate) -> str:
    """This cause has been acted on already."""
    return "this cause has had its order" if g.activity.is_repeat else ""


@check("symbol_busy", place=11)
def symbol_busy(g: Gate) -> str:
    """One trade at a time in a paper: no adding, no reversal."""
    return "a position or an order is open in it" if g.activity.is_symbol_busy else ""


@check("held_by_hand", place=11)
def held_by_hand(g: Gate) -> str:
    """People hold it beside us: the broker knows one net position, and theirs is not ours to mix with."""
    return "a position by hand is open in it" if g.activity.is_held_by_hand else ""


@check("min_gap", place=11)
def min_gap(g: Gate) -> str:
    """Two entries in one paper need a pause between them."""
    last, gap = g.activity.last_sent_ms, g.limits.min_gap_s
    return f"{g.now - last} ms after the last order in it, at least {gap} s" if last > 0 and g.now - last < gap * 1000 else ""


@check("orders_per_minute", place=11)
def orders_per_minute(g: Gate) -> str:
    """Orders of the last 60 seconds, exits included."""
    return _count(g.activity.sent_last_minute + 1, g.limits.max_orders_per_minute, "minute")


@check("orders_per_hour", place=11)
def orders_per_hour(g: Gate) -> str:
    """Orders of the last 60 minutes, exits included."""
    return _count(g.activity.sent_last_hour + 1, g.limits.max_orders_per_hour, "hour")


@check("orders_per_day", place=11)
def orders_per_day(g: Gate) -> str:
    """An entry needs room for its exit too; exits themselves are not stopped by the count."""
    return _count(g.activity.sent_today + 2, g.limits.max_orders_per_day, "day, its exit counted")


def _count(orders: int, most: int, span: str) -> str:
    return f"it would be order {orders} of the {span}, at most {most}" if orders > most else ""


# ------------------------------------------------------------------ 12 self-trade


@check("self_trade", place=12, exits=True)
def self_trade(g: Gate) -> str:
    """Our own order rests on the other side: it is cancelled first."""
    return "our own order rests on the other side" if g.activity.has_opposite else ""


# ------------------------------------------------------------------ 13 the day's result


@check("daily_loss", place=13)
def daily_loss(g: Gate) -> str:
    """The day's loss, were every stop hit and this one's too."""
    worst = -g.activity.net_paise + g.activity.open_risk_paise + loss_paise(g)
    return _above("the day's loss at worst", worst, g.limits.capital_paise * g.limits.daily_loss_stop_ratio)


@check("drawdown", place=13)
def drawdown(g: Gate) -> str:
    """The fall from the day's peak, were every stop hit and this one's too."""
    worst = g.activity.drawdown_paise + g.activity.open_risk_paise + loss_paise(g)
    return _above("the fall from the peak at worst", worst, g.limits.capital_paise * g.limits.drawdown_stop_ratio)


@check("high_water", place=13)
def high_water(g: Gate) -> str:
    """The fall from the account's peak over all its days, were every stop hit and this one's too; a part of that peak."""
    worst = g.activity.fall_paise + g.activity.open_risk_paise + loss_paise(g)
    most = (g.limits.capital_paise + g.activity.peak_paise) * g.limits.drawdown_stop_ratio
    return _above("the fall from the account's high-water mark at worst", worst, most)


@check("losses_in_row", place=13)
def losses_in_row(g: Gate) -> str:
    """So many losing trades one after another: the market is not the one we know."""
    losses, most = g.activity.losses_in_row, g.limits.max_losses_in_row
    return f"{losses} losing trades in a row, at most {most - 1}" if losses >= most else ""


# ------------------------------------------------------------------ 14 the broker's order rate


@check("order_rate", place=14, exits=True)
def order_rate(g: Gate) -> str:
    """The broker's rate buckets are empty for this order; exits have a reserve of their own."""
    return "" if g.conditions.order_room > 0 else "the broker's order rate is used up for now"
