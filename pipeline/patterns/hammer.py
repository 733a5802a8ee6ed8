"""Hammer and inverted hammer: a small body at one end of a long shadow."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import BODY, RANGE, L, body_k, bottom_k, is_gap_down_k, lower_k, roll_k, total_k, upper_k
from pipeline.kernels.geometry import DEPTH as RING
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, NEAR, Lean, pattern

FIRST = AVERAGE + 1


@kernel
def open_totals_k(ring: Any, i: int, state: Any) -> None:
    """Begin the totals: ten bodies, ten ranges, and the five ranges before the candle before."""
    state[0] = total_k(ring, i, BODY, AVERAGE)
    state[1] = total_k(ring, i, RANGE, AVERAGE)
    state[2] = total_k(ring, i - 1, RANGE, NEAR)


@kernel
def roll_totals_k(ring: Any, i: int, state: Any) -> None:
    state[0] = roll_k(state[0], ring, i, BODY, AVERAGE)
    state[1] = roll_k(state[1], ring, i, RANGE, AVERAGE)
    state[2] = roll_k(state[2], ring, i - 1, RANGE, NEAR)


@pattern("hammer", candles=2, lean=Lean.BULLISH, warmup=FIRST, size=3)
@kernel
def hammer(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """Short body, lower shadow longer than the body, next to no upper shadow, at or below the low of the candle before.

    state[3]: totals, see ``open_totals_k``.
    """
    for k in range(len(slots)):
        ring, i, state = rings[slots[k]], counts[slots[k]], states[slots[k]]
        out[k] = 0
        if i < FIRST:
            continue
        if i == FIRST:
            open_totals_k(ring, i, state)
        body = body_k(ring, i)
        is_small = body < state[0] / 10.0 and lower_k(ring, i) > body and upper_k(ring, i) < 0.1 * (state[1] / 10.0)
        if is_small and bottom_k(ring, i) <= ring[(i - 1) % RING, L] + 0.2 * (state[2] / 5.0):
            out[k] = 1
        roll_totals_k(ring, i, state)


@pattern("inverted_hammer", candles=2, lean=Lean.BULLISH, warmup=FIRST, size=3)
@kernel
def inverted_hammer(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """Short body, upper shadow longer than the body, next to no lower shadow, body wholly below the body before.

    state[3]: totals, see ``open_totals_k``.
    """
    for k in range(len(slots)):
        ring, i, state = rings[slots[k]], counts[slots[k]], states[slots[k]]
        out[k] = 0
        if i < FIRST:
            continue
        if i == FIRST:
            open_totals_k(ring, i, state)
        body = body_k(ring, i)
        is_small = body < state[0] / 10.0 and upper_k(ring, i) > body and lower_k(ring, i) < 0.1 * (state[1] / 10.0)
        if is_small and is_gap_down_k(ring, i, i - 1):
            out[k] = 1
        roll_totals_k(ring, i, state)
