"""Counterattack and separating lines: opposite colours that meet at the close, or part from one open."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import close_k, color_k, equal_k, is_long_k, lower_k, open_k, upper_k, very_short_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 1


@pattern("counterattack", candles=2, lean=Lean.EITHER, warmup=FIRST, mirror="counterattack", oracle="COUNTERATTACK")
@kernel
def counterattack(v: Any) -> int:
    """Two long bodies of opposite colour that close alike."""
    if color_k(v, 1) == color_k(v, 0) or not is_long_k(v, 1, FIRST) or not is_long_k(v, 0, FIRST):
        return 0
    close, equal = close_k(v, 1), equal_k(v, 1, FIRST)
    return 10 * color_k(v, 0) if close - equal <= close_k(v, 0) <= close + equal else 0


@pattern("separating_lines", candles=2, lean=Lean.EITHER, warmup=FIRST, mirror="separating_lines", oracle="SEPARATINGLINES")
@kernel
def separating(v: Any) -> int:
    """A candle, then a long one of the other colour from the same open, next to no shadow behind it."""
    side = color_k(v, 0)
    if color_k(v, 1) == side or not is_long_k(v, 0, FIRST):
        return 0
    shadow = lower_k(v, 0) if side == 1 else upper_k(v, 0)
    start, equal = open_k(v, 1), equal_k(v, 1, FIRST)
    return 10 * side if start - equal <= open_k(v, 0) <= start + equal and shadow < very_short_k(v, 0, FIRST) else 0
