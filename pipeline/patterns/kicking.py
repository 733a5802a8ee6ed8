"""Kicking: two marubozu of opposite colour with a gap between them."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import body_k, color_k, high_k, is_long_k, low_k, lower_k, upper_k, very_short_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 1


@kernel
def is_bare_k(v: Any, k: int) -> bool:
    """Long body, next to no shadows."""
    short = very_short_k(v, k, FIRST)
    return is_long_k(v, k, FIRST) and upper_k(v, k) < short and lower_k(v, k) < short


@kernel
def kicks_k(v: Any) -> bool:
    if color_k(v, 1) == color_k(v, 0) or not is_bare_k(v, 1) or not is_bare_k(v, 0):
        return False
    return low_k(v, 0) > high_k(v, 1) if color_k(v, 0) == 1 else high_k(v, 0) < low_k(v, 1)


@pattern("kicking", candles=2, lean=Lean.EITHER, warmup=FIRST, mirror="kicking", oracle="KICKING")
@kernel
def kicking(v: Any) -> int:
    """The second candle has the side."""
    return 10 * color_k(v, 0) if kicks_k(v) else 0


@pattern("kicking_by_length", candles=2, lean=Lean.EITHER, warmup=FIRST, mirror="kicking_by_length", oracle="KICKINGBYLENGTH")
@kernel
def by_length(v: Any) -> int:
    """The longer candle has the side."""
    return 10 * color_k(v, 0 if body_k(v, 0) > body_k(v, 1) else 1) if kicks_k(v) else 0
