"""Words and records of trading safety: may we trade, who said so, and why an order was stopped.

``Control`` is the emergency stop as people give it; levels only rise until a person lifts them (engine/control.py).
Times are event time, epoch milliseconds; the strings that a control travels by have a clock of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.core.types import Side


class TradingState(StrEnum):
    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    """Nothing new: positions may only become smaller."""
    HALTED = "HALTED"
    """Nothing at all is sent, but what an ordered flattening needs."""


@dataclass(frozen=True, slots=True)
class Control:
    """One pull of an emergency string, or its lifting (level 0)."""

    ts: int
    level: int
    """0 lift; 1 no new entries; 2 and cancel all entries; 3 and close all positions; 4 and the broker's own kill switch."""
    source: str
    """``page``, ``terminal`` or ``file``."""
    reason: str


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
