"""What a candlestick pattern is: one compiled question about the last candles of one symbol and timeframe.

A file of this folder holds ``@pattern`` over kernels

    found(v) -> int

v       float64[VIEW]: the last candles with their averages, newest first; read with ``kernels/geometry.py``, never changed
answer  strength in tenths, its sign is the side: 10 bullish, -10 bearish, 8 or -8 where ends of bodies lie level, 20 or -20 where
        an earlier one is confirmed, 0 not there. TA-Lib's number is ten times ours

The first candle that is judged is number ``warmup`` (from 0); kernels hand the same number to whatever averages they look at.
Answers, ties included, are those of TA-Lib's CDL functions (default settings) over the history since candle 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pipeline.core.registry import PATTERNS
from pipeline.kernels.geometry import LONG, SHORT

AVERAGE = LONG
"""Candles that "long", "short" and "doji" are measured against."""
NEAR = SHORT
"""Candles that "near", "far" and "equal" are measured against."""

F = TypeVar("F", bound=Callable[..., Any])


class Lean(StrEnum):
    """What a pattern speaks for."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"
    """For nothing; a sign tells the colour of the candle at most."""
    EITHER = "either"
    """For the side that its sign tells."""


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """A registered pattern."""

    name: str
    candles: int
    lean: Lean
    warmup: int
    """Candles before the first one that can be judged."""
    found: Callable[[Any], int]
    mirror: str
    """The pattern that this one becomes when prices are turned upside down; empty when there is none here."""
    oracle: str
    """TA-Lib's function without ``CDL``; empty for a pattern of our own."""

    def side(self, strength: int) -> str:
        """Name the side that an answer speaks for."""
        if self.lean is not Lean.EITHER:
            return str(self.lean)
        return str(Lean.BULLISH if strength > 0 else Lean.BEARISH)


def pattern(name: str, *, candles: int, lean: Lean, warmup: int, mirror: str = "", oracle: str = "") -> Callable[[F], F]:
    """Register the kernel below it."""

    def register(found: F) -> F:
        PATTERNS.add(name, PatternSpec(name, candles, lean, warmup, found, mirror, oracle))
        return found

    return register
