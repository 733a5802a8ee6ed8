"""The account as the limits see it: our own trades, what people do beside them, and what the days before have left.

Reads   the desk: ledger, marks, people's trades and positions (engine/external.py), what was carried into the session
Writes  Tally in paise, as of now; raises the peaks that the desk remembers (of the day, and of all days)

What counts. Exposure is what the account holds in a paper, ours and by hand together. Profit and loss of people count whole in a paper in
which we traded too (what they closed of ours shows up on both sides, and only the sum is true); elsewhere their losses count and their
gains do not, so that luck by hand loosens no limit of ours. Stops of people are not known, so nothing is foreseen for them beyond the mark.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.broker import External
from pipeline.engine.desk import Desk
from pipeline.engine.external import external


@dataclass(frozen=True, slots=True)
class Tally:
    """What people add to our own figures, and where the account stands by both."""

    symbols: frozenset[str]
    """Papers that people hold."""
    exposure_paise: int
    """To be added to ours: less than zero where they hold against us."""
    net_exposure_paise: int
    net_paise: int
    """The day's profit, ours and theirs as it counts."""
    drawdown_paise: int
    """From the day's peak."""
    fall_paise: int
    """From the peak of all days."""
    peak_paise: int
    """That peak, counted from the first session of the account."""

    @property
    def open_symbols(self) -> int:
        return len(self.symbols)


def tally(desk: Desk) -> Tally:
    """Add up at the newest prices; the peaks rise when there are new ones."""
    desk.mark_held()
    theirs = external(desk) if desk.strange or desk.outside else []
    net = desk.ledger.net_paise + _counted(desk, theirs)
    desk.day_peak_paise = max(desk.day_peak_paise, net)
    desk.peak_paise = max(desk.peak_paise, desk.carried_paise + net)
    gross, signed = _exposure(desk, theirs)
    held = frozenset(one.symbol for one in theirs if one.qty != 0)
    fall = desk.peak_paise - desk.carried_paise - net
    return Tally(held, gross, signed, net, desk.day_peak_paise - net, fall, desk.peak_paise)


def exposure_paise(desk: Desk) -> int:
    """Give the worth of positions, ours and by hand together, and of all that our live entries could still add."""
    theirs = external(desk) if desk.strange or desk.outside else []
    return desk.exposure_paise() + _exposure(desk, theirs)[0]


def _counted(desk: Desk, theirs: list[External]) -> int:
    shared = sum(one.net_paise for one in theirs if one.symbol in desk.ledger.holdings)
    return shared + min(0, sum(one.net_paise for one in theirs if one.symbol not in desk.ledger.holdings))


def _exposure(desk: Desk, theirs: list[External]) -> tuple[int, int]:
    """Give what is to be added to our own gross and net exposure (paise)."""
    gross = signed = 0
    for one in theirs:
        side = 1 if one.qty > 0 else -1
        mine = desk.ledger.holdings.get(one.symbol)
        ours = 0 if mine is None or mine.qty == 0 else mine.exposure_paise * (1 if mine.qty > 0 else -1)
        gross += abs(ours + side * one.worth_paise) - abs(ours)
        signed += side * one.worth_paise
    return gross, signed
