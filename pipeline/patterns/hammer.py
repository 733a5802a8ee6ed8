"""Hammer, hanging man, inverted hammer, shooting star: a small body at one end of a long shadow."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import (
    body_k,
    bottom_k,
    high_k,
    is_gap_down_k,
    is_gap_up_k,
    is_short_k,
    low_k,
    lower_k,
    near_k,
    upper_k,
    very_short_k,
)
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 1


@kernel
def stands_on_tail_k(v: Any) -> bool:
    """Short body, lower shadow longer than the body, next to no upper shadow."""
    return is_short_k(v, 0, FIRST) and lower_k(v, 0) > body_k(v, 0) and upper_k(v, 0) < very_short_k(v, 0, FIRST)


@kernel
def hangs_on_wick_k(v: Any) -> bool:
    """Short body, upper shadow longer than the body, next to no lower shadow."""
    return is_short_k(v, 0, FIRST) and upper_k(v, 0) > body_k(v, 0) and lower_k(v, 0) < very_short_k(v, 0, FIRST)


@pattern("hammer", candles=2, lean=Lean.BULLISH, warmup=FIRST, oracle="HAMMER")
@kernel
def hammer(v: Any) -> int:
    """On its tail, at or below the low of the candle before."""
    return 10 if stands_on_tail_k(v) and bottom_k(v, 0) <= low_k(v, 1) + near_k(v, 1, FIRST) else 0


@pattern("hanging_man", candles=2, lean=Lean.BEARISH, warmup=FIRST, oracle="HANGINGMAN")
@kernel
def hanging_man(v: Any) -> int:
    """On its tail, at or above the high of the candle before."""
    return -10 if stands_on_tail_k(v) and bottom_k(v, 0) >= high_k(v, 1) - near_k(v, 1, FIRST) else 0


@pattern("inverted_hammer", candles=2, lean=Lean.BULLISH, warmup=FIRST, oracle="INVERTEDHAMMER")
@kernel
def inverted_hammer(v: Any) -> int:
    """Under its wick, body wholly below the body before."""
    return 10 if hangs_on_wick_k(v) and is_gap_down_k(v, 0, 1) else 0


@pattern("shooting_star", candles=2, lean=Lean.BEARISH, warmup=FIRST, oracle="SHOOTINGSTAR")
@kernel
def shooting_star(v: Any) -> int:
    """Under its wick, body wholly above the body before."""
    return -10 if hangs_on_wick_k(v) and is_gap_up_k(v, 0, 1) else 0
