"""The kernel's plain twin, and the layout that its speed hangs on."""

from __future__ import annotations

import numpy as np

from pipeline.core.types import TICK, TickFlag, TickKind
from pipeline.market.tick_kernel import HEAD, IV, RING, STATE, step_k
from pipeline.market.ticks import TickState, step
from tests.fakes.feed_rows import OPEN, TICKS, gap, tick


def mixed(count):
    """Rows of every kind that a kernel branches on, two symbols, over a change of day."""
    rows = []
    for i in range(count):
        fields = {"sid": i % 3, "vtt": i * 3 - (9 if i % 31 == 30 else 0), "bid": (99.9, 5), "ask": (100.3, i), "iv": 0.2 + i % 7 / 50}
        fields |= {"flags": TickFlag.CONFLATED if i % 11 == 10 else 0, "kind": TickKind.SNAPSHOT if i % 37 == 36 else TickKind.LIVE}
        rows.append(tick(OPEN + i * 700 + (86_400_000 if i > count * 3 // 4 else 0), 100.0 + i % 5 * 0.05, **fields))
        if i % 41 == 40:
            rows.append(gap(OPEN + i * 700, OPEN + i * 700 + 5, **({"sid": 1} if i % 2 else {})))
    return np.concatenate(rows)


def test_the_plain_twin_has_the_same_bits():
    a, b = TickState(2, TICKS), TickState(2, TICKS)
    rows = mixed(1000)
    plain = rows.copy()
    compiled = step(a, rows)
    step_k.py_func(plain, b.memory)
    assert compiled.tobytes() == plain.astype(TICK).tobytes()
    assert a.memory.tobytes() == b.memory.tobytes()
    assert np.count_nonzero(compiled["iv_change"]) > 100


def test_a_symbols_state_is_whole_cache_lines():
    state = TickState(3, TICKS)
    assert (HEAD.itemsize % 64, STATE.itemsize) == (0, 192)
    assert state.memory.ctypes.data % 64 == 0
    assert RING.itemsize == 24
    assert IV.itemsize % 8 == 0
