"""Morning star and evening star: a long body, a small one beyond a gap, and the way back."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import BODY, C, body_k, color_k, is_gap_down_k, is_gap_up_k, roll_k, total_k
from pipeline.kernels.geometry import DEPTH as RING
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 2
PENETRATION = 0.3
"""How far the third candle must come back into the first body."""


@kernel
def is_star_k(ring: Any, i: int, state: Any, side: int) -> bool:
    """Tell whether candles i-2 .. i are a star whose third candle has colour ``side``. Moves the totals on.

    state[3]: totals of ten bodies before candles i-2, i-1 and i.
    """
    if i < FIRST:
        return False
    if i == FIRST:
        for back in range(3):
            state[back] = total_k(ring, i - back, BODY, AVERAGE)
    is_shaped = (
        body_k(ring, i - 2) > state[2] / 10.0
        and color_k(ring, i - 2) == -side
        and body_k(ring, i - 1) <= state[1] / 10.0
        and body_k(ring, i) > state[0] / 10.0
        and color_k(ring, i) == side
    )
    first, last, depth = ring[(i - 2) % RING, C], ring[i % RING, C], body_k(ring, i - 2) * PENETRATION
    if side == 1:
        found = is_shaped and is_gap_down_k(ring, i - 1, i - 2) and last > first + depth
    else:
        found = is_shaped and is_gap_up_k(ring, i - 1, i - 2) and last < first - depth
    for back in range(3):
        state[back] = roll_k(state[back], ring, i - back, BODY, AVERAGE)
    return found


@pattern("morning_star", candles=3, lean=Lean.BULLISH, warmup=FIRST, size=3, mirror="evening_star")
@kernel
def morning(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """Long black, small below a gap, white back into the first body. State: see ``is_star_k``."""
    for k in range(len(slots)):
        out[k] = 1 if is_star_k(rings[slots[k]], counts[slots[k]], states[slots[k]], 1) else 0


@pattern("evening_star", candles=3, lean=Lean.BEARISH, warmup=FIRST, size=3, mirror="morning_star")
@kernel
def evening(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """Long white, small above a gap, black back into the first body. State: see ``is_star_k``."""
    for k in range(len(slots)):
        out[k] = -1 if is_star_k(rings[slots[k]], counts[slots[k]], states[slots[k]], -1) else 0
