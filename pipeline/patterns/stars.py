"""Stars: a long body, a small one beyond a gap, and the way back."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import (
    body_k,
    bottom_k,
    close_k,
    color_k,
    high_k,
    is_doji_k,
    is_gap_down_k,
    is_gap_up_k,
    is_long_k,
    low_k,
    top_k,
    very_short_k,
)
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 2
FIRST_DOJI_STAR = AVERAGE + 1
PENETRATION = 0.3
"""How far the third candle must come back into the first body."""


@kernel
def comes_back_k(v: Any, side: int) -> bool:
    """Long body against ``side``, then two candles on, a body of ``side`` that is not short and ends well inside the first."""
    if color_k(v, 2) != -side or color_k(v, 0) != side or not is_long_k(v, 2, FIRST) or not is_long_k(v, 0, FIRST):
        return False
    depth = body_k(v, 2) * PENETRATION
    return close_k(v, 0) > close_k(v, 2) + depth if side == 1 else close_k(v, 0) < close_k(v, 2) - depth


@pattern("morning_star", candles=3, lean=Lean.BULLISH, warmup=FIRST, mirror="evening_star", oracle="MORNINGSTAR")
@kernel
def morning(v: Any) -> int:
    """Long black, small below a gap, white back into the first body."""
    return 10 if not is_long_k(v, 1, FIRST) and is_gap_down_k(v, 1, 2) and comes_back_k(v, 1) else 0


@pattern("evening_star", candles=3, lean=Lean.BEARISH, warmup=FIRST, mirror="morning_star", oracle="EVENINGSTAR")
@kernel
def evening(v: Any) -> int:
    """Long white, small above a gap, black back into the first body."""
    return -10 if not is_long_k(v, 1, FIRST) and is_gap_up_k(v, 1, 2) and comes_back_k(v, -1) else 0


@pattern("morning_doji_star", candles=3, lean=Lean.BULLISH, warmup=FIRST, mirror="evening_doji_star", oracle="MORNINGDOJISTAR")
@kernel
def morning_doji(v: Any) -> int:
    """Long black, doji below a gap, white back into the first body."""
    return 10 if is_doji_k(v, 1, FIRST) and is_gap_down_k(v, 1, 2) and comes_back_k(v, 1) else 0


@pattern("evening_doji_star", candles=3, lean=Lean.BEARISH, warmup=FIRST, mirror="morning_doji_star", oracle="EVENINGDOJISTAR")
@kernel
def evening_doji(v: Any) -> int:
    """Long white, doji above a gap, black back into the first body."""
    return -10 if is_doji_k(v, 1, FIRST) and is_gap_up_k(v, 1, 2) and comes_back_k(v, -1) else 0


@pattern("abandoned_baby", candles=3, lean=Lean.EITHER, warmup=FIRST, mirror="abandoned_baby", oracle="ABANDONEDBABY")
@kernel
def abandoned(v: Any) -> int:
    """A doji star whose shadows touch neither neighbour's."""
    if not is_doji_k(v, 1, FIRST):
        return 0
    if high_k(v, 1) < low_k(v, 2) and low_k(v, 0) > high_k(v, 1) and comes_back_k(v, 1):
        return 10
    return -10 if low_k(v, 1) > high_k(v, 2) and high_k(v, 0) < low_k(v, 1) and comes_back_k(v, -1) else 0


@pattern("doji_star", candles=2, lean=Lean.EITHER, warmup=FIRST_DOJI_STAR, mirror="doji_star", oracle="DOJISTAR")
@kernel
def doji_star(v: Any) -> int:
    """Long body, then a doji beyond a gap in its direction."""
    if not is_long_k(v, 1, FIRST_DOJI_STAR) or not is_doji_k(v, 0, FIRST_DOJI_STAR):
        return 0
    if color_k(v, 1) == 1:
        return -10 if is_gap_up_k(v, 0, 1) else 0
    return 10 if is_gap_down_k(v, 0, 1) else 0


@pattern("tristar", candles=3, lean=Lean.EITHER, warmup=FIRST, mirror="tristar", oracle="TRISTAR")
@kernel
def tristar(v: Any) -> int:
    """Three doji, the middle one beyond a gap. All three are measured against the ten ranges before the first."""
    small = very_short_k(v, 2, FIRST)
    if body_k(v, 2) > small or body_k(v, 1) > small or body_k(v, 0) > small:
        return 0
    if is_gap_up_k(v, 1, 2) and top_k(v, 0) < top_k(v, 1):
        return -10
    return 10 if is_gap_down_k(v, 1, 2) and bottom_k(v, 0) > bottom_k(v, 1) else 0
