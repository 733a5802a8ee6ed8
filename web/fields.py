"""Reading hashes as they come from Redis: bytes to text, text to finite numbers.

Reads   replies of HGETALL
Gives   text, and numbers or None
Never   takes what is no finite number for zero: it is absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, str]
Json = dict[str, Any]


def text_of(raw: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """Decode a hash reply; bytes that are no UTF-8 are shown as replacement marks, never dropped."""
    return {name.decode("utf-8", "replace"): value.decode("utf-8", "replace") for name, value in (raw or {}).items()}


def number(fields: Fields, *names: str) -> float | None:
    """Return the first of these fields that holds a finite number."""
    for name in names:
        try:
            value = float(fields[name])
        except (KeyError, ValueError):
            continue
        if math.isfinite(value):
            return value
    return None


def whole(fields: Fields, *names: str) -> int | None:
    """As :func:`number`, rounded."""
    value = number(fields, *names)
    return None if value is None else round(value)


def positive(fields: Fields, *names: str) -> float | None:
    """As :func:`number`, but zero means absent (prices, sizes, instants)."""
    value = number(fields, *names)
    return value if value is not None and value > 0 else None
