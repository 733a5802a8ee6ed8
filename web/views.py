"""From Redis replies to what the page shows: plain JSON values, nothing else.

Reads   readable hashes (text to text) and records of the derived streams
Gives   dicts of numbers, strings and None; money in paise (integers), prices of the market in rupees
Never   talks to Redis, asks a clock or formats for a reader: what is absent is None, never zero.

Ages are in event time: the newest frame of the feed is "now", so a replayed day is judged as it was
judged when it was live. How long the feed itself has been quiet is wall time, and is told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pipeline.broker.windows import ORDER_WINDOWS, forecast, is_near, words_of
from pipeline.core.params import RiskParams
from pipeline.core.rates import LINE_WORDS, Line
from pipeline.core.session import Phase
from pipeline.core.trading import Denial
from pipeline.core.types import Confirmation, Fill, Instrument, OrderEvent, OrderIntent, Recommendation
from pipeline.engine.prompt import Terms, terms_of
from web import feed
from web.fields import Fields, Json, number, positive, whole

STALE_MS = 15_000
"""A number older than this, in continuous trading, is greyed out."""
QUIET_MS = 5_000
"""No frame for this long (wall time) while the session trades: the feed is reported silent."""
BEAT_MS = 6_000
"""A process that has not beaten for this long is reported silent."""
NAKED_MS = 5_000
"""A position that nothing guards at the broker for this long (event time) is an alarm; an order is there within a second."""
TURNED_DOWN = frozenset({"absent", "expired", "rejected"})
"""States of the token that only a login ends."""
LIVE_PHASES = frozenset({Phase.PRE_OPEN, Phase.CONTINUOUS, Phase.AUCTION_REFERENCE, Phase.AUCTION, Phase.AUCTION_LIMIT})

PHASE_WORDS = {
    Phase.CLOSED: "closed",
    Phase.PRE_OPEN: "pre-open",
    Phase.PRE_OPEN_MATCH: "pre-open matching",
    Phase.CONTINUOUS: "continuous trading",
    Phase.AUCTION_REFERENCE: "closing auction: reference price",
    Phase.AUCTION: "closing auction",
    Phase.AUCTION_LIMIT: "closing auction: limit orders only",
    Phase.AUCTION_MATCH: "closing auction: matching",
    Phase.POST_CLOSE: "post-close",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the shell knows and Redis may not (yet) say."""

    mode: str = "paper"
    maker: str = ""
    session_date: str = ""
    version: str = ""
    risk: RiskParams | None = None
    """The limits that size an order; without them the page tells the loss per share."""


def session(facts: Facts, fields: Fields) -> Json:
    """Say plainly what is being looked at: the mode, who makes the data, and whether money moves."""
    mode = fields.get("mode") or facts.mode
    maker = fields.get("maker") or facts.maker or "unknown data maker"
    is_real = mode == "live-real"
    consequence = "REAL orders" if is_real else "sandbox orders, no money moves" if mode == "live-sandbox" else "no real orders"
    return {
        "mode": mode,
        "maker": maker,
        "banner": f"{maker} — {consequence}",
        "is_real": is_real,
        "date": fields.get("date") or fields.get("session_date") or facts.session_date,
        "speed": 1.0 if (speed := number(fields, "speed")) is None else speed,
        "version": facts.version,
    }


def watch_row(symbol: str, tick: Fields, regime: Fields) -> Json:
    """One line of the watchlist. Metrics that the book does not give are None."""
    ltp, close = positive(tick, "ltp"), positive(tick, "cp")
    bid, ask = positive(tick, "bid_px"), positive(tick, "ask_px")
    marks = tick.get("marks", "").split()
    has_book = bid is not None and ask is not None
    return {
        "symbol": symbol,
        "ltp": ltp,
        "cp": close,
        "change_ratio": None if ltp is None or close is None else ltp / close - 1.0,
        "bid": bid,
        "ask": ask,
        "bid_qty": whole(tick, "bid_qty"),
        "ask_qty": whole(tick, "ask_qty"),
        "spread_bps": number(tick, "spread_bps") if has_book else None,
        "vwap": positive(tick, "session_vwap", "vwap"),
        "obi": number(tick, "obi") if has_book else None,
        "volume": whole(tick, "vtt"),
        "oi": positive(tick, "oi"),
        "volatility": positive(tick, "volatility"),
        "ts": whole(tick, "ts_exch"),
        "ltt": whole(tick, "ltt"),
        "regime": regime.get("regime") or "",
        "is_cas": "cas_eligible" in marks,
        "is_index": "index" in marks,
        "is_liquid": "liquid" in marks,
        "is_volatile": "volatile" in marks,
    }


