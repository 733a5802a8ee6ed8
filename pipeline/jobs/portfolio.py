"""Portfolio: fills folded into positions, marked by ticks, written down minute by minute.

Reads   TICKS, INTENTS, ORDERS, FILLS   marks; stop and target of each entry; the stops that lie at the broker; executions
Writes  PORTFOLIO_MINUTES          the account at the end of each minute (paise)
        portfolio, position:<symbol>   readable, at each fill and at most once a second of event time
        portfolio:pnl              net profit of the day, rupees, one sample a minute
State   the ledger (see engine/portfolio.py), last prices as arrays, stops and targets. Never decides anything.

A frame costs a few array assignments; Python work is done only for papers that are held, once a second. After a silence of several
minutes one snapshot is written, for the last minute that was seen; gaps are not filled. A position is told as open once exits that the
broker has taken cover all of it; before that it is opening, and told is since when it has been naked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, field

from pipeline.core.broker import GTT
from pipeline.core.errors import Corrupt
from pipeline.core.job import Context, HashWrite, Job, Output, SampleWrite
from pipeline.core.money import rupees
from pipeline.core.params import RiskParams
from pipeline.core.schema import FILLS, INTENTS, ORDERS, PORTFOLIO, PORTFOLIO_MINUTES, PORTFOLIO_PNL, POSITION, TICKS
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import MINUTE_MS, Fill, OrderEvent, OrderIntent, Record, TickBatch
from pipeline.engine.guard import PAIR
from pipeline.engine.portfolio import Ledger, new_ledger
from pipeline.engine.quotes import QuoteTable

REFRESH_MS = 1000
TAKEN = frozenset({"ACCEPTED", "PARTIAL", "PENDING_CANCEL", "PENDING_MODIFY"})
"""States of an order that the broker has taken and that may still fill."""
PAISE = 100


@dataclass(frozen=True, slots=True)
class Cover:
    """An exit that the broker has taken: shares it may still fill, its trigger in paise (0: none), what it is (see ``_kind``)."""

    leaves_qty: int
    trigger_paise: int
    kind: str


@dataclass(slots=True)
class Account:
    """The ledger, the newest quotes, and how each position is to be left ([stop, target] in paise)."""

    sids: Mapping[str, int]
    risk: RiskParams
    exits: str
    ledger: Ledger
    quotes: QuoteTable
    wishes: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """Symbol -> entry intent that may yet fill -> its plan."""
    plans: dict[str, list[int]] = field(default_factory=dict)
    """Symbol -> plan of the entry that opened its position."""
    covers: dict[str, dict[str, Cover]] = field(default_factory=dict)
    """Symbol -> intent of an exit -> what of it lies at the broker."""
    naked_ms: dict[str, int] = field(default_factory=dict)
    """Symbol -> since when a position is held that is not covered whole."""
    servers: dict[str, None] = field(default_factory=dict)
    """Intents that stand for a GTT's server."""
    minute: int = 0
    refreshed_ms: int = 0


def initial(context: Context) -> Account:
    sids = {i.symbol: i.sid for i in context.instruments}
    ledger = new_ledger(context.session_date, context.instruments, context.params.risk.plan)
    return Account(sids, context.params.risk, context.params.stops.exits, ledger, QuoteTable(len(context.instruments)))


def step(account: Account, record: Record, now: int) -> Iterable[Output]:
    if isinstance(record, TickBatch):
        return _on_ticks(account, record, now)
    if isinstance(record, Fill):
        return _on_fill(account, record, now)
    if isinstance(record, OrderEvent):
        return _on_order(account, record, now)
    if isinstance(record, OrderIntent):
        if record.purpose == "entry":
            account.wishes.setdefault(record.symbol, {})[record.id] = [record.stop_paise, record.target_paise]
        elif record.order_type == GTT:
            account.servers[record.id] = None
        return ()
    raise Corrupt(f"portfolio cannot read a {type(record).__name__}")


def finish(account: Account, now: int) -> Iterator[Output]:
    """Write down the minute that was still open when the input ended."""
    yield from _snapshot(account, now, now)


