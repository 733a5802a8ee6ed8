"""Three black crows, identical crows, three white soldiers: three bodies in a row, each opening inside the one before."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import (
    body_k,
    close_k,
    color_k,
    equal_k,
    far_k,
    high_k,
    is_long_k,
    lower_k,
    near_k,
    open_k,
    upper_k,
    very_short_k,
)
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 2
FIRST_CROW = AVERAGE + 3


@kernel
def opens_level_k(v: Any, k: int) -> bool:
    """Candle k opens where the one before closed."""
    equal = equal_k(v, k + 1, FIRST)
    return close_k(v, k + 1) - equal <= open_k(v, k) <= close_k(v, k + 1) + equal


@pattern("three_black_crows", candles=4, lean=Lean.BEARISH, warmup=FIRST_CROW, oracle="3BLACKCROWS")
@kernel
def crows(v: Any) -> int:
    """Three falling black candles with next to no lower shadow after a white one."""
    for k in range(3):
        if color_k(v, k) != -1 or not lower_k(v, k) < very_short_k(v, k, FIRST_CROW):
            return 0
    if color_k(v, 3) != 1 or not high_k(v, 3) > close_k(v, 2):
        return 0
    for k in range(2):
        if not open_k(v, k + 1) > open_k(v, k) > close_k(v, k + 1) or not close_k(v, k + 1) > close_k(v, k):
            return 0
    return -10


@pattern("identical_three_crows", candles=3, lean=Lean.BEARISH, warmup=FIRST, oracle="IDENTICAL3CROWS")
@kernel
def identical(v: Any) -> int:
    """Three falling black candles with next to no lower shadow, each opening where the one before closed."""
    for k in range(3):
        if color_k(v, k) != -1 or not lower_k(v, k) < very_short_k(v, k, FIRST):
            return 0
    is_falling = close_k(v, 2) > close_k(v, 1) > close_k(v, 0)
    return -10 if is_falling and opens_level_k(v, 1) and opens_level_k(v, 0) else 0


@pattern("three_white_soldiers", candles=3, lean=Lean.BULLISH, warmup=FIRST, oracle="3WHITESOLDIERS")
@kernel
def soldiers(v: Any) -> int:
    """Three rising white candles with next to no upper shadow, each opening near the body before, none much smaller."""
    for k in range(3):
        if color_k(v, k) != 1 or not upper_k(v, k) < very_short_k(v, k, FIRST):
            return 0
    for k in range(2):
        if not close_k(v, k) > close_k(v, k + 1) or not open_k(v, k) > open_k(v, k + 1):
            return 0
        if not open_k(v, k) <= close_k(v, k + 1) + near_k(v, k + 1, FIRST):
            return 0
        if not body_k(v, k) > body_k(v, k + 1) - far_k(v, k + 1, FIRST):
            return 0
    return 10 if is_long_k(v, 0, FIRST) else 0