def feed_time(rows: Iterable[Json], feed_status: Fields) -> int:
    """Return the newest instant the feed has told, 0 before the first frame."""
    newest = [row["ts"] for row in rows if row["ts"] is not None]
    told = whole(feed_status, "last_ts")
    return max([*newest, 0 if told is None else told])


def quiet(ms: int) -> int:
    """Round the feed's silence down to seconds, and a short one to nothing, so that it seldom changes."""
    return ms - ms % 1000 if ms >= 2000 else 0


def clock(ts: int, quiet_ms: int, phase: Phase, market: Fields, open_ms: int | None) -> Json:
    """The session's clock, in event time."""
    is_over = market.get("is_session_over") == "1"
    return {
        "ts": ts,
        "quiet_ms": quiet(quiet_ms),
        "phase": "SESSION_OVER" if is_over else phase.name,
        "phase_words": "session over" if is_over else PHASE_WORDS[phase],
        "is_live": not is_over and phase in LIVE_PHASES,
        "open_ms": open_ms,
        "stale_ms": STALE_MS,
        "market": {name: value for name, value in sorted(market.items()) if name not in {"is_session_over", "ts", "time"}},
    }


def answers_of(streams: Iterable[Sequence[Confirmation]]) -> dict[str, Confirmation]:
    """First answer of each recommendation, over all who may answer."""
    first: dict[str, Confirmation] = {}
    for records in streams:
        for record in records:
            known = first.get(record.recommendation_id)
            if known is None or record.ts < known.ts:
                first[record.recommendation_id] = record
    return first


def terms(record: Recommendation, intent: OrderIntent | None, instrument: Instrument | None, risk: RiskParams | None) -> Json:
    """Tell what a yes would mean; nothing is known without the paper and the limits, and an intent alone knows its size."""
    if instrument is not None and risk is not None:
        return asdict(terms_of(record, instrument, risk, intent))
    known = {"qty": intent.qty, "worst_loss_paise": intent.worst_loss_paise} if intent is not None else {}
    return dict.fromkeys(f.name for f in fields(Terms)) | known


LAPSED = frozenset({"", "expired", "rejected"})
"""No refusal: nobody took the proposal."""


def recommendation(record: Recommendation, answer: Confirmation | None, stake: Json, now: int, nonce: Callable[[str], str]) -> Json:
    """A proposal as it stands now. The nonce is given only while an answer is still possible; ``stake`` holds ``denied``, the reason."""
    state = "open" if now < record.expires_ms else "expired"
    if stake["denied"] not in LAPSED:
        state = "denied"
    if answer is not None:
        state = "confirmed" if answer.answer == "confirm" else "rejected"
    risk, reward = abs(record.limit_paise - record.stop_paise), abs(record.target_paise - record.limit_paise)
    plain = asdict(record)
    return {
        **plain,
        "risk_paise": risk,
        "reward_ratio": reward / risk if risk > 0 and record.target_paise > 0 else None,
        **stake,
        "reasons": [part.strip() for part in record.reasons.split(";") if part.strip()],
        "state": state,
        "answered_by": "" if answer is None else answer.source,
        "nonce": nonce(record.id) if state == "open" else "",
    }


SHOWN = 20


def newest(records: Sequence[Recommendation], now: int) -> list[Recommendation]:
    """All that may still be answered, and the newest of the others."""
    waiting = [record for record in records if now < record.expires_ms]
    return waiting + [record for record in records if now >= record.expires_ms][-SHOWN:]


