"""Engulfing: a body that covers the body before, of the other colour."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import close_k, color_k, open_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import Lean, pattern

FIRST = 2


@kernel
def covers_k(v: Any, side: int) -> int:
    """Strength of a candle of this colour over one of the other; one end may be level, and weakens it."""
    if color_k(v, 0) != side or color_k(v, 1) != -side:
        return 0
    here_open, here_close = side * open_k(v, 0), side * close_k(v, 0)
    past_open, past_close = side * open_k(v, 1), side * close_k(v, 1)
    if not ((here_close >= past_open and here_open < past_close) or (here_close > past_open and here_open <= past_close)):
        return 0
    return 10 * side if here_open < past_close and here_close > past_open else 8 * side


@pattern("bullish_engulfing", candles=2, lean=Lean.BULLISH, warmup=FIRST, mirror="bearish_engulfing", oracle="ENGULFING")
@kernel
def bullish(v: Any) -> int:
    """White body over a black one."""
    return covers_k(v, 1)


@pattern("bearish_engulfing", candles=2, lean=Lean.BEARISH, warmup=FIRST, mirror="bullish_engulfing", oracle="ENGULFING")
@kernel
def bearish(v: Any) -> int:
    """Black body over a white one."""
    return covers_k(v, -1)
