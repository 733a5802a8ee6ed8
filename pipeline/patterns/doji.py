"""Doji: open and close nearly the same."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import RANGE, body_k, roll_k, total_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern


@pattern("doji", candles=1, lean=Lean.NEUTRAL, warmup=AVERAGE, mirror="doji")
@kernel
def step(rings: Any, counts: Any, states: Any, slots: Any, out: Any) -> None:
    """Body at most a tenth of the average range of the ten candles before. Found is +1, which leans nowhere.

    state[1]: total of ten ranges.
    """
    for k in range(len(slots)):
        ring, i, state = rings[slots[k]], counts[slots[k]], states[slots[k]]
        out[k] = 0
        if i < AVERAGE:
            continue
        if i == AVERAGE:
            state[0] = total_k(ring, i, RANGE, AVERAGE)
        if body_k(ring, i) <= 0.1 * (state[0] / 10.0):
            out[k] = 1
        state[0] = roll_k(state[0], ring, i, RANGE, AVERAGE)
