"""What a round trip costs at NSE, item by item, from a table of rates with effective dates.

Reads turnovers in paise; gives paise as exact floats, and their sum rounded to the paisa. Contract notes round
STT and stamp duty to whole rupees: that is theirs, not done here. Never includes the broker's square-off fee.
Brokerage is Upstox Basic as of 2026 for every date, so that a past day is judged by what we would pay now.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CAP_PER_ORDER = 20_00.0
"""Brokerage of one executed order is never above this (paise)."""
GST = 0.18


class Product(StrEnum):
    INTRADAY = "INTRADAY"
    """Cash market, closed the same day."""
    FUTURES = "FUTURES"
    OPTIONS = "OPTIONS"
    """Turnover is premium."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Ratios of turnover; STT on the sell side, stamp duty on the buy side, the rest on both."""

    since: str
    brokerage: float
    """Lower of this and the cap; infinite where the cap is flat."""
    stt: float
    transaction: float
    ipft: float
    sebi: float
    stamp: float


FLAT = float("inf")
RATES: Mapping[Product, tuple[Rates, ...]] = {
    Product.INTRADAY: (
        Rates("", 0.001, 0.00025, 0.0000345, 0.0, 0.000001, 0.00003),
        Rates("2023-04-01", 0.001, 0.00025, 0.0000322, 0.000001, 0.000001, 0.00003),
        Rates("2024-10-01", 0.001, 0.00025, 0.0000297, 0.000001, 0.000001, 0.00003),
    ),
    Product.FUTURES: (
        Rates("", 0.0005, 0.0002, 0.0000173, 0.000001, 0.000001, 0.00002),
        Rates("2026-04-01", 0.0005, 0.0005, 0.0000173, 0.000001, 0.000001, 0.00002),
    ),
    Product.OPTIONS: (
        Rates("", FLAT, 0.001, 0.0003503, 0.000005, 0.000001, 0.00003),
        Rates("2026-04-01", FLAT, 0.0015, 0.0003503, 0.000005, 0.000001, 0.00003),
    ),
}
"""Oldest first. The first row serves all earlier dates, where it is an approximation.

Transaction charges of 1 Oct 2024 and IPFT are two items here; tables that show 0.00307 % have added them.
"""


@dataclass(frozen=True, slots=True)
class Charges:
    """Each item in paise, unrounded."""

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
        return self.brokerage + self.stt + self.transaction + self.ipft + self.sebi + self.stamp + self.gst

    @property
    def total_paise(self) -> int:
        """The sum to the paisa."""
        return round(self.exact)


def intraday_charges(buy_paise: int, sell_paise: int, orders: int, date_iso: str) -> Charges:
    """Return the charges of intraday trading in the cash market; see :func:`charges_for`.

    >>> intraday_charges(50_000_00, 50_500_00, 2, "2026-11-20").total_paise
    6508
    """
    return charges_for(Product.INTRADAY, (buy_paise, sell_paise), orders, date_iso)


def charges_for(product: Product, turnover_paise: tuple[int, int], orders: int, date_iso: str) -> Charges:
    """Return the charges of ``(bought, sold)`` turnover in paise that ``orders`` executed orders made.

    Brokerage is per executed order. With only the sum known, the lower of all caps and the ratio of the
    whole turnover is taken: right for equal orders, never too low for unequal ones.
    """
    bought, sold = turnover_paise
    if bought < 0 or sold < 0 or orders < 0:
        raise ValueError(f"turnover {turnover_paise} and orders {orders} cannot be negative")
    rates = next(rates for rates in reversed(RATES[product]) if rates.since <= date_iso)
    both = float(bought + sold)
    cap = CAP_PER_ORDER * orders
    brokerage = cap if rates.brokerage == FLAT else min(cap, rates.brokerage * both)
    transaction, ipft, sebi = rates.transaction * both, rates.ipft * both, rates.sebi * both
    gst = GST * (brokerage + transaction + ipft + sebi)
    return Charges(brokerage, rates.stt * sold, transaction, ipft, sebi, rates.stamp * bought, gst)
