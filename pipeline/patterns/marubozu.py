"""Marubozu, closing marubozu, belt hold: a long body with next to no shadow at both ends, where it closed, where it opened."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import color_k, is_long_k, lower_k, upper_k, very_short_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE


@pattern("marubozu", candles=1, lean=Lean.EITHER, warmup=FIRST, mirror="marubozu", oracle="MARUBOZU")
@kernel
def marubozu(v: Any) -> int:
    """Long body, next to no shadows."""
    short = very_short_k(v, 0, FIRST)
    return 10 * color_k(v, 0) if is_long_k(v, 0, FIRST) and upper_k(v, 0) < short and lower_k(v, 0) < short else 0


@pattern("closing_marubozu", candles=1, lean=Lean.EITHER, warmup=FIRST, mirror="closing_marubozu", oracle="CLOSINGMARUBOZU")
@kernel
def closing(v: Any) -> int:
    """Long body that closed next to its extreme."""
    side = color_k(v, 0)
    shadow = upper_k(v, 0) if side == 1 else lower_k(v, 0)
    return 10 * side if is_long_k(v, 0, FIRST) and shadow < very_short_k(v, 0, FIRST) else 0


@pattern("belt_hold", candles=1, lean=Lean.EITHER, warmup=FIRST, mirror="belt_hold", oracle="BELTHOLD")
@kernel
def belt_hold(v: Any) -> int:
    """Long body that opened next to its extreme."""
    side = color_k(v, 0)
    shadow = lower_k(v, 0) if side == 1 else upper_k(v, 0)
    return 10 * side if is_long_k(v, 0, FIRST) and shadow < very_short_k(v, 0, FIRST) else 0
