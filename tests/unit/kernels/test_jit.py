"""The compiler's door: the twin is bit-equal, the cache is dated, warm-up runs what was registered."""

from __future__ import annotations

import numpy as np

from pipeline.core.types import TICK
from pipeline.kernels import jit, rolling


@jit.kernel
def _third(x: float) -> float:
    return x / 3.0


def test_compiled_and_plain_agree():
    assert _third(1.0) == _third.py_func(1.0)


def test_division_is_ieee():
    @jit.kernel
    def divide(x: float, y: float) -> float:
        return x / y

    assert np.isinf(divide(1.0, 0.0))


def test_the_cache_is_dated_by_the_shared_kernels_too():
    stamp = rolling.total_k._cache._cache_file._source_stamp
    assert stamp[-1] == jit._shared_stamp()


def test_warm_up_runs_every_warmer(monkeypatch):
    ran: list[int] = []
    monkeypatch.setattr(jit, "WARMERS", [])
    jit.warmer(lambda: ran.append(1))
    jit.warmer(lambda: ran.append(2))
    assert jit.warm_up() == 2
    assert ran == [1, 2]


def test_writable_is_an_equal_copy():
    rows = np.frombuffer(np.arange(TICK.itemsize * 2, dtype=np.uint8).tobytes(), TICK)
    copy = jit.writable(rows)
    copy["ltp"] = 5.0
    assert copy.flags.writeable
    assert not (rows["ltp"] == 5.0).any()
    assert jit.writable(rows).tobytes() == rows.tobytes()