def _on_ticks(account: Account, batch: TickBatch, now: int) -> Iterator[Output]:
    minute = now // MINUTE_MS
    if minute != account.minute:
        if account.minute > 0:
            # Before the frame is taken: it belongs to the next minute already.
            yield from _snapshot(account, (account.minute + 1) * MINUTE_MS, now)
        account.minute = minute
    account.quotes.take(batch)
    if now - account.refreshed_ms >= REFRESH_MS and account.ledger.open_symbols():
        yield from _refresh(account, account.ledger.open_symbols(), now)


def _on_fill(account: Account, fill: Fill, now: int) -> Iterator[Output]:
    if account.ledger.apply(fill):
        _replan(account, fill)
        _watch(account, fill.symbol, now)
        yield from _refresh(account, [fill.symbol], now)


def _on_order(account: Account, event: OrderEvent, now: int) -> Iterator[Output]:
    """Note what lies at the broker against a position."""
    if event.purpose == "entry":
        return
    covers = account.covers.setdefault(event.symbol, {})
    before = dict(covers)
    covers.pop(event.intent_id, None)
    if event.status in TAKEN and event.leaves_qty > 0:
        covers[event.intent_id] = Cover(event.leaves_qty, event.trigger_paise, _kind(account, event))
    if covers != before and account.ledger.qty(event.symbol) != 0:
        _watch(account, event.symbol, now)
        yield from _refresh(account, [event.symbol], now)


def _kind(account: Account, event: OrderEvent) -> str:
    """Name what guards: a stop, the two faces of a pair, a GTT's server; or the order that closes."""
    if event.intent_id in account.servers:
        return "gtt"
    if event.trigger_paise > 0:
        return "pair: stop" if account.exits == PAIR else "stop"
    return "pair: target" if account.exits == PAIR and event.purpose == "stop" else "closing"


def _watch(account: Account, symbol: str, now: int) -> None:
    """Note since when a position has been naked."""
    if account.ledger.qty(symbol) == 0 or _is_covered(account, symbol):
        account.naked_ms.pop(symbol, None)
    else:
        account.naked_ms.setdefault(symbol, now)


def _is_covered(account: Account, symbol: str) -> bool:
    return _covered_qty(account, symbol) >= abs(account.ledger.qty(symbol))


def _covered_qty(account: Account, symbol: str) -> int:
    return sum(cover.leaves_qty for cover in account.covers.get(symbol, {}).values())


def _replan(account: Account, fill: Fill) -> None:
    """Take the plan of the entry that fills: an intent alone may have been denied, and moves no stop."""
    if account.ledger.qty(fill.symbol) == 0:
        account.plans.pop(fill.symbol, None)
    elif fill.purpose == "entry" and fill.symbol not in account.plans:
        wishes = account.wishes.get(fill.symbol, {})
        account.plans[fill.symbol] = wishes.get(fill.intent_id, [0, 0])
        # One trade at a time in a paper: of all wishes so far only the one that is filling can still fill.
        account.wishes[fill.symbol] = {key: plan for key, plan in wishes.items() if key == fill.intent_id}


def _snapshot(account: Account, ts: int, now: int) -> Iterator[Output]:
    _mark(account)
    picture = account.ledger.minute(ts)
    yield picture
    yield SampleWrite(PORTFOLIO_PNL, (), ts, picture.net_paise / PAISE)
    yield from _refresh(account, account.ledger.open_symbols(), now)


def _refresh(account: Account, symbols: list[str], now: int) -> Iterator[HashWrite]:
    _mark(account)
    account.refreshed_ms = now
    for symbol in symbols:
        yield HashWrite(POSITION, (symbol,), _position(account, symbol, now))
    yield HashWrite(PORTFOLIO, (), _totals(account.ledger, now) | {"warning": _warning(account)})


def _mark(account: Account) -> None:
    for symbol in account.ledger.open_symbols():
        paise, ts = account.quotes.ltp_paise(_sid(account, symbol))
        account.ledger.mark(symbol, paise, ts)


