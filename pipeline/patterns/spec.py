"""What a candlestick pattern is: one compiled step over the ring of candles of each symbol and timeframe.

A file of this folder holds ``@pattern`` over kernels

    step(rings, counts, states, slots, out)

rings   float64[slots, 16, 4]  open, high, low, close of the last 16 candles; see ``kernels/geometry.py``
counts  int64[slots]           number of the candle that just closed, from 0
states  float64[slots, size]   running totals, zeros at first, changed in place
slots   int64[n]               where a candle closed; no slot twice in one call
out     int8[n]                +1 bullish, -1 bearish, 0 not there

Answers, ties included, are those of TA-Lib's CDL functions (default settings) over the history since candle 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pipeline.core.registry import PATTERNS

AVERAGE = 10
"""Candles that "long", "short" and "doji" are measured against."""
NEAR = 5
"""Candles that "near" and "far" are measured against."""

F = TypeVar("F", bound=Callable[..., Any])


class Lean(StrEnum):
    """What a pattern speaks for."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class PatternSpec:
    """A registered pattern."""

    name: str
    candles: int
    lean: Lean
    warmup: int
    """Candles before the first one that can be judged."""
    size: int
    step: Callable[..., None]
    mirror: str
    """The pattern that this one becomes when prices are turned upside down; empty when there is none here."""


def pattern(name: str, *, candles: int, lean: Lean, warmup: int, size: int = 1, mirror: str = "") -> Callable[[F], F]:
    """Register the kernel below it."""

    def register(step: F) -> F:
        PATTERNS.add(name, PatternSpec(name, candles, lean, warmup, size, step, mirror))
        return step

    return register
