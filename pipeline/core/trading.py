"""Words and records of trading safety: may we trade, and why an order was stopped. Times are epoch milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.core.frozen import quick
from pipeline.core.types import Side


class TradingState(StrEnum):
    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    """Nothing new: positions may only become smaller."""
    HALTED = "HALTED"
    """Nothing at all is sent, but what an ordered flattening needs."""


@quick
@dataclass(frozen=True, slots=True)
class Denial:
    """Why a check of engine/risk.py stopped an order: the check, its place in the order, and the figures it saw."""

    ts: int
    intent_id: str
    symbol: str
    side: Side
    purpose: str
    place: int
    code: str
    words: str
