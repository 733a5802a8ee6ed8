"""Two crows, and upside gap two crows: two black candles over a gap above a long white one."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import close_k, color_k, is_gap_up_k, is_long_k, open_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE + 2


@kernel
def has_crow_k(v: Any) -> bool:
    """Long white, then a black one above a gap, then another black one."""
    is_white = color_k(v, 2) == 1 and is_long_k(v, 2, FIRST)
    return is_white and color_k(v, 1) == -1 and color_k(v, 0) == -1 and is_gap_up_k(v, 1, 2)


@pattern("two_crows", candles=3, lean=Lean.BEARISH, warmup=FIRST, oracle="2CROWS")
@kernel
def two_crows(v: Any) -> int:
    """The second crow opens in the first and closes in the white body."""
    is_back = close_k(v, 1) < open_k(v, 0) < open_k(v, 1) and open_k(v, 2) < close_k(v, 0) < close_k(v, 2)
    return -10 if has_crow_k(v) and is_back else 0


@pattern("upside_gap_two_crows", candles=3, lean=Lean.BEARISH, warmup=FIRST, oracle="UPSIDEGAP2CROWS")
@kernel
def upside_gap(v: Any) -> int:
    """The second crow covers the first, which is not long, and closes above the white body."""
    covers = open_k(v, 0) > open_k(v, 1) and close_k(v, 0) < close_k(v, 1)
    return -10 if has_crow_k(v) and not is_long_k(v, 1, FIRST) and covers and close_k(v, 0) > close_k(v, 2) else 0
