"""Checks 1 to 8: state, session, token, ages, the broker's book, the paper, price and size.

Reads   a Gate (engine/gate.py), as of one instant
Writes  the words of a refusal, or ""; codes and places stand in the register (engine/checks.py)

What the feed has not told (yesterday's close, the day's volume) is not judged, and named so here. Warmth of the
indicators is a rule of the filter: without it there is no recommendation.
"""

from __future__ import annotations

from pipeline.core.money import price_band
from pipeline.core.session import Phase
from pipeline.core.trading import TradingState
from pipeline.core.types import MINUTE_MS, Side
from pipeline.engine.checks import check
from pipeline.engine.gate import Gate

BPS = 10_000
TAKES_EXITS = frozenset({Phase.CONTINUOUS, Phase.AUCTION, Phase.AUCTION_LIMIT})


# ------------------------------------------------------------------ 1 trading state


@check("halted", place=1, exits=True)
def halted(g: Gate) -> str:
    """Nothing is sent in HALTED, but the exits of an ordered flattening."""
    c = g.conditions
    if c.state is not TradingState.HALTED or (c.is_flattening and g.intent.purpose == "exit"):
        return ""
    return "trading is halted until a person lifts it"


@check("reducing", place=1)
def reducing(g: Gate) -> str:
    """No growth in REDUCING."""
    return "" if g.conditions.state is TradingState.ACTIVE else "positions may only become smaller"


# ------------------------------------------------------------------ 2 session


@check("out_of_session", place=2)
def out_of_session(g: Gate) -> str:
    """Entries in continuous trading only; a holiday has none."""
    return "" if g.phase is Phase.CONTINUOUS else f"phase {g.phase.name}"


@check("no_exit_session", place=2, exits=True)
def no_exit_session(g: Gate) -> str:
    """No order in a phase in which the exchange takes none."""
    return "" if g.phase in TAKES_EXITS else f"phase {g.phase.name}"


@check("too_late", place=2)
def too_late(g: Gate) -> str:
    """No entry after the hour of settings.toml."""
    return f"{(g.now - g.no_entry_ms) // 1000} s after the last entry of the day" if g.now >= g.no_entry_ms else ""


@check("expired", place=2)
def expired(g: Gate) -> str:
    """The proposal has run out; without one there is no entry."""
    r = g.recommendation
    if r is None:
        return "no recommendation stands behind it"
    return f"expired {g.now - r.expires_ms} ms ago" if g.now > r.expires_ms else ""


# ------------------------------------------------------------------ 3 token and versions


@check("token_dies", place=3)
def token_dies(g: Gate) -> str:
    """A position must not outlive the token that can close it by too little."""
    left, least = g.conditions.token_left_ms, g.limits.min_token_life_s * 1000
    if left is None:
        return "nobody knows how long the token lives"
    return f"the token has {left // 1000} s left, {least // 1000} s are wanted" if left < least else ""


@check("versions_differ", place=3)
def versions_differ(g: Gate) -> str:
    """Half a deploy: processes of different versions run."""
    are_equal = g.conditions.are_versions_equal
    if are_equal is None:
        return "the versions of the running processes are not known"
    return "" if are_equal else "processes of different versions run: restart all"


# ------------------------------------------------------------------ 4 stale and early


@check("clock_skew", place=4)
def clock_skew(g: Gate) -> str:
    """Every age rests on the clocks agreeing."""
    skew, most = g.conditions.clock_skew_ms, g.limits.max_clock_skew_ms
    if skew is None:
        return "our clock has not been compared with the broker's"
    return f"our clock is {skew:+d} ms off, at most {most}" if abs(skew) > most else ""


@check("stale_feed", place=4)
def stale_feed(g: Gate) -> str:
    """No paper at all has ticked lately."""
    age, most = g.now - g.market.feed_ts, g.limits.max_feed_age_ms
    return f"the feed's newest frame is {age} ms old, at most {most}" if age > most else ""


@check("stale_quote", place=4)
def stale_quote(g: Gate) -> str:
    """The paper's own quote is old, or there is none."""
    q = g.market.quote
    if q is None or q.ts == 0:
        return "no quote yet"
    age, most = g.now - q.ts, g.limits.max_quote_age_ms
    return f"the quote is {age} ms old, at most {most}" if age > most else ""


