"""On neck, in neck, thrusting: a white candle from below the low of a long black one that gets no further than a part of its body."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import body_k, close_k, color_k, equal_k, is_long_k, low_k, open_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 1


@kernel
def comes_from_below_k(v: Any) -> bool:
    """Long black, then a white that opens below its low."""
    return color_k(v, 1) == -1 and is_long_k(v, 1, FIRST) and color_k(v, 0) == 1 and open_k(v, 0) < low_k(v, 1)


@pattern("on_neck", candles=2, lean=Lean.BEARISH, warmup=FIRST, oracle="ONNECK")
@kernel
def on_neck(v: Any) -> int:
    """It closes at the low before."""
    low, equal = low_k(v, 1), equal_k(v, 1, FIRST)
    return -10 if comes_from_below_k(v) and low - equal <= close_k(v, 0) <= low + equal else 0


@pattern("in_neck", candles=2, lean=Lean.BEARISH, warmup=FIRST, oracle="INNECK")
@kernel
def in_neck(v: Any) -> int:
    """It closes at the close before or next to nothing above."""
    close = close_k(v, 1)
    return -10 if comes_from_below_k(v) and close <= close_k(v, 0) <= close + equal_k(v, 1, FIRST) else 0


@pattern("thrusting", candles=2, lean=Lean.BEARISH, warmup=FIRST, oracle="THRUSTING")
@kernel
def thrusting(v: Any) -> int:
    """It closes in the lower half of the body before."""
    close = close_k(v, 1)
    is_inside = close + equal_k(v, 1, FIRST) < close_k(v, 0) <= close + body_k(v, 1) * 0.5
    return -10 if comes_from_below_k(v) and is_inside else 0
