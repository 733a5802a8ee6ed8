"""Hikkake: an inside candle, a false break of it, and within three candles the break on the other side."""

from __future__ import annotations

from typing import Any

from pipeline.kernels.geometry import close_k, high_k, low_k, near_k
from pipeline.kernels.jit import kernel
from pipeline.patterns.spec import NEAR, Lean, pattern

FIRST = 5
FIRST_MODIFIED = NEAR + 5
LATEST = 3
"""Candles in which a break can still be confirmed."""


@kernel
def is_inside_k(v: Any, k: int) -> bool:
    """Candle k lies wholly within the range of the one before."""
    return high_k(v, k) < high_k(v, k + 1) and low_k(v, k) > low_k(v, k + 1)


@kernel
def broke_k(v: Any, k: int) -> int:
    """+1 when candle k broke an inside candle before it to the lower side, which speaks for a rise; -1 to the upper side; else 0."""
    if not is_inside_k(v, k + 1):
        return 0
    if high_k(v, k) < high_k(v, k + 1) and low_k(v, k) < low_k(v, k + 1):
        return 1
    return -1 if high_k(v, k) > high_k(v, k + 1) and low_k(v, k) > low_k(v, k + 1) else 0


@kernel
def broke_twice_k(v: Any, k: int) -> int:
    """The same for two inside candles in a row, the first of which closed near the side that is broken."""
    side = broke_k(v, k)
    if side == 0 or not is_inside_k(v, k + 2):
        return 0
    # Only here TA-Lib opens its total for a candle that it does not judge: three before the first, two back.
    near = near_k(v, k + 2, FIRST_MODIFIED - LATEST)
    if side == 1:
        return 1 if close_k(v, k + 2) <= low_k(v, k + 2) + near else 0
    return -1 if close_k(v, k + 2) >= high_k(v, k + 2) - near else 0


@kernel
def is_confirmed_k(v: Any, k: int, broken: int, side: int) -> bool:
    """Candle k closes beyond the inside candle, on the side of the answer; ``broken`` tells which candle broke it."""
    return close_k(v, k) > high_k(v, broken + 1) if side == 1 else close_k(v, k) < low_k(v, broken + 1)


@kernel
def confirmed_k(v: Any, broken: int, side: int) -> int:
    """Strength of the newest candle after a break: 20 if it is the first to confirm it."""
    for k in range(broken - 1, 0, -1):
        if is_confirmed_k(v, k, broken, side):
            return 0
    return 20 * side if is_confirmed_k(v, 0, broken, side) else 0


@pattern("hikkake", candles=6, lean=Lean.EITHER, warmup=FIRST, mirror="hikkake", oracle="HIKKAKE")
@kernel
def hikkake(v: Any) -> int:
    """A break (10), and its confirmation (20)."""
    for broken in range(LATEST + 1):
        side = broke_k(v, broken)
        if side != 0:
            return 10 * side if broken == 0 else confirmed_k(v, broken, side)
    return 0


@pattern("modified_hikkake", candles=7, lean=Lean.EITHER, warmup=FIRST_MODIFIED, mirror="modified_hikkake", oracle="HIKKAKEMOD")
@kernel
def modified(v: Any) -> int:
    """A break of two inside candles (10), and its confirmation (20)."""
    for broken in range(LATEST + 1):
        side = broke_twice_k(v, broken)
        if side != 0:
            return 10 * side if broken == 0 else confirmed_k(v, broken, side)
    return 0
