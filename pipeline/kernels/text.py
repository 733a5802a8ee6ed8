"""Numbers to decimal text, byte by byte into a buffer, without a Python object.

Every kernel is put(out, at, value) -> the place after what it wrote. ``out`` is uint8 with room enough (a number takes at
most 32 bytes). Integers are exact, and so are decimals of up to four places and fifteen digits, as all prices are; any other
number is written with ten to eleven significant digits, which eyes and charts do not exhaust. Trailing zeros are left off. NaN
and infinities never come here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.kernels.jit import kernel, warmer

U8 = NDArray[np.uint8]
ROOM = 32
MINUS, DOT, ZERO_DIGIT = 45, 46, 48
MOST = 9e14
"""Fifteen digits: rounding of the product and of the number itself stay below half of the last one."""
ENOUGH = 9e10
"""Eleven digits, of a number that is no price."""
SCALES = tuple(10.0**p for p in range(16))


@kernel
def put_int_k(out: Any, at: int, value: int) -> int:
    """Write a whole number."""
    v = np.int64(value)
    if v < 0:
        out[at] = MINUS
        at += 1
        v = -v
    size = 1
    rest = v // 10
    while rest > 0:
        size += 1
        rest //= 10
    for k in range(size):
        digit = v % 10
        v //= 10
        out[at + size - 1 - k] = ZERO_DIGIT + digit
    return at + size


@kernel
def put_float_k(out: Any, at: int, value: float) -> int:
    """Write a decimal number: exact when it is a price, else 10 to 11 significant digits, at most 15 decimals."""
    a = abs(value)
    if a >= MOST or a == np.floor(a):
        return put_int_k(out, at, int(value))
    decimals = 4
    scaled = int(a * SCALES[4]) if a < MOST / SCALES[4] else 0
    if a * SCALES[4] != scaled:  # no price: find how many decimals there is room for
        decimals = 15
        while (a * SCALES[decimals] >= ENOUGH and decimals > 4) or a * SCALES[decimals] >= MOST:
            decimals -= 1
        scaled = int(a * SCALES[decimals] + 0.5)
    while decimals > 0 and scaled % 10 == 0:
        scaled //= 10
        decimals -= 1
    if value < 0.0 and scaled > 0:
        out[at] = MINUS
        at += 1
    if decimals == 0:
        return put_int_k(out, at, scaled)
    return put_scaled_k(out, at, scaled, decimals)


@kernel
def put_scaled_k(out: Any, at: int, scaled: int, decimals: int) -> int:
    """Write ``scaled / 10**decimals`` of a positive number, all its digits in one pass from the back."""
    size, limit = 1, 10
    while scaled >= limit:
        size += 1
        limit *= 10
    size = max(size, decimals + 1) + 1
    for k in range(size - 1, -1, -1):
        if k == size - 1 - decimals:
            out[at + k] = DOT
        else:
            out[at + k] = ZERO_DIGIT + scaled % 10
            scaled //= 10
    return at + size


@kernel
def put_bytes_k(out: Any, at: int, source: Any, start: int, size: int) -> int:
    """Copy text."""
    for k in range(size):
        out[at + k] = source[start + k]
    return at + size


@warmer
def _warm() -> None:
    out = np.zeros(64, np.uint8)
    put_int_k(out, 0, 7)
    put_float_k(out, 0, 0.5)
    put_scaled_k(out, 0, 5, 1)
    put_bytes_k(out, 0, out, 32, 1)
