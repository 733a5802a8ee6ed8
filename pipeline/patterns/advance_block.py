"""Advance block and stalled pattern: three white candles that lose their strength."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import body_k, close_k, color_k, far_k, is_long_k, is_short_k, near_k, open_k, short_k, upper_k, very_short_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 2


@kernel
def advances_k(v: Any) -> bool:
    """Three white candles, each closing above the one before."""
    is_white = color_k(v, 2) == 1 and color_k(v, 1) == 1 and color_k(v, 0) == 1
    return is_white and close_k(v, 0) > close_k(v, 1) > close_k(v, 2)


@kernel
def opens_in_k(v: Any, k: int) -> bool:
    """Candle k opens above the open before, within or near that body."""
    return open_k(v, k + 1) < open_k(v, k) <= close_k(v, k + 1) + near_k(v, k + 1, FIRST)


@kernel
def is_blocked_k(v: Any) -> bool:
    """Bodies that shrink much, or shrink and grow upper shadows."""
    first, second, third = body_k(v, 2), body_k(v, 1), body_k(v, 0)
    if second < first - far_k(v, 2, FIRST) and third < second + near_k(v, 1, FIRST):
        return True
    if third < second - far_k(v, 1, FIRST):
        return True
    has_shadow = upper_k(v, 0) > short_k(v, 0, FIRST) or upper_k(v, 1) > short_k(v, 1, FIRST)
    return third < second and ((second < first and has_shadow) or upper_k(v, 0) > third)


@pattern("advance_block", candles=3, lean=Lean.BEARISH, warmup=FIRST, oracle="ADVANCEBLOCK")
@kernel
def advance_block(v: Any) -> int:
    """The first long with a short upper shadow, each opening in the body before, and a block."""
    if not advances_k(v) or not is_long_k(v, 2, FIRST) or not upper_k(v, 2) < short_k(v, 2, FIRST):
        return 0
    return -10 if opens_in_k(v, 1) and opens_in_k(v, 0) and is_blocked_k(v) else 0


@pattern("stalled_pattern", candles=3, lean=Lean.BEARISH, warmup=FIRST, oracle="STALLEDPATTERN")
@kernel
def stalled(v: Any) -> int:
    """Two long ones, the second with next to no upper shadow, then a short one that rides on its shoulder."""
    if not advances_k(v) or not is_long_k(v, 2, FIRST) or not is_long_k(v, 1, FIRST) or not is_short_k(v, 0, FIRST):
        return 0
    is_full = upper_k(v, 1) < very_short_k(v, 1, FIRST) and opens_in_k(v, 1)
    return -10 if is_full and open_k(v, 0) >= close_k(v, 1) - body_k(v, 0) - near_k(v, 1, FIRST) else 0
