"""Three black crows, and three white soldiers: three long bodies in a row, each opening inside the one before."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import BODY, RANGE, C, H, O, body_k, color_k, lower_k, roll_k, total_k, upper_k
from pipeline.kernels.geometry import DEPTH as RING
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, NEAR, Lean, pattern

FIRST_CROW = AVERAGE + 3
FIRST_SOLDIER = AVERAGE + 2


@kernel
def are_crows_k(ring: Any, i: int, state: Any) -> bool:
    """state[3]: totals of ten ranges before candles i, i-1 and i-2."""
    for back in range(3):
        if color_k(ring, i - back) != -1 or not lower_k(ring, i - back) < 0.1 * (state[back] / 10.0):
            return False
    if color_k(ring, i - 3) != 1 or not ring[(i - 3) % RING, H] > ring[(i - 2) % RING, C]:
        return False
    for j in (i - 1, i):
        before = (j - 1) % RING
        if not ring[before, O] > ring[j % RING, O] > ring[before, C] or not ring[before, C] > ring[j % RING, C]:
            return False
    return True


@pattern("three_black_crows", candles=4, lean=Lean.BEARISH, warmup=FIRST_CROW, size=3)
@kernel
def crows(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """Three falling black candles with next to no lower shadow after a white one. State: see ``are_crows_k``."""
    for k in range(len(slots)):
        ring, i, state = rings[slots[k]], counts[slots[k]], states[slots[k]]
        out[k] = 0
        if i < FIRST_CROW:
            continue
        for back in range(3):
            if i == FIRST_CROW:
                state[back] = total_k(ring, i - back, RANGE, AVERAGE)
        if are_crows_k(ring, i, state):
            out[k] = -1
        for back in range(3):
            state[back] = roll_k(state[back], ring, i - back, RANGE, AVERAGE)


@kernel
def roll_soldiers_k(ring: Any, i: int, state: Any, is_first: bool) -> None:
    """Begin or move the totals: [0:3] ten ranges before i, i-1, i-2; [3:5] five ranges before i-1, i-2; [5] ten bodies before i."""
    for back in range(3):
        at = i - back
        state[back] = total_k(ring, at, RANGE, AVERAGE) if is_first else roll_k(state[back], ring, at, RANGE, AVERAGE)
        if back > 0:
            state[2 + back] = total_k(ring, at, RANGE, NEAR) if is_first else roll_k(state[2 + back], ring, at, RANGE, NEAR)
    state[5] = total_k(ring, i, BODY, AVERAGE) if is_first else roll_k(state[5], ring, i, BODY, AVERAGE)


@kernel
def are_soldiers_k(ring: Any, i: int, state: Any) -> bool:
    """TA-Lib keeps "near" (0.2) and "far" (0.6) totals of the same five ranges: one total serves both."""
    for back in range(3):
        if color_k(ring, i - back) != 1 or not upper_k(ring, i - back) < 0.1 * (state[back] / 10.0):
            return False
    for back in range(2):
        j, before = (i - back) % RING, (i - back - 1) % RING
        near, far = 0.2 * (state[3 + back] / 5.0), 0.6 * (state[3 + back] / 5.0)
        if not ring[j, C] > ring[before, C] or not ring[j, O] > ring[before, O]:
            return False
        if not ring[j, O] <= ring[before, C] + near or not body_k(ring, i - back) > body_k(ring, i - back - 1) - far:
            return False
    return body_k(ring, i) > state[5] / 10.0


@pattern("three_white_soldiers", candles=3, lean=Lean.BULLISH, warmup=FIRST_SOLDIER, size=6)
@kernel
def soldiers(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """Three rising white candles with next to no upper shadow, each opening near the body before. State: see ``roll_soldiers_k``."""
    for k in range(len(slots)):
        ring, i, state = rings[slots[k]], counts[slots[k]], states[slots[k]]
        out[k] = 0
        if i < FIRST_SOLDIER:
            continue
        if i == FIRST_SOLDIER:
            roll_soldiers_k(ring, i, state, True)
        if are_soldiers_k(ring, i, state):
            out[k] = 1
        roll_soldiers_k(ring, i, state, False)
