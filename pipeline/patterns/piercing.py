"""Piercing line and dark cloud cover: a gap onwards, and back past the middle of the long body before."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import body_k, close_k, color_k, high_k, is_long_k, low_k, open_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 1


@pattern("piercing", candles=2, lean=Lean.BULLISH, warmup=FIRST, oracle="PIERCING")
@kernel
def piercing(v: Any) -> int:
    """Long black, then a long white that opens below its low and closes in the upper half of its body."""
    if color_k(v, 1) != -1 or color_k(v, 0) != 1 or not is_long_k(v, 1, FIRST) or not is_long_k(v, 0, FIRST):
        return 0
    return 10 if open_k(v, 0) < low_k(v, 1) and close_k(v, 1) + body_k(v, 1) * 0.5 < close_k(v, 0) < open_k(v, 1) else 0


@pattern("dark_cloud_cover", candles=2, lean=Lean.BEARISH, warmup=FIRST, oracle="DARKCLOUDCOVER")
@kernel
def dark_cloud(v: Any) -> int:
    """Long white, then a black, of any length, that opens above its high and closes in the lower half of its body."""
    if color_k(v, 1) != 1 or color_k(v, 0) != -1 or not is_long_k(v, 1, FIRST):
        return 0
    return -10 if open_k(v, 0) > high_k(v, 1) and open_k(v, 1) < close_k(v, 0) < close_k(v, 1) - body_k(v, 1) * 0.5 else 0