@check("candle_open", place=4)
def candle_open(g: Gate) -> str:
    """The signal's candle was not closed when it spoke."""
    r = g.recommendation
    if r is None:
        return "no candle stands behind it"
    end = r.ts_candle + int(r.timeframe.removesuffix("m")) * MINUTE_MS
    return f"the candle closes {end - r.ts} ms after the signal" if r.ts < end else ""


# ------------------------------------------------------------------ 5 the broker's book


@check("not_reconciled", place=5)
def not_reconciled(g: Gate) -> str:
    """Our books have not agreed with the broker's lately."""
    if g.conditions.reconciled_ms <= 0:
        return "books have not been compared with the broker's yet"
    age, most = g.now - g.conditions.reconciled_ms, g.limits.max_reconcile_age_s * 1000
    return f"books agreed {age // 1000} s ago, at most {most // 1000}" if age > most else ""


@check("book_not_settled", place=5)
def book_not_settled(g: Gate) -> str:
    """After a first start, an order of a lost memory may still be on its way."""
    return "" if g.conditions.is_settled else "this journal has just begun: what an earlier one may have sent is waited for"


@check("unknown_in_symbol", place=5, exits=True)
def unknown_in_symbol(g: Gate) -> str:
    """An order whose outcome nobody knows could be a position, or its end, by now."""
    return "an order of unknown outcome is out" if g.activity.has_unknown else ""


# ------------------------------------------------------------------ 6 the paper


@check("not_tradable", place=6)
def not_tradable(g: Gate) -> str:
    """An index is no paper."""
    return "an index cannot be bought" if g.instrument.is_index else ""


@check("not_allowed", place=6)
def not_allowed(g: Gate) -> str:
    """Not among the symbols of risk.toml, or of the roll-out's stage."""
    allowed = g.limits.symbols
    return f"only {', '.join(allowed)} may be traded" if allowed and g.intent.symbol not in allowed else ""


@check("banned", place=6)
def banned(g: Gate) -> str:
    """On the ban list of risk.toml."""
    return "on the ban list" if g.intent.symbol in g.limits.banned else ""


@check("old_master", place=6)
def old_master(g: Gate) -> str:
    """Lots, ticks and freeze quantities are not today's."""
    return "" if g.conditions.is_master_of_today else "the instrument file is not today's: `ticktick instruments refresh`"


# ------------------------------------------------------------------ 7 price


@check("off_tick", place=7, exits=True)
def off_tick(g: Gate) -> str:
    """A price that is no multiple of the tick; an exit at market has none."""
    tick, intent = g.instrument.tick_size_paise, g.intent
    if intent.purpose == "exit":
        prices = tuple(paise for paise in (intent.limit_paise, intent.stop_paise) if paise != 0)
    else:
        prices = (intent.limit_paise, intent.stop_paise, intent.target_paise or tick)
    bad = [paise for paise in prices if paise <= 0 or paise % tick != 0]
    return f"{bad[0]} paise is no multiple of {tick}" if bad else ""


@check("out_of_band", place=7)
def out_of_band(g: Gate) -> str:
    """Limit, stop or target beyond the day's price band; not judged before the feed has told yesterday's close."""
    close, i = g.market.close_paise, g.intent
    if close <= 0:
        return ""
    low, high = price_band(close, g.limits.price_band_ratio, g.instrument.tick_size_paise)
    beyond = [paise for paise in (i.limit_paise, i.stop_paise, i.target_paise) if paise != 0 and not low <= paise <= high]
    return f"{beyond[0]} paise is outside {low} to {high}" if beyond else ""


@check("one_sided", place=7)
def one_sided(g: Gate) -> str:
    """A paper locked at its band, or a crossed book: no price there means anything."""
    q = g.market.quote
    if q is None or q.bid_paise <= 0 or q.ask_paise <= 0:
        return "the book has one side, or none"
    return f"bid {q.bid_paise} above ask {q.ask_paise}" if q.bid_paise > q.ask_paise else ""


