"""Rising and falling three methods, mat hold: a long candle, three small ones that rest, and on."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import body_k, bottom_k, close_k, color_k, high_k, is_gap_up_k, is_long_k, is_short_k, low_k, open_k, top_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 4
PENETRATION = 0.5
"""How far the small candles of a mat hold may sink into the first body."""


@kernel
def rests_k(v: Any) -> bool:
    """A long body four candles back, three short ones after it."""
    return is_long_k(v, 4, FIRST) and is_short_k(v, 3, FIRST) and is_short_k(v, 2, FIRST) and is_short_k(v, 1, FIRST)


@pattern(
    "rising_falling_three_methods",
    candles=5,
    lean=Lean.EITHER,
    warmup=FIRST,
    mirror="rising_falling_three_methods",
    oracle="RISEFALL3METHODS",
)
@kernel
def three_methods(v: Any) -> int:
    """Three small candles run against a long one within its range, and a long one goes on beyond it."""
    side = color_k(v, 4)
    if not rests_k(v) or not is_long_k(v, 0, FIRST) or color_k(v, 0) != side:
        return 0
    for k in range(1, 4):
        if color_k(v, k) == side or not bottom_k(v, k) < high_k(v, 4) or not top_k(v, k) > low_k(v, 4):
            return 0
    runs_back = side * close_k(v, 1) < side * close_k(v, 2) < side * close_k(v, 3)
    is_on = side * open_k(v, 0) > side * close_k(v, 1) and side * close_k(v, 0) > side * close_k(v, 4)
    return 10 * side if runs_back and is_on else 0


@pattern("mat_hold", candles=5, lean=Lean.BULLISH, warmup=FIRST, oracle="MATHOLD")
@kernel
def mat_hold(v: Any) -> int:
    """Long white, a small black above a gap, two small ones that sink into the first body, and a white one above them all."""
    if color_k(v, 4) != 1 or color_k(v, 3) != -1 or color_k(v, 0) != 1 or not rests_k(v) or not is_gap_up_k(v, 3, 4):
        return 0
    deepest = close_k(v, 4) - body_k(v, 4) * PENETRATION
    for k in range(1, 3):
        if not deepest < bottom_k(v, k) < close_k(v, 4):
            return 0
    sinks = top_k(v, 2) < open_k(v, 3) and top_k(v, 1) < top_k(v, 2)
    return 10 if sinks and open_k(v, 0) > close_k(v, 1) and close_k(v, 0) > max(high_k(v, 3), high_k(v, 2), high_k(v, 1)) else 0