def rank(views: Sequence[Json]) -> list[Json]:
    """Open ones first, newest wave first, best rank first; then what has been answered or has run out."""
    return sorted(views, key=lambda view: (view["state"] != "open", -view["ts"], view["rank"]))[:SHOWN]


PORTFOLIO_FIELDS = (
    "realised_paise", "unrealised_paise", "charges_paise", "net_paise", "exposure_paise", "peak_paise", "drawdown_paise",
)  # fmt: skip


def portfolio(fields: Fields, positions: Mapping[str, Fields]) -> Json:
    """The account and its open positions; everything None before the first mark."""
    rows = [position(symbol, held) for symbol, held in positions.items() if held]
    return {
        **{name: whole(fields, name) for name in PORTFOLIO_FIELDS},
        "ts": whole(fields, "ts"),
        "fills": whole(fields, "fills"),
        "warning": fields.get("warning", ""),
        "charge_lines": {LINE_WORDS[line]: whole(fields, f"charges_{line}_paise") for line in Line},
        "positions": [row for row in rows if row["qty"]],
        "closed": [row for row in rows if not row["qty"]],
    }


def position(symbol: str, fields: Fields) -> Json:
    return {
        "symbol": symbol,
        "qty": whole(fields, "qty") or 0,
        "avg_px": positive(fields, "avg_px"),
        "mark_px": positive(fields, "mark_px"),
        "stop_px": positive(fields, "stop_px"),
        "target_px": positive(fields, "target_px"),
        "realised_paise": whole(fields, "realised_paise"),
        "unrealised_paise": whole(fields, "unrealised_paise"),
        "mark_ts": whole(fields, "mark_ts"),
        "state": fields.get("state", ""),
        "guard": fields.get("guard", ""),
        "covered_qty": whole(fields, "covered_qty"),
        "naked_since": whole(fields, "naked_since") or None,
    }


def order_rate(instants: Sequence[int], wall_ms: int) -> Json:
    """The broker's order rate: how much of it is used, and when it will be used up at this pace. Empty while unused."""
    told = forecast([min(at, wall_ms) for at in instants], ORDER_WINDOWS, wall_ms)
    is_used = any(window.used for window in told)
    return {"words": words_of(told) if is_used else "", "is_near": is_used and is_near(told)}


def trades(orders: Sequence[OrderEvent], fills: Sequence[Fill], denials: Sequence[Denial]) -> Json:
    """Newest state of each order and newest fills, newest first; a denied order says what its check saw."""
    words = {record.intent_id: record.words for record in denials}
    latest = {record.intent_id: record for record in orders}  # an order has no id of the broker's before the answer
    newest = sorted(latest.values(), key=lambda record: record.ts, reverse=True)
    shown = [asdict(record) | {"words": words.get(record.intent_id, "")} for record in newest]
    return {"orders": shown, "fills": [asdict(record) for record in reversed(fills)]}


def health(name: str, fields: Fields, wall_ms: int) -> Json:
    """One process. Silent: it beat once and no longer does; absent: its hash has expired or never was."""
    beat = whole(fields, "at_ms")
    age = None if beat is None else max(0, wall_ms - beat)
    if whole(fields, "is_done") == 1:
        state = "done"
    elif not fields:
        state = "absent"
    else:
        state = "alive" if age is not None and age < BEAT_MS else "silent"
    return {
        "name": name,
        "state": state,
        "age_ms": age,
        "lag_ms": number(fields, "lag_p50_ms"),
        "lag_p99_ms": number(fields, "lag_p99_ms"),
        "version": fields.get("version", ""),
        "pid": fields.get("pid", ""),
        "entries": whole(fields, "entries"),
        "now_ms": whole(fields, "now_ms"),
        "error": fields.get("last_error", ""),
    }


def token(fields: Fields) -> Json:
    """State of the broker token; the token itself is nowhere near."""
    state = fields.get("state") or "unknown"
    fix = f"log in{'' if state == 'absent' else ' again'}: {feed.LOGIN}" if state in TURNED_DOWN else ""
    return {"state": state, "expires_ms": whole(fields, "expires_ms"), "fix": fix}


