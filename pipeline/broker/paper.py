"""The paper exchange behind the broker's contract: the same machine that lives inside the paper desk, in the coat of a broker.

Reads   OrderRequest; quotes by ``show``
Writes  BrokerReport; its own book, trades and positions

The order process does not need it (its paper venue is part of its state, and so survives a kill); the exam does, and whatever wants to see
an outward desk without a network. What happens between two requests (fills by new quotes) is found in the listings.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.broker.contract import accepted, listed, refused
from pipeline.core.broker import GTT, Answer, Ask, BrokerReport, Leg, OrderRequest
from pipeline.core.types import Side
from pipeline.engine.brackets import Bracket, Brackets, Child
from pipeline.engine.matching import Quote, Venue, VenueEvent, VenueOrder


class PaperBroker:
    """One account at the paper exchange."""

    name = "paper"

    def __init__(self, latency_ms: int = 0, slippage_bps: float = 0.0) -> None:
        self.venue = Venue(latency_ms, slippage_bps)
        self._brackets, self._orders = Brackets(self), 0
        self._trades: list[BrokerReport] = []

    def show(self, symbol: str, quote: Quote) -> None:
        """Let resting orders meet a quote."""
        self._note(self.venue.on_quote(symbol, quote, quote.ts))
        self._brackets.on_trade(symbol, quote.ltp_paise, quote.ts)

    def perform(self, request: OrderRequest) -> list[BrokerReport]:
        """Do what is asked, once."""
        if request.order_type == GTT and request.ask in {Ask.PLACE, Ask.CANCEL, Ask.FIND}:
            return self._gtt(request)
        if request.ask is Ask.PLACE:
            return self._place(request)
        if request.ask is Ask.EXIT_ALL:
            return self._exit(request)
        if request.ask is Ask.TRADES:
            return listed(request, [_answering(t, request) for t in self._trades])
        if request.ask is Ask.POSITIONS:
            net = self._net(self._trades)
            return listed(request, [BrokerReport(request.ts, Answer.POSITION, request.id, symbol=s, qty=q) for s, q in net.items()])
        if request.ask in {Ask.BOOK, Ask.FIND}:
            orders = [o for o in self.venue.orders.values() if request.ask is Ask.BOOK or o.tag == request.tag]
            legs = self._legs(request) if request.ask is Ask.BOOK else []
            named = {report.order_id for report in legs}
            return listed(request, [*(_row(order, request) for order in orders if order.order_id not in named), *legs])
        return self._change(request)

    def _place(self, request: OrderRequest) -> list[BrokerReport]:
        self._orders += 1
        order_id = f"P{self._orders:06d}"
        order = VenueOrder(
            order_id, request.symbol, Side(request.side), request.order_type, request.qty,
            request.limit_paise, request.trigger_paise, request.tag, request.ts,
        )  # fmt: skip
        events = self.venue.place(order, request.ts)
        if events[0].kind == "rejected":
            del self.venue.orders[order_id]
            return refused(request, events[0].reason)
        self._note(events)
        return accepted(request, order_id)

    def _gtt(self, request: OrderRequest) -> list[BrokerReport]:
        if request.ask is Ask.FIND:
            return listed(request, self._legs(request))
        if request.ask is Ask.CANCEL:
            is_done = self._brackets.cancel(request.order_id)
            return accepted(request, request.order_id) if is_done else refused(request, "nothing is left of this GTT")
        if request.qty <= 0 or min(request.limit_paise, request.trigger_paise) <= 0:
            return refused(request, "a GTT needs a quantity, an entry and a stop")
        gtt_id = f"G{len(self._brackets.held) + 1:06d}"
        terms = (request.limit_paise, request.trigger_paise, request.target_paise, request.trail_paise)
        self._brackets.place(Bracket(gtt_id, request.symbol, Side(request.side), request.qty, *terms), request.ts)
        return accepted(request, gtt_id)

    def send_child(self, child: Child, now: int) -> str:
        """Send an order of a GTT."""
        request = OrderRequest(now, "", Ask.PLACE, "", "", child.symbol, child.side.value, child.order_type, child.qty, child.limit_paise)
        return self._place(request)[0].order_id

    def cancel_child(self, order_id: str, now: int) -> None:
        """Cancel an order of a GTT."""
        self._note(self.venue.cancel(order_id, now))

    def child_qty(self, order_id: str) -> int:
        """Give what an order of a GTT has filled."""
        return self.venue.orders[order_id].cum_qty

    def _legs(self, request: OrderRequest) -> list[BrokerReport]:
        out = []
        for b in self._brackets.held.values():
            is_mine = (b.symbol, b.side.value, b.qty, b.entry_paise) == (request.symbol, request.side, request.qty, request.limit_paise)
            if request.ask is Ask.FIND and not is_mine:
                continue
            for leg, order_id in b.children.items():
                tag = request.tag if leg is Leg.ENTRY else ""
                out.append(replace(_row(self.venue.orders[order_id], request), parent=b.gtt_id, leg=leg, tag=tag))
            out.append(
                BrokerReport(
                    request.ts, Answer.ROW, request.id, b.gtt_id, "", b.symbol, b.side.opposite.value, self._brackets.status(b), b.qty,
                    trigger_paise=b.stop_paise, order_type=GTT, parent=b.gtt_id, leg=Leg.WATCH,
                )
            )  # fmt: skip
        return out

    def _change(self, request: OrderRequest) -> list[BrokerReport]:
        if request.ask is Ask.CANCEL:
            events = self.venue.cancel(request.order_id, request.ts)
        else:
            events = self.venue.modify(request.order_id, request.terms, request.ts)
        if events[0].kind == "rejected":
            return refused(request, events[0].reason)
        self._note(events)
        return accepted(request, request.order_id)

    def _exit(self, request: OrderRequest) -> list[BrokerReport]:
        tagged = {o.order_id for o in self.venue.orders.values() if o.tag == request.tag}
        held = {s: q for s, q in self._net([t for t in self._trades if t.order_id in tagged]).items() if q != 0}
        out: list[BrokerReport] = []
        for symbol, qty in held.items():
            side = Side.SELL if qty > 0 else Side.BUY
            order = OrderRequest(request.ts, request.id, Ask.PLACE, "", "", symbol, side.value, "MARKET", abs(qty))
            out += self._place(order)
        return out or refused(request, "no open position under this tag")

    def _note(self, events: list[VenueEvent]) -> None:
        for event in events:
            if event.kind == "fill":
                order = self.venue.orders[event.order_id]
                self._trades.append(
                    BrokerReport(
                        event.ts, Answer.TRADE, "", order.order_id, "", order.symbol, order.side.value,
                        qty=event.qty, px_paise=event.px_paise, trade_id=event.trade_id,
                    )
                )  # fmt: skip

    @staticmethod
    def _net(trades: list[BrokerReport]) -> dict[str, int]:
        out: dict[str, int] = {}
        for trade in trades:
            out[trade.symbol] = out.get(trade.symbol, 0) + Side(trade.side).sign * trade.qty
        return out


def _answering(trade: BrokerReport, request: OrderRequest) -> BrokerReport:
    return BrokerReport(
        request.ts, Answer.TRADE, request.id, trade.order_id, "", trade.symbol, trade.side,
        qty=trade.qty, px_paise=trade.px_paise, trade_id=trade.trade_id,
    )  # fmt: skip


def _row(order: VenueOrder, request: OrderRequest) -> BrokerReport:
    return BrokerReport(
        request.ts, Answer.ROW, request.id, order.order_id, order.tag, order.symbol, order.side.value, order.status, order.qty,
        order.cum_qty, round(order.avg_px * 100), order.trigger_paise, order_type=order.order_type, limit_paise=order.limit_paise,
    )  # fmt: skip
