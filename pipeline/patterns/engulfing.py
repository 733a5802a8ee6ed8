"""Engulfing: a body that covers the body before, of the other colour."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import DEPTH as RING
from pipeline.kernels.geometry import C, O, color_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import Lean, pattern

FIRST = 2


@kernel
def is_engulfing_k(ring: Any, i: int, side: int) -> bool:
    """Tell whether candle i of this colour covers candle i - 1 of the other; one end may be level."""
    if color_k(ring, i) != side or color_k(ring, i - 1) != -side:
        return False
    here_open, here_close = side * ring[i % RING, O], side * ring[i % RING, C]
    past_open, past_close = side * ring[(i - 1) % RING, O], side * ring[(i - 1) % RING, C]
    return (here_close >= past_open and here_open < past_close) or (here_close > past_open and here_open <= past_close)


@pattern("bullish_engulfing", candles=2, lean=Lean.BULLISH, warmup=FIRST, mirror="bearish_engulfing")
@kernel
def bullish(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """White body over a black one. No state."""
    for k in range(len(slots)):
        i = counts[slots[k]]
        out[k] = 1 if i >= FIRST and is_engulfing_k(rings[slots[k]], i, 1) else 0


@pattern("bearish_engulfing", candles=2, lean=Lean.BEARISH, warmup=FIRST, mirror="bullish_engulfing")
@kernel
def bearish(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """Black body over a white one. No state."""
    for k in range(len(slots)):
        i = counts[slots[k]]
        out[k] = -1 if i >= FIRST and is_engulfing_k(rings[slots[k]], i, -1) else 0
