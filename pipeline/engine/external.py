"""What people hold beside us in the same account: shown with its name, counted in the limits, never touched.

Reads   the desk: trades of no order of ours in papers of the watchlist, the broker's positions in all other papers; last prices (paise)
Writes  External, one for each such paper; it asks nothing of anybody and closes nothing

In a paper of the watchlist the trades by hand tell quantity, cost and charges, and our quotes the worth. Of any other paper we have no
quote: there the broker's own listing counts (quantity, worth, profit before charges), as old as that listing is. Only intraday positions
are listed; delivery and what is carried overnight bind funds, which the broker tells, and are nowhere else here.
"""

from __future__ import annotations

from pipeline.core.broker import BrokerReport, External
from pipeline.core.types import Fill, Side
from pipeline.engine.desk import Desk
from pipeline.engine.portfolio import Holding, Ledger, new_ledger

UNNAMED = "a paper without a name"


def note_position(desk: Desk, report: BrokerReport) -> None:
    """Take one position of a listing that is coming in."""
    if report.symbol in desk.papers:
        desk.listed[report.symbol] = desk.listed.get(report.symbol, 0) + report.qty
        return
    known = desk.listed_outside.get(report.symbol, ["", 0, 0, 0])
    name = report.name or report.symbol or UNNAMED
    desk.listed_outside[report.symbol] = [name, known[1] + report.qty, report.px_paise, known[3] + report.pnl_paise]


def external(desk: Desk) -> list[External]:
    """Give every paper in which people hold something, or have traded today, watchlist first."""
    return [*_by_trades(desk), *_outside(desk)]


def _outside(desk: Desk) -> list[External]:
    return [External(key, name, qty, abs(qty * px), pnl, is_ours=False) for key, (name, qty, px, pnl) in desk.outside.items()]


def _by_trades(desk: Desk) -> list[External]:
    """Fold the trades by hand, paper by paper, as ours are folded: each at its price, net of its charges."""
    ledgers: dict[str, Ledger] = {}
    for trade_id, (symbol, qty, order_id, px_paise) in desk.strange.items():
        if order_id in desk.owners or qty == 0:
            continue
        ledger = ledgers.setdefault(symbol, new_ledger(desk.day.date, (desk.papers[symbol].instrument,), desk.params.risk.plan))
        side = Side.BUY if qty > 0 else Side.SELL
        ledger.apply(Fill(0, trade_id, order_id, "", symbol, side, abs(qty), max(1, px_paise), "external"))
    out = []
    for symbol, ledger in sorted(ledgers.items()):
        ledger.mark(symbol, *desk.quotes.ltp_paise(desk.papers[symbol].instrument.sid))
        holding: Holding = ledger.holdings[symbol]
        worth = holding.exposure_paise if holding.qty != 0 else 0
        out.append(External(symbol, symbol, holding.qty, worth, ledger.net_paise, is_ours=True))
    return out
