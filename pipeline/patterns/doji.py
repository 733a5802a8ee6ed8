"""Doji and its relatives: open and close nearly the same, told apart by their shadows."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import body_k, bottom_k, high_k, is_doji_k, low_k, lower_k, near_k, top_k, upper_k, very_short_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE


@pattern("doji", candles=1, lean=Lean.NEUTRAL, warmup=FIRST, mirror="doji", oracle="DOJI")
@kernel
def doji(v: Any) -> int:
    """Body at most a tenth of the average range of the ten candles before."""
    return 10 if is_doji_k(v, 0, FIRST) else 0


@pattern("long_legged_doji", candles=1, lean=Lean.NEUTRAL, warmup=FIRST, mirror="long_legged_doji", oracle="LONGLEGGEDDOJI")
@kernel
def long_legged(v: Any) -> int:
    """A doji with a shadow longer than its body."""
    return 10 if is_doji_k(v, 0, FIRST) and (lower_k(v, 0) > body_k(v, 0) or upper_k(v, 0) > body_k(v, 0)) else 0


@pattern("dragonfly_doji", candles=1, lean=Lean.NEUTRAL, warmup=FIRST, mirror="gravestone_doji", oracle="DRAGONFLYDOJI")
@kernel
def dragonfly(v: Any) -> int:
    """A doji with a lower shadow and next to no upper one."""
    short = very_short_k(v, 0, FIRST)
    return 10 if is_doji_k(v, 0, FIRST) and upper_k(v, 0) < short and lower_k(v, 0) > short else 0


@pattern("gravestone_doji", candles=1, lean=Lean.NEUTRAL, warmup=FIRST, mirror="dragonfly_doji", oracle="GRAVESTONEDOJI")
@kernel
def gravestone(v: Any) -> int:
    """A doji with an upper shadow and next to no lower one."""
    short = very_short_k(v, 0, FIRST)
    return 10 if is_doji_k(v, 0, FIRST) and lower_k(v, 0) < short and upper_k(v, 0) > short else 0


@pattern("takuri", candles=1, lean=Lean.BULLISH, warmup=FIRST, oracle="TAKURI")
@kernel
def takuri(v: Any) -> int:
    """A dragonfly whose lower shadow is more than twice its body."""
    is_fly = is_doji_k(v, 0, FIRST) and upper_k(v, 0) < very_short_k(v, 0, FIRST)
    return 10 if is_fly and lower_k(v, 0) > 2.0 * body_k(v, 0) else 0


@pattern("rickshaw_man", candles=1, lean=Lean.NEUTRAL, warmup=FIRST, mirror="rickshaw_man", oracle="RICKSHAWMAN")
@kernel
def rickshaw(v: Any) -> int:
    """A doji with two shadows longer than its body, near the middle of its range."""
    if not (is_doji_k(v, 0, FIRST) and lower_k(v, 0) > body_k(v, 0) and upper_k(v, 0) > body_k(v, 0)):
        return 0
    middle, near = low_k(v, 0) + (high_k(v, 0) - low_k(v, 0)) / 2.0, near_k(v, 0, FIRST)
    return 10 if bottom_k(v, 0) <= middle + near and top_k(v, 0) >= middle - near else 0
