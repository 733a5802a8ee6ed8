"""Gaps that hold: tasuki gap, side by side white lines, gap three methods."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import body_k, bottom_k, close_k, color_k, equal_k, is_gap_down_k, is_gap_up_k, near_k, open_k, top_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import NEAR, Lean, pattern

FIRST = NEAR + 2
FIRST_METHOD = 2


@pattern("tasuki_gap", candles=3, lean=Lean.EITHER, warmup=FIRST, mirror="tasuki_gap", oracle="TASUKIGAP")
@kernel
def tasuki(v: Any) -> int:
    """A gap, a candle in its direction, then one of about the same size that opens in it and closes inside the gap."""
    side = color_k(v, 1)
    if color_k(v, 0) == side or not abs(body_k(v, 1) - body_k(v, 0)) < near_k(v, 1, FIRST):
        return 0
    start, end = open_k(v, 0), close_k(v, 0)
    if side == 1:
        found = is_gap_up_k(v, 1, 2) and open_k(v, 1) < start < close_k(v, 1) and top_k(v, 2) < end < open_k(v, 1)
    else:
        found = is_gap_down_k(v, 1, 2) and close_k(v, 1) < start < open_k(v, 1) and open_k(v, 1) < end < bottom_k(v, 2)
    return 10 * side if found else 0


@pattern("gap_side_by_side_white", candles=3, lean=Lean.EITHER, warmup=FIRST, oracle="GAPSIDESIDEWHITE")
@kernel
def side_by_side(v: Any) -> int:
    """Two white candles of about one size from one open, both beyond a gap; the gap has the side."""
    if color_k(v, 1) != 1 or color_k(v, 0) != 1:
        return 0
    is_up = is_gap_up_k(v, 1, 2) and is_gap_up_k(v, 0, 2)
    if not is_up and not (is_gap_down_k(v, 1, 2) and is_gap_down_k(v, 0, 2)):
        return 0
    near, equal = near_k(v, 1, FIRST), equal_k(v, 1, FIRST)
    is_alike = body_k(v, 1) - near <= body_k(v, 0) <= body_k(v, 1) + near
    is_level = open_k(v, 1) - equal <= open_k(v, 0) <= open_k(v, 1) + equal
    return (10 if is_up else -10) if is_alike and is_level else 0


@pattern("gap_three_methods", candles=3, lean=Lean.EITHER, warmup=FIRST_METHOD, mirror="gap_three_methods", oracle="XSIDEGAP3METHODS")
@kernel
def three_methods(v: Any) -> int:
    """Two candles of one colour with a gap between them, then one of the other that opens in the second and closes in the first."""
    side = color_k(v, 2)
    if color_k(v, 1) != side or color_k(v, 0) == side:
        return 0
    if not bottom_k(v, 1) < open_k(v, 0) < top_k(v, 1) or not bottom_k(v, 2) < close_k(v, 0) < top_k(v, 2):
        return 0
    return 10 * side if (is_gap_up_k(v, 1, 2) if side == 1 else is_gap_down_k(v, 1, 2)) else 0
