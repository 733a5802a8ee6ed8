"""A broker that loses, doubles, delays, refuses and lags, at rates that a session's seed picks; deterministic for a seed.

It matches with the engine's own venue and keeps what it *received*: every verdict rests on that, not on what we believe to have sent.
Times are milliseconds of simulated time; ``schedule(at, what)`` puts something into the session's future.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pipeline.core.broker import GTT, Answer, Ask, BrokerReport, Leg, OrderRequest, Terms
from pipeline.core.types import Side
from pipeline.engine.brackets import Bracket, Brackets, Child
from pipeline.engine.matching import FINAL, Quote, Venue, VenueEvent, VenueOrder
from pipeline.engine.reconcile import OVER_WORDS
from tests.simulation.order_traps import (
    ADDRESS,
    DEAF,
    FAST,
    GAP,
    MOST_DEAF,
    PROTECTION_BPS,
    REFUSED,
    REJECTED,
    UNREGISTERED,
    Stuck,
)  # fmt: skip

TIMEOUT_MS = 5_000
STOP_TYPES = ("SL", "SL-M")


@dataclass(frozen=True, slots=True)
class Rates:
    """Per request or message. The defaults are those of section 3.4."""

    lost: float = 0.06
    reply_lost: float = 0.06
    slow: float = 0.04
    refused: float = 0.02
    fault: float = 0.02
    """5xx, half of them after the order was taken."""
    rejected: float = 0.0
    """By the exchange, after the broker accepted."""
    read_failed: float = 0.05
    push_lost: float = 0.05
    push_doubled: float = 0.05
    lag_ms: int = 1_500
    """The book shows an order, and trades and positions a fill, up to so much late."""
    crash: float = 0.02
    """Between any two actions."""
    stall: float = 0.0
    """Chance, per frame, that the feed stands still for 2 to 12 s."""
    hand: float = 0.0
    """Chance, per session, that a person trades in the app: something small, or one of our positions away."""
    stubborn: float = 0.0
    """Chance, per session, that every closing order is refused: only the exit by the broker itself is left."""
    amnesia: float = 0.0
    """Chance, per session, that a crash takes our whole journal with it."""
    unsound: float = 0.0
    """Chance, per look at token, versions, clock, instruments and funds, that one of them is bad or cannot be found out."""
    trap: str = ""
    """What the broker does again and again (order_traps.py)."""
    gtt_lost: float = 0.0
    """Chance, per GTT that guards, that its server forgets it, loses its stop, or shows nothing of it for a while."""
    late_fill: float = 0.0
    """Chance, per entry whose end was confirmed, that it (or a part of it) had filled after all: that is told later."""
    late_reject: float = 0.0
    """Chance, per order, that the exchange rejects it some seconds after it was accepted, while nothing of it has filled."""


CLEAN = Rates(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
HIDDEN_MS = 20_000
"""No server shows nothing of a GTT for longer."""
HAND_GRACE_MS = 30_000
"""So long after a trade by hand our orders may still be those of before: a process that keeps dying hears of it late."""


@dataclass(slots=True)
class Held:
    """An order at the broker, and from when on the book shows it."""

    order: VenueOrder
    shown_ms: int
    purpose: str
    rejected: bool = False


@dataclass(slots=True)
class Trade:
    trade_id: str
    order_id: str
    symbol: str
    side: Side
    qty: int
    px_paise: int
    shown_ms: int
    ts: int


@dataclass(slots=True)
class FaultyBroker:
    """``deliver(at, reports)`` brings reports to the process that runs now, if it still runs then."""

    rng: random.Random
    rates: Rates
    schedule: Callable[[int, Callable[[int], None]], None]
    deliver: Callable[[int, list[BrokerReport]], None]
    venue: Venue = field(default_factory=Venue)
    held: dict[str, Held] = field(default_factory=dict)
    alive: list[Held] = field(default_factory=list)
    """Of ``held`` those that worked when somebody last asked, and what came since."""
    trades: list[Trade] = field(default_factory=list)
    position: dict[str, int] = field(default_factory=dict)
    received: list[tuple[int, OrderRequest]] = field(default_factory=list)
    """What arrived, with its instant: changes only."""
    refused: set[str] = field(default_factory=set)
    """Tags that were definitely turned down."""
    reversals: list[str] = field(default_factory=list)
    naked: list[int] = field(default_factory=list)
    naked_since: dict[str, int] = field(default_factory=dict)
    brackets: Brackets = field(init=False)
    numbers: int = 0
    loss: random.Random = field(default_factory=lambda: random.Random(0))
    """What GTTs are lost by: drawn apart, so that other sessions stay what they were."""
    guarding: set[str] = field(default_factory=set)
    """GTTs that have begun to guard."""
    hidden: dict[str, int] = field(default_factory=dict)
    """GTT -> until when its server shows nothing of it."""
    is_stubborn: bool = False
    is_healed: bool = False
    is_locked: bool = False
    """The broker's kill switch: no order is taken any more."""
    hand_ms: dict[str, int] = field(default_factory=dict)
    stuck: Stuck = field(default_factory=Stuck)
    address_ms: int = 0
    """From when on our address is not the registered one."""
    fast_since: dict[str, int] = field(default_factory=dict)
    """Paper in which something is held whose exit could not be cancelled -> since when."""
    fast_ms: list[int] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    """How often each fault came up."""

    def __post_init__(self) -> None:
        self.brackets = Brackets(self)
        self.venue.protection_bps = PROTECTION_BPS if self.rates.trap == GAP else 0.0

    def heal(self) -> None:
        """Be a healthy broker from now on; what lies on the book stays as it is."""
        kinds = ("lost", "reply_lost", "slow", "refused", "fault", "rejected", "read_failed")
        self.rates = replace(self.rates, **dict.fromkeys(kinds, 0), trap="")
        self.venue.protection_bps = 0.0
        self.is_healed = True

    # ------------------------------------------------------------------ requests

    def receive(self, request: OrderRequest, now: int) -> None:
        """A request leaves for the broker."""
        if request.ask in {Ask.PLACE, Ask.MODIFY, Ask.CANCEL, Ask.EXIT_ALL}:
            self._change(request, now)
        else:
            self._read(request, now)

    def _change(self, request: OrderRequest, now: int) -> None:
        rng, rates = self.rng, self.rates
        there, draw = now + rng.randint(10, 60), rng.random()
        if self._is_refused(request):
            self.faults["stubborn"] += 1
            self._answer(there + 20, Answer.REFUSED, request, reason="HTTP 400 UDAPI1158")
            return
        if self._is_trapped(request, there):
            return
        if draw < rates.lost:
            self.faults["request lost"] += 1
            self._silent(request, now + TIMEOUT_MS)
        elif (draw := draw - rates.lost) < rates.reply_lost:
            self.faults["reply lost"] += 1
            self.schedule(there, lambda at: self._act(request, at, answered=False))
            self._silent(request, rng.choice((there + 20, now + TIMEOUT_MS)))
        elif (draw := draw - rates.reply_lost) < rates.slow:
            late = now + rng.randint(2_500, 20_000)
            is_answered = late < now + TIMEOUT_MS
            self.faults["slow" if is_answered else "slow beyond the time-out"] += 1
            self.schedule(late, lambda at: self._act(request, at, answered=is_answered))
            if not is_answered:
                self._silent(request, now + TIMEOUT_MS)
        elif (draw := draw - rates.slow) < rates.refused:
            self.faults["refused"] += 1
            if request.ask is Ask.PLACE:
                self.refused.add(request.tag)
            self._answer(there + 20, Answer.REFUSED, request, reason=rng.choice(("HTTP 429 UDAPI10005", "HTTP 400 UDAPI100036")))
        elif draw - rates.refused < rates.fault:
            is_taken = rng.random() < 0.5
            self.faults["5xx taken" if is_taken else "5xx"] += 1
            if is_taken:
                self.schedule(there, lambda at: self._act(request, at, answered=False))
            self._answer(there + 20, Answer.AMBIGUOUS, request, reason="HTTP 500")
        else:
            self.schedule(there, lambda at: self._act(request, at, answered=True))

    def _is_refused(self, request: OrderRequest) -> bool:
        """Tell whether a stubborn broker refuses a closing order; once faults have ended, only where its own exit by tag is exact."""
        if not self.is_stubborn or request.ask is not Ask.PLACE or request.order_type != "MARKET":
            return False
        net: Counter[str] = Counter()
        for trade in self.trades:
            if trade.symbol == request.symbol:
                net[self.held[trade.order_id].order.tag] += trade.side.sign * trade.qty
        here = self.position.get(request.symbol, 0)
        return not self.is_healed or any(qty == here for tag, qty in net.items() if tag.startswith("tt-"))

    def _is_trapped(self, request: OrderRequest, there: int) -> bool:
        """Do to a request what the trap of this session does to its like; tell whether that was all."""
        trap, is_new = self.rates.trap, request.ask is Ask.PLACE
        if trap == FAST and request.ask is Ask.CANCEL and request.order_type != GTT:
            self.faults["cancellation refused"] += 1
            if self.held[request.order_id].purpose == "exit" and self.position.get(request.symbol, 0) != 0:
                self.fast_since.setdefault(request.symbol, there)
            reason = "HTTP 400 UDAPI100040"
        elif trap == REFUSED and is_new and request.order_type in STOP_TYPES:
            self.faults["stop refused"] += 1
            reason = "HTTP 400 UDAPI100036"
        elif trap == ADDRESS and self.address_ms <= there:
            self.faults["address not registered"] += 1
            reason = UNREGISTERED
        elif trap == DEAF and request.ask is Ask.MODIFY and self.faults["change not carried out"] < MOST_DEAF and self.rng.random() < 0.7:
            self.faults["change not carried out"] += 1
            self._answer(there + 20, Answer.ACCEPTED, request, request.order_id)
            return True
        else:
            return False
        if is_new:
            self.refused.add(request.tag)
        self._answer(there + 20, Answer.REFUSED, request, reason=reason)
        return True

    def _silent(self, request: OrderRequest, at: int) -> None:
        self._answer(at, Answer.AMBIGUOUS, request, reason="timed out")

    def _answer(self, at: int, answer: Answer, request: OrderRequest, order_id: str = "", reason: str = "") -> None:
        self.deliver(at, [BrokerReport(at, answer, request.id, order_id, request.tag, reason=reason)])

    def _act(self, request: OrderRequest, now: int, *, answered: bool) -> None:
        """The request arrives and is done."""
        self.received.append((now, request))
        if request.ask is Ask.PLACE and self.is_locked:
            reason, order_id = "UDAPI1151", ""
        elif request.ask is Ask.PLACE and request.order_type == GTT:
            reason, order_id = "", self._place_gtt(request, now)
        elif request.ask is Ask.CANCEL and request.order_type == GTT:
            order_id = request.order_id
            reason = "" if self.brackets.cancel(order_id) else "UDAPI100040"
            self._watch(request.symbol, now)
        elif request.ask is Ask.PLACE:
            reason, order_id = "", self._place(request, now)
        elif request.ask is Ask.EXIT_ALL:
            reason, order_id = self._exit(request, now)
        else:
            order_id = request.order_id
            order = self.venue.orders.get(order_id)
            reason = "UDAPI100040" if order is None or order.status in FINAL else ""
            if order is not None and not reason and request.ask is Ask.CANCEL:
                leaves = order.leaves_qty
                self._tell(self.venue.cancel(order_id, now), now)
                if self.held[order_id].purpose == "entry" and self.loss.random() < self.rates.late_fill:
                    qty = self.loss.choice((leaves, self.loss.randint(1, leaves)))
                    self.schedule(now + self.loss.randint(300, 6_000), lambda at: self._fill_late(self.held[order_id], qty, at))
            elif not reason:
                events = self.venue.modify(order_id, request.terms, now)
                self._tell(events, now)
                reason = events[0].reason
        if answered:
            back = now + self.rng.randint(10, 60)
            self._answer(back, Answer.REFUSED if reason else Answer.ACCEPTED, request, order_id, reason)

    def _place(self, request: OrderRequest, now: int) -> str:
        purpose = "entry" if request.tag.startswith("tt-") else "exit"
        return self._book(request.symbol, Side(request.side), request, now, purpose)

    def _place_gtt(self, request: OrderRequest, now: int) -> str:
        self.numbers += 1
        gtt_id = f"G{self.numbers:06d}"
        terms = (request.limit_paise, request.trigger_paise, request.target_paise, request.trail_paise)
        self.brackets.place(Bracket(gtt_id, request.symbol, Side(request.side), request.qty, *terms), now)
        self._watch(request.symbol, now)
        return gtt_id

    def send_child(self, child: Child, now: int) -> str:
        request = OrderRequest(now, "", Ask.PLACE, "", "", child.symbol, child.side.value, child.order_type, child.qty, child.limit_paise)
        return self._book(child.symbol, child.side, request, now, "entry" if child.order_type == "LIMIT" else "exit")

    def cancel_child(self, order_id: str, now: int) -> None:
        if self.held[order_id].order.status not in OVER_WORDS:
            self._tell(self.venue.cancel(order_id, now), now)

    def child_qty(self, order_id: str) -> int:
        return self.held[order_id].order.cum_qty

    def _exit(self, request: OrderRequest, now: int) -> tuple[str, str]:
        """Exit by tag: what the trades of that tag come to, at market, under no tag, whatever else was traded in the paper."""
        net = sum(t.side.sign * t.qty for t in self.trades if self.held[t.order_id].order.tag == request.tag)
        self.faults["exit by tag"] += 1
        if net == 0:
            return "UDAPI1111", ""
        side, qty = Side.SELL if net > 0 else Side.BUY, abs(net)
        order = OrderRequest(now, "", Ask.PLACE, "", "", request.symbol, side.value, "MARKET", qty)
        return "", self._book(request.symbol, side, order, now, "exit")

    def _book(self, symbol: str, side: Side, request: OrderRequest, now: int, purpose: str) -> str:
        self.numbers += 1
        order_id = f"B{self.numbers:06d}"
        order = VenueOrder(
            order_id, symbol, side, request.order_type, request.qty, request.limit_paise, request.trigger_paise, request.tag, now
        )
        shown = now + self.rng.randint(0, self.rates.lag_ms)
        self.held[order_id] = held = Held(order, shown, purpose)
        self.alive.append(held)
        if purpose != "hand" and self.loss.random() < self.rates.late_reject:
            self.schedule(now + self.loss.randint(100, 8_000), lambda at: self._reject_late(held, at))
        is_trapped = self.rates.trap == REJECTED and order.order_type in STOP_TYPES
        if is_trapped or self.rng.random() < self.rates.rejected:
            self.faults["rejected by the exchange"] += 1
            held.rejected, order.status = True, "rejected"
            self._push(held, now)
        else:
            self._tell(self.venue.place(order, now), now)
        return order_id

    def _reject_late(self, held: Held, now: int) -> None:
        order = held.order
        if order.status in OVER_WORDS or order.cum_qty > 0:
            return
        self.faults["rejected late"] += 1
        self.venue.cancel(order.order_id, now)
        held.rejected, order.status = True, "rejected"
        self._push(held, now)
        self._watch(order.symbol, now)

    def _fill_late(self, held: Held, qty: int, now: int) -> None:
        """What was confirmed as cancelled had filled: its own row says so from now on."""
        order = held.order
        self.faults["filled after its end"] += 1
        order.cum_qty += qty
        order.value_paise += qty * order.limit_paise
        order.trades += 1
        order.status = "complete" if order.cum_qty == order.qty else order.status
        self._tell([VenueEvent(now, order.order_id, "fill", qty, order.limit_paise, f"{order.order_id}-{order.trades}")], now)

    def by_hand(self, symbol: str, side: Side, qty: int, now: int) -> None:
        """A person trades in the app."""
        self.faults["trade by hand"] += 1
        self.hand_ms[symbol] = now
        self._book(symbol, side, OrderRequest(now, "", Ask.PLACE, "", "", symbol, side.value, "MARKET", qty), now, "hand")

    def raise_by_hand(self, now: int) -> bool:
        """A person raises the quantity of an order of ours in the app; False when none works."""
        ours = [h.order for h in self.working() if h.order.tag and h.order.order_type != "MARKET"]
        if not ours:
            return False
        order = self.rng.choice(ours)
        self.faults["quantity raised by hand"] += 1
        self.hand_ms[order.symbol] = now
        terms = Terms(order.qty + self.rng.choice((7, order.qty)), order.order_type, order.limit_paise, order.trigger_paise)
        self._tell(self.venue.modify(order.order_id, terms, now), now)
        return True

    # ------------------------------------------------------------------ the market moves

    def quote(self, symbol: str, quote: Quote, now: int) -> None:
        self._tell(self.venue.on_quote(symbol, quote, now), now)
        if self.stuck.since or self.venue.protection_bps > 0:
            self._watch(symbol, now)
        self.brackets.on_trade(symbol, quote.ltp_paise, now)
        if self.rates.gtt_lost > 0:
            self._begin_to_lose(symbol, now)

    def _begin_to_lose(self, symbol: str, now: int) -> None:
        """Draw, once for a GTT that has begun to guard, what its server does to it."""
        for b in self.brackets.held.values():
            if b.symbol != symbol or b.gtt_id in self.guarding or self.brackets.guarded_qty(b) == 0:
                continue
            self.guarding.add(b.gtt_id)
            if self.loss.random() >= self.rates.gtt_lost:
                continue
            kind = self.loss.choice(("GTT forgotten", "GTT without its stop", "GTT not shown"))
            self.faults[kind] += 1
            if kind == "GTT not shown":
                self.hidden[b.gtt_id] = now + self.loss.randint(4_000, HIDDEN_MS)
            else:
                is_whole = kind == "GTT forgotten"
                self.schedule(now + self.loss.randint(0, 15_000), lambda at, b=b, whole=is_whole: self._lose(b, at, is_whole=whole))

    def _lose(self, bracket: Bracket, now: int, *, is_whole: bool) -> None:
        if bracket.is_over:
            return
        if is_whole:
            self.brackets.held.pop(bracket.gtt_id, None)
        else:
            bracket.stop_paise = bracket.trail_paise = 0
        self._watch(bracket.symbol, now)

    def _tell(self, events: list[VenueEvent], now: int) -> None:
        for event in events:
            held = self.held.get(event.order_id)
            if held is None or event.kind == "rejected":
                continue
            if event.kind == "fill":
                self._fill(held, event, now)
            elif held.purpose == "exit" and self.stuck.note(held, self.venue.quotes.get(held.order.symbol), now):
                self.faults["rests beyond its protection"] += 1
            self._push(held, now)
        for symbol in dict.fromkeys([self.held[e.order_id].order.symbol for e in events if e.order_id in self.held]) if events else ():
            self._watch(symbol, now)

    def _fill(self, held: Held, event: VenueEvent, now: int) -> None:
        order = held.order
        shown = now + self.rng.randint(0, self.rates.lag_ms)
        self.trades.append(Trade(event.trade_id, order.order_id, order.symbol, order.side, event.qty, event.px_paise, shown, now))
        before = self.position.get(order.symbol, 0)
        after = self.position[order.symbol] = before + order.side.sign * event.qty
        is_ours = held.purpose == "exit" and now - self.hand_ms.get(order.symbol, -HAND_GRACE_MS) >= HAND_GRACE_MS
        if is_ours and (abs(after) >= abs(before) or before * after < 0):
            self.reversals.append(f"{order.symbol}: {order.order_id} took {before} to {after}")

    def _watch(self, symbol: str, now: int) -> None:
        """Note how long a position is open without an order at the broker that closes all of it."""
        if self.position.get(symbol, 0) == 0 and symbol in self.fast_since:
            self.fast_ms.append(now - self.fast_since.pop(symbol))
        here, quote = self.position.get(symbol, 0), self.venue.quotes.get(symbol)
        cover = sum(
            o.order.leaves_qty for o in self.alive
            if o.order.symbol == symbol and o.purpose != "entry" and o.order.side.sign * here < 0 and not self.stuck.note(o, quote, now)
        )  # fmt: skip
        cover += sum(
            self.brackets.guarded_qty(b) for b in self.brackets.held.values()
            if b.symbol == symbol and b.side.sign * here > 0 and b.stop_paise > 0
        )  # fmt: skip
        if here != 0 and cover < abs(here):
            self.naked_since.setdefault(symbol, now)
        elif symbol in self.naked_since:
            self.naked.append(now - self.naked_since.pop(symbol))

    def _push(self, held: Held, now: int) -> None:
        """Send an order's row over the portfolio stream: perhaps never, perhaps twice, in any order."""
        rng, row = self.rng, self._row(held, "", now)
        if rng.random() < self.rates.push_lost:
            self.faults["push lost"] += 1
            return
        is_doubled = rng.random() < self.rates.push_doubled
        self.faults["push doubled"] += is_doubled
        for _ in range(2 if is_doubled else 1):
            self.deliver(now + rng.randint(5, 40 if self.rates.lag_ms == 0 else 400), [row])

    def _row(self, held: Held, request_id: str, now: int) -> BrokerReport:
        order = held.order
        return BrokerReport(
            now, Answer.ROW, request_id, order.order_id, order.tag, order.symbol, order.side.value, order.status,
            order.qty, order.cum_qty, round(order.avg_px * 100), order.trigger_paise,
            order_type=order.order_type, limit_paise=order.limit_paise,
        )  # fmt: skip

    # ------------------------------------------------------------------ listings

    def _read(self, request: OrderRequest, now: int) -> None:
        there = now + self.rng.randint(5, 40)
        self.schedule(there, lambda at: self._list(request, at))

    def _list(self, request: OrderRequest, now: int) -> None:
        rows = self._rows(request, now)
        end = Answer.END
        if self.rng.random() < self.rates.read_failed:
            self.faults["listing cut"] += 1
            rows, end = rows[: self.rng.randint(0, len(rows))], Answer.AMBIGUOUS
        back = now + self.rng.randint(5, 40)
        self.deliver(back, [*rows, BrokerReport(back, end, request.id)])

    def _rows(self, request: OrderRequest, now: int) -> list[BrokerReport]:
        if request.ask in {Ask.FIND, Ask.BOOK}:
            if request.order_type == GTT:
                return self._gtt_rows(request, now)
            is_book = request.ask is Ask.BOOK
            wanted = [h for h in self.held.values() if h.shown_ms <= now and (is_book or h.order.tag == request.tag)]
            rows = [self._row(held, request.id, now) for held in wanted]
            return [*rows, *self._gtt_rows(request, now)] if is_book else rows
        shown = [t for t in self.trades if t.shown_ms <= now]
        if request.ask is Ask.TRADES:
            key, kind = request.id, Answer.TRADE
            return [
                BrokerReport(now, kind, key, t.order_id, "", t.symbol, t.side.value, "", t.qty, 0, t.px_paise, 0, t.trade_id) for t in shown
            ]
        net: dict[str, int] = {}
        for trade in shown:
            net[trade.symbol] = net.get(trade.symbol, 0) + trade.side.sign * trade.qty
        return [BrokerReport(now, Answer.POSITION, request.id, symbol=symbol, qty=qty) for symbol, qty in net.items()]

    def _gtt_rows(self, request: OrderRequest, now: int) -> list[BrokerReport]:
        """Tell of every GTT (or those of a request's terms) its orders, of which it knows before the book shows them, then itself."""
        out = []
        for b in self.brackets.held.values():
            if request.ask is Ask.FIND and (b.symbol, b.side.value, b.qty, b.entry_paise) != (
                request.symbol, request.side, request.qty, request.limit_paise
            ):  # fmt: skip
                continue
            for leg, order_id in b.children.items():
                row = replace(
                    self._row(self.held[order_id], request.id, now), parent=b.gtt_id, leg=leg, tag=request.tag if leg is Leg.ENTRY else ""
                )
                if self.held[order_id].shown_ms > now:
                    row = replace(row, status="open pending", cum_qty=0, px_paise=0)
                out.append(row)
            if self.hidden.get(b.gtt_id, 0) > now:
                continue
            out.append(
                BrokerReport(
                    now, Answer.ROW, request.id, b.gtt_id, "", b.symbol, b.side.opposite.value, self.brackets.status(b),
                    self.brackets.guarded_qty(b) or b.qty, trigger_paise=b.stop_paise, order_type=GTT, limit_paise=b.target_paise,
                    parent=b.gtt_id, leg=Leg.WATCH,
                )
            )  # fmt: skip
        return out

    def moved(self) -> list[str]:
        """Give the papers in which a quote can change something."""
        guarded = [b.symbol for b in self.brackets.held.values() if self.brackets.guarded_qty(b) > 0]
        return list(dict.fromkeys([*(h.order.symbol for h in self.working()), *guarded]))

    def working(self) -> list[Held]:
        """Orders that may still fill."""
        self.alive = [h for h in self.alive if h.order.status not in OVER_WORDS]
        return self.alive
