"""Three inside, three outside, three line strike: a turn that a third or fourth candle confirms or takes back."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import bottom_k, close_k, color_k, is_long_k, near_k, open_k, top_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, NEAR, Lean, pattern

FIRST = AVERAGE + 2
FIRST_OUTSIDE = 3
FIRST_STRIKE = NEAR + 3


@pattern("three_inside", candles=3, lean=Lean.EITHER, warmup=FIRST, mirror="three_inside", oracle="3INSIDE")
@kernel
def inside(v: Any) -> int:
    """Long body, one that is not long inside it, then a close of the other colour beyond the first open."""
    side = -color_k(v, 2)
    if color_k(v, 0) != side or not is_long_k(v, 2, FIRST) or is_long_k(v, 1, FIRST):
        return 0
    if not (top_k(v, 1) < top_k(v, 2) and bottom_k(v, 1) > bottom_k(v, 2)):
        return 0
    return 10 * side if side * close_k(v, 0) > side * open_k(v, 2) else 0


@pattern("three_outside", candles=3, lean=Lean.EITHER, warmup=FIRST_OUTSIDE, mirror="three_outside", oracle="3OUTSIDE")
@kernel
def outside(v: Any) -> int:
    """A body that covers the one before, of the other colour, then a close further on."""
    side = color_k(v, 1)
    covers = side * close_k(v, 1) > side * open_k(v, 2) and side * open_k(v, 1) < side * close_k(v, 2)
    return 10 * side if color_k(v, 2) != side and covers and side * close_k(v, 0) > side * close_k(v, 1) else 0


@kernel
def opens_about_k(v: Any, k: int) -> bool:
    """Candle k opens within or near the body before."""
    near = near_k(v, k + 1, FIRST_STRIKE)
    return bottom_k(v, k + 1) - near <= open_k(v, k) <= top_k(v, k + 1) + near


@pattern("three_line_strike", candles=4, lean=Lean.EITHER, warmup=FIRST_STRIKE, mirror="three_line_strike", oracle="3LINESTRIKE")
@kernel
def strike(v: Any) -> int:
    """Three candles of one colour, each closing further on, then one of the other from beyond them to behind the first open."""
    side = color_k(v, 1)
    if color_k(v, 3) != side or color_k(v, 2) != side or color_k(v, 0) == side or not opens_about_k(v, 2) or not opens_about_k(v, 1):
        return 0
    is_on = side * close_k(v, 1) > side * close_k(v, 2) > side * close_k(v, 3)
    is_back = side * open_k(v, 0) > side * close_k(v, 1) and side * close_k(v, 0) < side * open_k(v, 3)
    return 10 * side if is_on and is_back else 0
