"""Long and short lines, spinning top, high wave: single candles told by the length of body and shadows."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import body_k, color_k, is_long_k, is_short_k, lower_k, short_k, upper_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import AVERAGE, Lean, pattern

FIRST = AVERAGE


@pattern("long_line", candles=1, lean=Lean.EITHER, warmup=FIRST, mirror="long_line", oracle="LONGLINE")
@kernel
def long_line(v: Any) -> int:
    """Long body, short shadows."""
    short = short_k(v, 0, FIRST)
    return 10 * color_k(v, 0) if is_long_k(v, 0, FIRST) and upper_k(v, 0) < short and lower_k(v, 0) < short else 0


@pattern("short_line", candles=1, lean=Lean.EITHER, warmup=FIRST, mirror="short_line", oracle="SHORTLINE")
@kernel
def short_line(v: Any) -> int:
    """Short body, short shadows."""
    short = short_k(v, 0, FIRST)
    return 10 * color_k(v, 0) if is_short_k(v, 0, FIRST) and upper_k(v, 0) < short and lower_k(v, 0) < short else 0


@pattern("spinning_top", candles=1, lean=Lean.NEUTRAL, warmup=FIRST, mirror="spinning_top", oracle="SPINNINGTOP")
@kernel
def spinning_top(v: Any) -> int:
    """Short body, both shadows longer than it. The sign is its colour."""
    body = body_k(v, 0)
    return 10 * color_k(v, 0) if is_short_k(v, 0, FIRST) and upper_k(v, 0) > body and lower_k(v, 0) > body else 0


@pattern("high_wave", candles=1, lean=Lean.NEUTRAL, warmup=FIRST, mirror="high_wave", oracle="HIGHWAVE")
@kernel
def high_wave(v: Any) -> int:
    """Short body, both shadows more than twice as long. The sign is its colour."""
    twice = 2.0 * body_k(v, 0)
    return 10 * color_k(v, 0) if is_short_k(v, 0, FIRST) and upper_k(v, 0) > twice and lower_k(v, 0) > twice else 0
