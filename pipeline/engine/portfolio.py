"""Positions and profit as a fold over unique fills.

Reads   Fill (shares, paise), each trade id once; marks (LTP, paise) with the instant they were seen
Writes  Holding per symbol; totals in paise: realised by average cost, unrealised at the mark, charges by order

Order does not matter for what counts: quantity and net worth are sums over fills, so doubled or shuffled fills
give the same position. All money is whole paise; a part of a cost that does not divide stays with the open
quantity, so that realised and unrealised always add up to cash flow plus worth. Charges are computed for each
executed order, since brokerage is capped by order. It never guesses a mark: without one, a position is worth
its cost and the age says that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.charges import Charges, Product, charges_for, total
from pipeline.core.errors import Corrupt
from pipeline.core.rates import Plan, product_for
from pipeline.core.types import Fill, Instrument, PortfolioMinute, Side
from pipeline.engine.identity import to_plain


@dataclass(slots=True)
class Holding:
    """One symbol. ``qty`` is signed; ``cost_paise`` is what the open quantity cost (negative for a short)."""

    qty: int = 0
    cost_paise: int = 0
    realised_paise: int = 0
    mark_paise: int = 0
    mark_ms: int = 0
    opened_ms: int = 0
    trade_paise: int = 0
    """Realised by the trade that is open: since the paper was last flat."""

    @property
    def unrealised_paise(self) -> int:
        return 0 if self.mark_paise == 0 else self.qty * self.mark_paise - self.cost_paise

    @property
    def avg_px(self) -> float:
        """Average cost of the open quantity, in rupees; 0 when flat."""
        return 0.0 if self.qty == 0 else self.cost_paise / self.qty / 100

    @property
    def exposure_paise(self) -> int:
        return abs(self.qty * self.mark_paise) if self.mark_paise > 0 else abs(self.cost_paise)


@dataclass(slots=True)
class Ledger:
    """The account of one day."""

    session_date: str
    products: Mapping[str, Product] = field(default_factory=dict)
    """What is charged as what; a symbol that is not named is an intraday cash trade."""
    plan: Plan = Plan.NORMAL
    """Of Upstox: how high brokerage can be."""
    holdings: dict[str, Holding] = field(default_factory=dict)
    trades: dict[str, None] = field(default_factory=dict)
    turnover: dict[str, list[int]] = field(default_factory=dict)
    """Per order: bought and sold, in paise."""
    charges: dict[str, Charges] = field(default_factory=dict)
    """Per order, line by line."""
    peak_paise: int = 0
    """High-water mark of net profit since the start of the day, at the instants it was observed."""
    losses_in_row: int = 0
    """Trades that ended with a loss before charges since the last that did not."""
    _charged: int | None = field(default=None, repr=False, compare=False)
    """All charges; None when a fill has come since they were added up."""

    def apply(self, fill: Fill) -> bool:
        """Book a fill; say whether it was new."""
        if fill.trade_id in self.trades:
            return False
        if fill.last_qty <= 0 or fill.last_paise <= 0:
            raise Corrupt(
                f"fill {fill.trade_id}: {fill.last_qty} shares at {fill.last_paise} paise: stop, and compare with the broker's trades"
            )
        self.trades[fill.trade_id] = None
        holding = self.holdings.setdefault(fill.symbol, Holding())
        ended = _book(holding, fill)
        if ended is not None:
            self.losses_in_row = self.losses_in_row + 1 if ended < 0 else 0
        sides = self.turnover.setdefault(fill.order_id, [0, 0])
        sides[fill.side is Side.SELL] += fill.last_qty * fill.last_paise
        product = self.products.get(fill.symbol, Product.INTRADAY)
        self.charges[fill.order_id] = charges_for(product, (sides[0], sides[1]), 1, self.session_date, self.plan)
        self._charged = None
        return True

    def mark(self, symbol: str, paise: int, ts: int) -> None:
        """Take a price at which a held paper can be valued."""
        holding = self.holdings.get(symbol)
        if holding is not None and paise > 0:
            holding.mark_paise, holding.mark_ms = paise, ts

    def qty(self, symbol: str) -> int:
        holding = self.holdings.get(symbol)
        return 0 if holding is None else holding.qty

    def open_symbols(self) -> list[str]:
        return [symbol for symbol, holding in self.holdings.items() if holding.qty != 0]

    @property
    def realised_paise(self) -> int:
        return sum(h.realised_paise for h in self.holdings.values())

    @property
    def unrealised_paise(self) -> int:
        return sum(h.unrealised_paise for h in self.holdings.values())

    @property
    def charge_lines(self) -> Charges:
        """Each line of all orders; the same whatever the order of the fills was."""
        return total(self.charges.values())

    @property
    def charges_paise(self) -> int:
        if self._charged is None:
            self._charged = self.charge_lines.total_paise
        return self._charged

    @property
    def exposure_paise(self) -> int:
        return sum(h.exposure_paise for h in self.holdings.values())

    @property
    def net_paise(self) -> int:
        return self.realised_paise + self.unrealised_paise - self.charges_paise

    def observe(self) -> tuple[int, int]:
        """Give (net, drawdown from the peak), after raising the peak when there is a new one."""
        net = self.net_paise
        self.peak_paise = max(self.peak_paise, net)
        return net, self.peak_paise - net

    def minute(self, ts: int) -> PortfolioMinute:
        """Take the account's picture at the end of a minute."""
        net, drawdown = self.observe()
        return PortfolioMinute(
            ts=ts,
            positions=len(self.open_symbols()),
            realised_paise=self.realised_paise,
            unrealised_paise=self.unrealised_paise,
            charges_paise=self.charges_paise,
            net_paise=net,
            exposure_paise=self.exposure_paise,
            fills=len(self.trades),
            peak_paise=self.peak_paise,
            drawdown_paise=drawdown,
        )

    def dump(self) -> dict[str, Any]:
        """Everything as plain values."""
        names = ("qty", "cost_paise", "realised_paise", "mark_paise", "mark_ms", "opened_ms", "trade_paise")
        return {
            "holdings": {s: [getattr(h, name) for name in names] for s, h in self.holdings.items()},
            "trades": list(self.trades),
            "turnover": {o: list(sides) for o, sides in self.turnover.items()},
            "charges": {o: to_plain(lines) for o, lines in self.charges.items()},
            "peak_paise": self.peak_paise,
            "losses_in_row": self.losses_in_row,
        }

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Become the ledger that was dumped."""
        self.holdings = {s: Holding(*values) for s, values in plain["holdings"].items()}
        self.trades = dict.fromkeys(plain["trades"])
        self.turnover = {o: list(sides) for o, sides in plain["turnover"].items()}
        self.charges = {o: Charges(*lines) for o, lines in plain["charges"].items()}
        self._charged = None
        self.peak_paise, self.losses_in_row = plain["peak_paise"], plain["losses_in_row"]


def product_of(instrument: Instrument) -> Product:
    """Tell how trades in a paper are charged."""
    return product_for(instrument.instrument_key.partition("|")[0], instrument.symbol)


def new_ledger(session_date: str, instruments: Iterable[Instrument], plan: str = Plan.NORMAL) -> Ledger:
    return Ledger(session_date, {i.symbol: product_of(i) for i in instruments}, Plan(plan))


def _book(holding: Holding, fill: Fill) -> int | None:
    """Close what the fill closes at average cost, then open the rest at the fill's price.

    Gives the result of the trade that it ended (paise, before charges); None while the trade goes on.
    """
    signed = fill.side.sign * fill.last_qty
    ended: int | None = None
    if holding.qty == 0:
        holding.opened_ms = fill.ts
    closing = min(fill.last_qty, abs(holding.qty)) if holding.qty * signed < 0 else 0
    if closing > 0:
        cost = holding.cost_paise * closing // abs(holding.qty)
        gain = -(fill.side.sign * closing * fill.last_paise + cost)
        holding.realised_paise += gain
        holding.trade_paise += gain
        holding.cost_paise -= cost
        holding.qty += fill.side.sign * closing
        if holding.qty == 0:
            ended, holding.trade_paise, holding.opened_ms = holding.trade_paise, 0, fill.ts
    opening = fill.last_qty - closing
    holding.qty += fill.side.sign * opening
    holding.cost_paise += fill.side.sign * opening * fill.last_paise
    return ended
