"""Matching low, stick sandwich, homing pigeon, unique three river: black candles whose lows hold."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import close_k, color_k, equal_k, is_long_k, is_short_k, low_k, open_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, NEAR, Lean, pattern

FIRST_MATCH = NEAR + 1
FIRST_SANDWICH = NEAR + 2
FIRST_PIGEON = AVERAGE + 1
FIRST_RIVER = AVERAGE + 2


@pattern("matching_low", candles=2, lean=Lean.BULLISH, warmup=FIRST_MATCH, oracle="MATCHINGLOW")
@kernel
def matching_low(v: Any) -> int:
    """Two black candles that close alike."""
    close, equal = close_k(v, 1), equal_k(v, 1, FIRST_MATCH)
    return 10 if color_k(v, 1) == -1 and color_k(v, 0) == -1 and close - equal <= close_k(v, 0) <= close + equal else 0


@pattern("stick_sandwich", candles=3, lean=Lean.BULLISH, warmup=FIRST_SANDWICH, oracle="STICKSANDWICH")
@kernel
def sandwich(v: Any) -> int:
    """Two black candles that close alike, between them a white one wholly above that close."""
    if color_k(v, 2) != -1 or color_k(v, 1) != 1 or color_k(v, 0) != -1 or not low_k(v, 1) > close_k(v, 2):
        return 0
    close, equal = close_k(v, 2), equal_k(v, 2, FIRST_SANDWICH)
    return 10 if close - equal <= close_k(v, 0) <= close + equal else 0


@pattern("homing_pigeon", candles=2, lean=Lean.BULLISH, warmup=FIRST_PIGEON, oracle="HOMINGPIGEON")
@kernel
def pigeon(v: Any) -> int:
    """Long black, then a black inside it that is not long."""
    if color_k(v, 1) != -1 or color_k(v, 0) != -1 or not is_long_k(v, 1, FIRST_PIGEON) or is_long_k(v, 0, FIRST_PIGEON):
        return 0
    return 10 if open_k(v, 0) < open_k(v, 1) and close_k(v, 0) > close_k(v, 1) else 0


@pattern("unique_three_river", candles=3, lean=Lean.BULLISH, warmup=FIRST_RIVER, oracle="UNIQUE3RIVER")
@kernel
def river(v: Any) -> int:
    """Long black, a black in its body with a lower low, then a short white that opens above that low."""
    if color_k(v, 2) != -1 or color_k(v, 1) != -1 or color_k(v, 0) != 1 or not is_long_k(v, 2, FIRST_RIVER):
        return 0
    is_lower = close_k(v, 1) > close_k(v, 2) and open_k(v, 1) <= open_k(v, 2) and low_k(v, 1) < low_k(v, 2)
    return 10 if is_lower and is_short_k(v, 0, FIRST_RIVER) and open_k(v, 0) > low_k(v, 1) else 0
