"""What trading costs, line by line, by the dated table of core/rates.py.

Reads   turnovers in paise, the number of executed orders, the date (IST)
Writes  each line in paise as an exact float, and their sum rounded to the paisa

Contract notes round STT and stamp duty to whole rupees: that is theirs, not done here. Never includes the broker's fee
for closing a forgotten position (75 rupees and GST), nor the depository's for a delivery sold.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter

from pipeline.core.frozen import quick
from pipeline.core.rates import CAPS, RATES, Leg, Line, Plan, Product

__all__ = ["Charges", "Product", "charges_for", "intraday_charges", "total"]


@quick
@dataclass(frozen=True, slots=True)
class Charges:
    """Each line in paise, unrounded; in the order of ``Line``."""

    brokerage: float
    stt: float
    transaction: float
    ipft: float
    sebi: float
    stamp: float
    gst: float

    @property
    def exact(self) -> float:
        """The sum in paise, unrounded."""
        return math.fsum(_lines(self))

    @property
    def total_paise(self) -> int:
        """The sum to the paisa."""
        return round(self.exact)


_lines = attrgetter(*(f.name for f in fields(Charges)))


def total(parts: Iterable[Charges]) -> Charges:
    """Add up, line by line; the same whatever the order of the parts is."""
    columns = list(zip(*map(_lines, parts), strict=True))
    return Charges(*(math.fsum(column) for column in columns)) if columns else Charges(*(0.0 for _ in Line))


def intraday_charges(buy_paise: int, sell_paise: int, orders: int, date_iso: str) -> Charges:
    """Return the charges of intraday trading in the cash market; see :func:`charges_for`.

    >>> intraday_charges(50_000_00, 50_500_00, 2, "2026-11-20").total_paise
    6508
    """
    return charges_for(Product.INTRADAY, (buy_paise, sell_paise), orders, date_iso)


def charges_for(product: Product, turnover_paise: tuple[int, int], orders: int, date_iso: str, plan: Plan = Plan.NORMAL) -> Charges:
    """Return the charges of ``(bought, sold)`` turnover in paise that ``orders`` executed orders made.

    Brokerage is per executed order. With only the sum known, the lower of all caps and the per cent of the
    whole turnover is taken: right for equal orders, never too low for unequal ones.
    """
    bought, sold = turnover_paise
    if bought < 0 or sold < 0 or orders < 0:
        raise ValueError(f"turnover {turnover_paise} and orders {orders} cannot be negative")
    of = {Leg.BUY: float(bought), Leg.SELL: float(sold), Leg.BOTH: float(bought + sold)}
    found: dict[Line, float] = {}
    gst = 0.0
    for line, leg, ratio in ratios(product, date_iso):
        if leg is Leg.FEES:
            gst = ratio
        else:
            found[line] = ratio * of[leg]
    cap = float(cap_paise(plan, date_iso) * orders)
    found[Line.BROKERAGE] = min(cap, found[Line.BROKERAGE]) if bought + sold > 0 else 0.0
    fees = found[Line.BROKERAGE] + found[Line.TRANSACTION] + found[Line.IPFT] + found[Line.SEBI]
    found[Line.GST] = gst * fees
    return Charges(*(found[line] for line in Line))


@lru_cache(maxsize=64)
def cap_paise(plan: Plan, date_iso: str) -> int:
    """Give the most that one executed order costs in brokerage on a date."""
    return [paise for name, since, paise in CAPS if name is plan and since <= date_iso][-1]


@lru_cache(maxsize=1024)
def ratios(product: Product, date_iso: str) -> tuple[tuple[Line, Leg, float], ...]:
    """Give the rates that hold on a date, one for each line, as ratios; no per cent is infinite, so that the cap counts."""
    out: dict[Line, tuple[Line, Leg, float]] = {}
    for rate in RATES:  # oldest first within a product and line
        if rate.product is product and rate.since <= date_iso:
            out[rate.line] = (rate.line, rate.leg, float(rate.per_cent) / 100 if rate.per_cent else math.inf)
    return tuple(out.values())
