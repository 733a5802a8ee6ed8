"""The rules a signal must pass to be recommended: one function and one reason code each, in a fixed order.

Reads   a Case: the signal with what is known of its paper as of one instant
Writes  the code of the first rule that stops it, or ``recommended``

Cheap and certain rules come first, so that the code names the plainest cause. Spread, depth and quote age are
not known from candles; they are checked on the live quote before an order (engine/risk.py). No rule keeps state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.core.session import Phase
from pipeline.core.types import CandleFlag, Side

PASSED = "recommended"
OUTRANKED = "outranked"
"""Passed every rule, but the wave had ``top`` better ones."""
SHOCK_RATIO = 0.04
"""A single candle that ranges more than this stops signals on it (ATR means nothing there)."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a rule may look at."""

    now: int
    side: Side
    score: float
    min_score: float
    is_warm: bool
    candle_flags: int
    age_ms: int
    """Since the end of the signal's candle."""
    expiry_s: int
    """Seconds a recommendation may be confirmed."""
    candle_range_ratio: float
    """(high - low) / close of the signal's candle."""
    phase: Phase
    no_entry_ms: int
    trend_5m: int
    """+1 or -1: where the 9-EMA stands to the 21-EMA on five minutes; 0 unknown."""
    other_sides: tuple[Side, ...]
    """Sides of other signals of this wave and of open recommendations in the same symbol."""
    last_recommended_ms: int
    cooldown_s: int


def gap_candle(case: Case) -> bool:
    """The feed was blind for a part of the candle, so its range and volume are not the market's."""
    return bool(case.candle_flags & CandleFlag.GAP)


def partial_candle(case: Case) -> bool:
    return bool(case.candle_flags & CandleFlag.PARTIAL)


def stale_candle(case: Case) -> bool:
    """It was told so late, after a repair or a pause, that what is recommended at its close would have expired by now."""
    return case.age_ms >= case.expiry_s * 1000


def not_warm(case: Case) -> bool:
    return not case.is_warm


def shock_bar(case: Case) -> bool:
    return case.candle_range_ratio > SHOCK_RATIO


def out_of_session(case: Case) -> bool:
    return case.phase is not Phase.CONTINUOUS


def too_late(case: Case) -> bool:
    return case.now >= case.no_entry_ms


def low_score(case: Case) -> bool:
    return case.score < case.min_score


def against_5m(case: Case) -> bool:
    """One minute and five minutes must agree (an unknown five-minute trend does not object)."""
    return case.trend_5m * case.side.sign < 0


def conflict(case: Case) -> bool:
    return any(side is not case.side for side in case.other_sides)


def cooldown(case: Case) -> bool:
    return case.last_recommended_ms > 0 and case.now - case.last_recommended_ms < case.cooldown_s * 1000


RULES: tuple[Callable[[Case], bool], ...] = (
    gap_candle,
    partial_candle,
    stale_candle,
    not_warm,
    shock_bar,
    out_of_session,
    too_late,
    low_score,
    against_5m,
    conflict,
    cooldown,
)
"""Each is true when it stops the signal; its name is the reason code."""


def judge(case: Case) -> str:
    """Return the code of the first rule that stops the signal, or ``recommended``."""
    for rule in RULES:
        if rule(case):
            return rule.__name__
    return PASSED
