"""Do our positions agree with the broker's? A pure comparison; whoever asked the broker feeds it.

Reads   our ledger; the broker's positions by symbol, or None when the question failed
Writes  a verdict: agrees, differs (with each difference in words), or unknown

A failed question is not a flat account: None is UNKNOWN, never AGREES. Quantities and turnovers are compared, which no
method of averaging can change; realised profit is not, since the broker may average otherwise. Nothing is ever put
right here: a difference is an alarm for a person, and stops entries (check ``not_reconciled``). Papers that only the
broker holds (a trade made by hand in its app) are differences too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pipeline.core.money import rupees
from pipeline.engine.portfolio import Ledger


class Verdict(StrEnum):
    AGREES = "AGREES"
    DIFFERS = "DIFFERS"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """One row of the broker's position book, of today's trades: signed shares, and what was bought and sold in paise."""

    qty: int
    bought_paise: int
    sold_paise: int


@dataclass(frozen=True, slots=True)
class Agreement:
    verdict: Verdict
    differences: tuple[str, ...]
    """Each names the paper, our figure and theirs."""


FLAT = BrokerPosition(0, 0, 0)


def compare(ledger: Ledger, theirs: Mapping[str, BrokerPosition] | None, tolerance_paise: int) -> Agreement:
    """Hold the ledger against the broker's book; turnovers may differ by the rounding of averages, quantities never."""
    if theirs is None:
        return Agreement(Verdict.UNKNOWN, ())
    out: list[str] = []
    for symbol in sorted({*ledger.holdings, *theirs}):
        row = theirs.get(symbol, FLAT)
        qty, (bought, sold) = ledger.qty(symbol), ledger.turnover_of(symbol)
        if qty != row.qty:
            out.append(f"{symbol}: we hold {qty}, the broker says {row.qty}")
        for what, ours, their in (("bought", bought, row.bought_paise), ("sold", sold, row.sold_paise)):
            if abs(ours - their) > tolerance_paise:
                out.append(f"{symbol}: we {what} for {rupees(ours)}, the broker says {rupees(their)}")
    return Agreement(Verdict.DIFFERS if out else Verdict.AGREES, tuple(out))
