"""The rate table of trading at NSE and BSE, as dated rows. No arithmetic here; see core/charges.py.

A row: product, line, since when (IST date; "" is "for all earlier dates too, where it is an approximation"), per cent
of the turnover it is taken from, which leg pays. Per cents are written as the exchanges write them. A new rate is a new
row; an old one is never changed, so that a past day costs what it cost. Brokerage alone is today's for every date: a past
day is judged by what we would pay now. Upstox's plans (Basic, here "normal", and Plus) differ in its cap, not in its per cents.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Plan(StrEnum):
    """What the account pays Upstox for; the words of [feed] in the settings."""

    NORMAL = "normal"
    PLUS = "plus"


CAPS: tuple[tuple[Plan, str, int], ...] = (
    (Plan.NORMAL, "", 20_00),
    (Plan.PLUS, "", 30_00),
)
"""Plan, since when, paise: brokerage of one executed order is never above this; where no per cent is given, it is this."""


class Product(StrEnum):
    INTRADAY = "INTRADAY"
    """Cash market at NSE, closed the same day."""
    DELIVERY = "DELIVERY"
    FUTURES = "FUTURES"
    OPTIONS = "OPTIONS"
    """Turnover is premium."""
    BSE_INTRADAY = "BSE_INTRADAY"
    """Most groups; a few small ones cost more."""
    BSE_FUTURES = "BSE_FUTURES"
    BSE_OPTIONS = "BSE_OPTIONS"


class Line(StrEnum):
    BROKERAGE = "brokerage"
    STT = "stt"
    TRANSACTION = "transaction"
    IPFT = "ipft"
    SEBI = "sebi"
    STAMP = "stamp"
    GST = "gst"


LINE_WORDS = {
    Line.BROKERAGE: "brokerage",
    Line.STT: "securities transaction tax",
    Line.TRANSACTION: "exchange transaction charge",
    Line.IPFT: "investor protection fund",
    Line.SEBI: "SEBI turnover fee",
    Line.STAMP: "stamp duty",
    Line.GST: "GST",
}


class Leg(StrEnum):
    BUY = "buy"
    SELL = "sell"
    BOTH = "both"
    FEES = "fees"
    """Of brokerage, transaction charge, IPFT and SEBI fee; none on STT and stamp duty."""


def product_for(segment: str, symbol: str) -> Product:
    """Tell how a paper that is closed the same day is charged.

    >>> product_for("NSE_FO", "BANKNIFTY 54100 PE 27 JAN 26").value
    'OPTIONS'
    """
    is_bse = segment.startswith("BSE_")
    if not segment.endswith("_FO"):
        return Product.BSE_INTRADAY if is_bse else Product.INTRADAY
    words = symbol.upper().split()
    if {"CE", "PE"} & {*words, words[-1][-2:] if words else ""}:
        return Product.BSE_OPTIONS if is_bse else Product.OPTIONS
    return Product.BSE_FUTURES if is_bse else Product.FUTURES


@dataclass(frozen=True, slots=True)
class Rate:
    product: Product
    line: Line
    since: str
    per_cent: str
    """Empty: no per cent, the cap alone (options' brokerage)."""
    leg: Leg


def _rows(line: Line, leg: Leg, *rows: tuple[str, str, str]) -> tuple[Rate, ...]:
    """Expand (products, since, per cent); products are separated by spaces."""
    return tuple(Rate(Product(name), line, since, per_cent, leg) for names, since, per_cent in rows for name in names.split())


ALL = " ".join(Product)
RATES: tuple[Rate, ...] = (
    *_rows(
        Line.BROKERAGE,
        Leg.BOTH,
        ("INTRADAY BSE_INTRADAY", "", "0.1"),
        ("FUTURES BSE_FUTURES", "", "0.05"),
        ("OPTIONS BSE_OPTIONS DELIVERY", "", ""),
    ),
    *_rows(
        Line.STT,
        Leg.SELL,
        ("INTRADAY BSE_INTRADAY", "", "0.025"),
        ("FUTURES BSE_FUTURES", "", "0.0125"),
        ("FUTURES BSE_FUTURES", "2024-10-01", "0.02"),
        ("FUTURES BSE_FUTURES", "2026-04-01", "0.05"),
        ("OPTIONS BSE_OPTIONS", "", "0.0625"),
        ("OPTIONS BSE_OPTIONS", "2024-10-01", "0.1"),
        ("OPTIONS BSE_OPTIONS", "2026-04-01", "0.15"),
    ),
    *_rows(Line.STT, Leg.BOTH, ("DELIVERY", "", "0.1")),
    *_rows(
        Line.TRANSACTION,
        Leg.BOTH,
        ("INTRADAY DELIVERY", "", "0.00345"),
        ("INTRADAY DELIVERY", "2023-04-01", "0.00322"),
        ("INTRADAY DELIVERY", "2024-10-01", "0.00297"),
        ("FUTURES", "", "0.00173"),
        ("OPTIONS", "", "0.03503"),
        ("BSE_INTRADAY", "", "0.00375"),
        ("BSE_FUTURES", "", "0"),
        ("BSE_OPTIONS", "", "0.0325"),
    ),
    *_rows(
        Line.IPFT,
        Leg.BOTH,
        ("INTRADAY DELIVERY", "", "0"),
        ("INTRADAY DELIVERY", "2023-04-01", "0.0001"),
        ("FUTURES", "", "0.0001"),
        ("OPTIONS", "", "0.0005"),
        ("BSE_INTRADAY BSE_FUTURES BSE_OPTIONS", "", "0"),
    ),
    *_rows(Line.SEBI, Leg.BOTH, (ALL, "", "0.0001")),
    *_rows(
        Line.STAMP,
        Leg.BUY,
        ("INTRADAY BSE_INTRADAY OPTIONS BSE_OPTIONS", "", "0.003"),
        ("DELIVERY", "", "0.015"),
        ("FUTURES BSE_FUTURES", "", "0.002"),
    ),
    *_rows(Line.GST, Leg.FEES, (ALL, "", "18")),
)
"""Tables that show 0.00307 % for the transaction charge have added the IPFT to it: two lines here."""