def alerts(state: Mapping[str, Any]) -> list[Json]:
    """What a person should know now, gravest first. Derived from the state; empty means all is well."""
    out: list[Json] = []

    def add(level: str, code: str, words: str) -> None:
        out.append({"level": level, "code": code, "text": words})

    store, now, auth = state["store"], state["clock"], state["token"]
    if not store["is_up"]:
        add("error", "redis_away", f"Redis is away ({store['error']}): what you see is the last that was read")
    if auth["state"] in TURNED_DOWN:
        add("error", "token", f"broker token {auth['state']}: {auth['fix']}")
    elif auth["state"] == "expiring":
        add("warn", "token", "the broker token expires soon")
    if store["is_up"] and now["ts"] and now["is_live"] and now["quiet_ms"] >= QUIET_MS:
        add("error", "feed_silent", f"no frame from the feed for {now['quiet_ms'] // 1000} s: prices are old, do not trade on them")
    out += feed.alerts(state["feed"], is_live=store["is_up"] and now["is_live"], is_token_told=auth["state"] in TURNED_DOWN)
    rows = state["health"] if store["is_up"] else []
    silent = [row["name"] for row in rows if row["state"] == "silent"]
    if silent:
        add("error", "process_silent", f"no sign of life from {', '.join(silent)}: see `ticktick status`")
    for row in rows:
        if row["error"]:
            add("warn", "process_error", f"{row['name']}: {row['error']}")
    if state["halt"]["level"] and not state["halt"]["is_taken"]:
        add("error", "not_taken", _not_taken(state["halt"]))
    for row in state["portfolio"]["positions"]:
        if row["naked_since"] is not None and now["ts"] - row["naked_since"] >= NAKED_MS:
            add("error", "naked", _naked(row, (now["ts"] - row["naked_since"]) // 1000))
    if state["order_rate"]["is_near"]:
        add("warn", "order_rate", state["order_rate"]["words"])
    if state["external"]["words"]:
        add("warn", "by_hand", state["external"]["words"])
    if state["portfolio"]["warning"]:
        add("warn", "daily_loss", state["portfolio"]["warning"])
    return sorted(out, key=lambda alert: alert["level"] != "error")


def _not_taken(halt: Json) -> str:
    if halt["is_alive"]:
        return f"{halt['title']}: the order process has not taken it yet"
    instead = "level 4 closes at the broker itself" if not halt["kill"]["refusal"] else "it does so when it is back"
    return f"{halt['title']}: the order process does not live, so it cancels and closes nothing; {instead}"


def _naked(row: Json, seconds: int) -> str:
    bare, held = abs(row["qty"]) - (row["covered_qty"] or 0), abs(row["qty"])
    what = f"{row['symbol']}: {bare:,} of {held:,} shares without a stop at the broker for {seconds} s"
    return f"{what}; it is being seen to, `ticktick flatten` closes all"


def patterns(record: Fields) -> Json:
    """The newest candle with patterns: its time, and each pattern with its side and how such hits turned out on this symbol."""
    at, *claims = record.get("newest", "").split() or [""]
    found = [
        {"pattern": name, "side": side, "record": record.get(f"{name}:{side}", "")} for name, _, side in (c.partition(":") for c in claims)
    ]
    return {"time": at, "found": found, "any": record.get("any", "")}


Samples = Sequence[tuple[int, float]]


def candles(columns: Mapping[str, Samples]) -> list[list[float]]:
    """Join the field series of one symbol and timeframe by time: ``[ts, open, high, low, close, volume]``, oldest first.

    A candle that lacks a price is left out.
    """
    opens, highs, lows, closes = (dict(columns.get(name, ())) for name in ("open", "high", "low", "close"))
    volumes = dict(columns.get("volume", ()))
    times = sorted(opens.keys() & highs.keys() & lows.keys() & closes.keys())
    return [[ts, opens[ts], highs[ts], lows[ts], closes[ts], volumes.get(ts, 0.0)] for ts in times]
