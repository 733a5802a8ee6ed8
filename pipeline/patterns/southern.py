"""Three stars in the south, and concealing baby swallow: black candles that shrink into each other."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import (
    body_k,
    close_k,
    color_k,
    high_k,
    is_gap_down_k,
    is_long_k,
    is_short_k,
    low_k,
    lower_k,
    open_k,
    upper_k,
    very_short_k,
)
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST_STAR = AVERAGE + 2
FIRST_SWALLOW = AVERAGE + 3


@pattern("three_stars_in_south", candles=3, lean=Lean.BULLISH, warmup=FIRST_STAR, oracle="3STARSINSOUTH")
@kernel
def stars(v: Any) -> int:
    """Long black with a long lower shadow, a smaller one with a higher low, then a short bare one inside its range."""
    if color_k(v, 2) != -1 or color_k(v, 1) != -1 or color_k(v, 0) != -1:
        return 0
    if not is_long_k(v, 2, FIRST_STAR) or not lower_k(v, 2) > body_k(v, 2) or not body_k(v, 1) < body_k(v, 2):
        return 0
    is_in_range = close_k(v, 2) < open_k(v, 1) <= high_k(v, 2) and low_k(v, 2) <= low_k(v, 1) < close_k(v, 2)
    if not is_in_range or not lower_k(v, 1) > very_short_k(v, 1, FIRST_STAR):
        return 0
    short = very_short_k(v, 0, FIRST_STAR)
    is_bare = is_short_k(v, 0, FIRST_STAR) and lower_k(v, 0) < short and upper_k(v, 0) < short
    return 10 if is_bare and low_k(v, 0) > low_k(v, 1) and high_k(v, 0) < high_k(v, 1) else 0


@pattern("concealing_baby_swallow", candles=4, lean=Lean.BULLISH, warmup=FIRST_SWALLOW, oracle="CONCEALBABYSWALL")
@kernel
def swallow(v: Any) -> int:
    """Two bare black candles, a black one below a gap that reaches back into them, and a black one over its whole range."""
    for k in range(4):
        if color_k(v, k) != -1:
            return 0
    for k in range(2, 4):
        short = very_short_k(v, k, FIRST_SWALLOW)
        if not lower_k(v, k) < short or not upper_k(v, k) < short:
            return 0
    if not is_gap_down_k(v, 1, 2) or not upper_k(v, 1) > very_short_k(v, 1, FIRST_SWALLOW) or not high_k(v, 1) > close_k(v, 2):
        return 0
    return 10 if high_k(v, 0) > high_k(v, 1) and low_k(v, 0) < low_k(v, 1) else 0