def _position(account: Account, symbol: str, now: int) -> dict[str, str | int | float]:
    holding = account.ledger.holdings[symbol]
    stop, target = account.plans.get(symbol, [0, 0])
    covers = account.covers.get(symbol, {}).values()
    stop = max((cover.trigger_paise for cover in covers), default=0) or stop
    return {
        "ts": now,
        "qty": holding.qty,
        "side": "long" if holding.qty > 0 else "short" if holding.qty < 0 else "flat",
        "state": "flat" if holding.qty == 0 else "open" if _is_covered(account, symbol) else "opening",
        "guard": " + ".join(dict.fromkeys(cover.kind for cover in covers)) if holding.qty != 0 else "",
        "covered_qty": min(_covered_qty(account, symbol), abs(holding.qty)),
        "naked_since": account.naked_ms.get(symbol, 0),
        "avg_px": holding.avg_px,
        "stop_px": stop / PAISE,
        "target_px": target / PAISE,
        "mark_px": holding.mark_paise / PAISE,
        "mark_ts": holding.mark_ms,
        "mark_age_ms": now - holding.mark_ms if holding.mark_ms > 0 else -1,
        "opened_ms": holding.opened_ms,
        "realised_paise": holding.realised_paise,
        "unrealised_paise": holding.unrealised_paise,
        "exposure_paise": holding.exposure_paise if holding.qty != 0 else 0,
    }


def _totals(ledger: Ledger, now: int) -> dict[str, str | int | float]:
    net = ledger.net_paise
    return {
        "ts": now,
        "positions": len(ledger.open_symbols()),
        "realised_paise": ledger.realised_paise,
        "unrealised_paise": ledger.unrealised_paise,
        "charges_paise": ledger.charges_paise,
        **{f"charges_{line}_paise": round(paise) for line, paise in asdict(ledger.charge_lines).items()},
        "net_paise": net,
        "net": rupees(net),
        "exposure_paise": ledger.exposure_paise,
        "fills": len(ledger.trades),
        "peak_paise": ledger.peak_paise,
        "drawdown_paise": max(0, ledger.peak_paise - net),
    }


def _warning(account: Account) -> str:
    """Say how the day's loss stands to the limits; empty while it is small."""
    net, risk = account.ledger.net_paise, account.risk
    stop = round(risk.capital_paise * risk.daily_loss_stop_ratio)
    if net <= -stop:
        return f"daily loss stop of {rupees(stop)} reached: no more entries today"
    return f"daily loss nears its stop of {rupees(stop)}" if net <= -risk.capital_paise * risk.daily_loss_alert_ratio else ""


def _sid(account: Account, symbol: str) -> int:
    if symbol not in account.sids:
        raise Corrupt(f"{symbol} is not in today's watchlist: stop, and clear the session with `ticktick clear`")
    return account.sids[symbol]


def dump(account: Account) -> bytes:
    plain = {
        "ledger": account.ledger.dump(),
        "wishes": account.wishes,
        "plans": account.plans,
        "covers": {symbol: {key: astuple(cover) for key, cover in covers.items()} for symbol, covers in account.covers.items()},
        "naked_ms": account.naked_ms,
        "servers": list(account.servers),
        "minute": account.minute,
        "refreshed_ms": account.refreshed_ms,
        "frame": account.quotes.frame,
    }
    return pack(plain, {"quotes": account.quotes.rows})


def load(account: Account, blob: bytes) -> None:
    """Take up a saved state; one of an earlier program is Corrupt."""
    plain, arrays = unpack(blob)
    if "covers" not in plain:
        raise Corrupt("the saved portfolio is not of this program: clear the session with `ticktick clear`")
    account.ledger.restore(plain["ledger"])
    account.wishes = {symbol: {key: list(pair) for key, pair in wishes.items()} for symbol, wishes in plain["wishes"].items()}
    account.plans = {symbol: list(pair) for symbol, pair in plain["plans"].items()}
    account.covers = {symbol: {key: Cover(*parts) for key, parts in covers.items()} for symbol, covers in plain["covers"].items()}
    account.naked_ms = dict(plain["naked_ms"])
    account.servers = dict.fromkeys(plain["servers"])
    account.minute, account.refreshed_ms = plain["minute"], plain["refreshed_ms"]
    account.quotes.put(arrays["quotes"], plain["frame"])


job = Job(
    "portfolio",
    reads=(TICKS, INTENTS, ORDERS, FILLS),
    writes=(PORTFOLIO_MINUTES,),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    snapshot_every=256,
    finish=finish,
    script="portfolio",
    about="positions, profit and loss, exposure",
)
