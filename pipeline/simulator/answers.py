"""The shapes of Upstox's answers: success, error envelope, times, keys.

Reads   nothing
Writes  dicts that go out as JSON
Error fields come in both spellings, as the live service gives them.
"""

from __future__ import annotations

import math
from typing import Any

from pipeline.core.errors import Refused
from pipeline.core.session import ist_clock, ist_date
from pipeline.simulator.listing import Listing


class ApiError(Refused):
    """A request that Upstox would turn down, with its HTTP status and UDAPI code."""

    def __init__(self, status: int, code: str, message: str, path: str | None = None, value: Any = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.path, self.value = status, code, message, path, value

    def row(self) -> dict[str, Any]:
        both = {"error_code": self.code, "property_path": self.path, "invalid_value": self.value}
        return {"errorCode": self.code, "message": self.message, "propertyPath": self.path, "invalidValue": self.value, **both}


def success(content: Any, **more: Any) -> dict[str, Any]:
    return {"status": "success", "data": content, **more}


def failure(*errors: ApiError) -> dict[str, Any]:
    return {"status": "error", "errors": [error.row() for error in errors]}


def local_time(ts_ms: int) -> str:
    """``2026-09-25 09:20:01``, IST, as order rows carry it."""
    return f"{ist_date(ts_ms)} {ist_clock(ts_ms)}"


def iso_time(ts_ms: int) -> str:
    """``2026-09-25T09:20:00+05:30``, as candles carry it."""
    return f"{ist_date(ts_ms)}T{ist_clock(ts_ms)}+05:30"


def reply_key(listing: Listing) -> str:
    """Quotes are keyed ``NSE_EQ:RELIANCE``, not by the key that was asked for."""
    return f"{listing.segment}:{listing.symbol}"


def number(body: dict[str, Any], name: str, default: float | None = None) -> float:
    """Read a number from a request's body.

    Raises:
        ApiError: it is missing (and has no default) or no number.
    """
    value = body.get(name, default)
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ApiError(400, "UDAPI100036", f"{name} must be a number", name, value)
    return value
