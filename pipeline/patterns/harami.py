"""Harami and harami cross: a small body inside the long body before."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import bottom_k, color_k, is_doji_k, is_long_k, top_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 1


@kernel
def inside_k(v: Any) -> int:
    """Strength of a body within the body before, against that one's colour; level ends weaken it."""
    if top_k(v, 0) < top_k(v, 1) and bottom_k(v, 0) > bottom_k(v, 1):
        return -10 * color_k(v, 1)
    if top_k(v, 0) <= top_k(v, 1) and bottom_k(v, 0) >= bottom_k(v, 1):
        return -8 * color_k(v, 1)
    return 0


@pattern("harami", candles=2, lean=Lean.EITHER, warmup=FIRST, mirror="harami", oracle="HARAMI")
@kernel
def harami(v: Any) -> int:
    """Long body, then one inside it that is not long."""
    return inside_k(v) if is_long_k(v, 1, FIRST) and not is_long_k(v, 0, FIRST) else 0


@pattern("harami_cross", candles=2, lean=Lean.EITHER, warmup=FIRST, mirror="harami_cross", oracle="HARAMICROSS")
@kernel
def cross(v: Any) -> int:
    """Long body, then a doji inside it."""
    return inside_k(v) if is_long_k(v, 1, FIRST) and is_doji_k(v, 0, FIRST) else 0