@check("wide_spread", place=7)
def wide_spread(g: Gate) -> str:
    """The spread alone would cost too much."""
    q = g.market.quote
    if q is None or q.ask_paise + q.bid_paise <= 0:
        return "no quote yet"
    bps = (q.ask_paise - q.bid_paise) * 2 * BPS / (q.ask_paise + q.bid_paise)
    return f"spread {bps:.1f} bps, at most {g.max_spread_bps:g}" if bps > g.max_spread_bps else ""


@check("far_from_last", place=7)
def far_from_last(g: Gate) -> str:
    """A limit far from the last trade is a slip of the finger, or of the code."""
    q, most = g.market.quote, g.limits.max_ltp_distance_bps
    if q is None or q.ltp_paise <= 0:
        return "no trade yet"
    bps = abs(g.intent.limit_paise - q.ltp_paise) * BPS / q.ltp_paise
    return f"limit {bps:.1f} bps from the last trade, at most {most:g}" if bps > most else ""


@check("far_from_quote", place=7)
def far_from_quote(g: Gate) -> str:
    """A limit far beyond the price at which it would trade at once."""
    q, most = g.market.quote, g.limits.max_quote_distance_bps
    other = 0 if q is None else q.ask_paise if g.intent.side is Side.BUY else q.bid_paise
    if other <= 0:
        return "nobody stands on the other side"
    bps = (g.intent.limit_paise - other) * g.intent.side.sign * BPS / other
    return f"limit {bps:.1f} bps beyond the book, at most {most:g}" if bps > most else ""


@check("price_drift", place=7)
def price_drift(g: Gate) -> str:
    """The price has left the signal's by too much, either way: what was recommended is no longer there."""
    q, r, most = g.market.quote, g.recommendation, g.limits.max_drift_bps
    if q is None or r is None or r.ref_paise <= 0:
        return "no price to compare"
    bps = abs(q.ltp_paise - r.ref_paise) * BPS / r.ref_paise
    return f"{bps:.1f} bps since the signal, at most {most:g}" if bps > most else ""


# ------------------------------------------------------------------ 8 size


@check("no_quantity", place=8, exits=True)
def no_quantity(g: Gate) -> str:
    """Not even one lot fits the limits."""
    return f"{g.intent.qty} shares" if g.intent.qty <= 0 else ""


@check("bad_quantity", place=8, exits=True)
def bad_quantity(g: Gate) -> str:
    """No whole lots, or more than the exchange takes in one order."""
    lot, freeze, qty = g.instrument.lot_size, g.instrument.freeze_qty, g.intent.qty
    if qty % lot != 0:
        return f"{qty} is no multiple of the lot of {lot}"
    return f"{qty} is above the freeze quantity of {freeze}" if 0 < freeze < qty else ""


@check("beyond_position", place=8, exits=True)
def beyond_position(g: Gate) -> str:
    """An exit is against the position, and never more than it."""
    if g.intent.purpose != "exit":
        return ""
    held, a = g.activity.position_qty, g.activity
    room = abs(held) - a.pending_close_qty
    if held * g.intent.side.sign >= 0:
        return f"{g.intent.side.value} does not close a position of {held}"
    return f"{g.intent.qty} is more than the {room} left to close of {held}" if g.intent.qty > room else ""


@check("too_many_shares", place=8)
def too_many_shares(g: Gate) -> str:
    """More shares than any order of ours may have."""
    most = g.limits.max_order_qty
    return f"{g.intent.qty} shares, at most {most}" if g.intent.qty > most else ""


@check("depth_share", place=8)
def depth_share(g: Gate) -> str:
    """More than our share of what the book shows on the side we take."""
    shown = g.market.ask_depth_qty if g.intent.side is Side.BUY else g.market.bid_depth_qty
    most = shown * g.limits.max_depth_ratio
    return f"{g.intent.qty} shares against {shown} displayed" if g.intent.qty > most else ""


@check("volume_share", place=8)
def volume_share(g: Gate) -> str:
    """More than our share of the day's volume; not judged before the feed has told one."""
    volume = g.market.volume
    return f"{g.intent.qty} shares of {volume} traded today" if 0 < volume * g.limits.max_volume_ratio < g.intent.qty else ""
