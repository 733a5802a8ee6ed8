"""Breakaway and ladder bottom: a run that stretches too far, and the turn."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import close_k, color_k, high_k, is_gap_down_k, is_gap_up_k, is_long_k, low_k, open_k, upper_k, very_short_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 4


@pattern("breakaway", candles=5, lean=Lean.EITHER, warmup=FIRST, mirror="breakaway", oracle="BREAKAWAY")
@kernel
def breakaway(v: Any) -> int:
    """A long body, a gap on, two further on, then a candle of the other colour that closes inside the gap."""
    side = color_k(v, 0)
    if color_k(v, 4) == side or color_k(v, 3) == side or color_k(v, 1) == side or not is_long_k(v, 4, FIRST):
        return 0
    for k in range(1, 3):
        if not side * high_k(v, k) < side * high_k(v, k + 1) or not side * low_k(v, k) < side * low_k(v, k + 1):
            return 0
    if not (is_gap_down_k(v, 3, 4) if side == 1 else is_gap_up_k(v, 3, 4)):
        return 0
    return 10 * side if side * open_k(v, 3) < side * close_k(v, 0) < side * close_k(v, 4) else 0


@pattern("ladder_bottom", candles=5, lean=Lean.BULLISH, warmup=FIRST, oracle="LADDERBOTTOM")
@kernel
def ladder(v: Any) -> int:
    """Three falling black candles, a fourth with an upper shadow, then a white one that opens above its body and closes above its high."""
    for k in range(1, 5):
        if color_k(v, k) != -1:
            return 0
    is_falling = open_k(v, 4) > open_k(v, 3) > open_k(v, 2) and close_k(v, 4) > close_k(v, 3) > close_k(v, 2)
    if not is_falling or not upper_k(v, 1) > very_short_k(v, 1, FIRST):
        return 0
    return 10 if color_k(v, 0) == 1 and open_k(v, 0) > open_k(v, 1) and close_k(v, 0) > high_k(v, 1) else 0
