"""Faults on demand: what the wire and the venue can do to a client, switched by ``POST /_fault``.

Reads   fault orders: {"kind", "match", "count", "delay_s", "status", "seed"}
Writes  nothing; hands out the next fault for a request or a frame, and counts what was done
Kinds for requests: ``drop_reply`` (accepted, then the connection dies), ``status`` (any 4xx/5xx), ``delay``.
Kinds for the feed: ``stall_feed``, ``corrupt_frame``, ``truncated_frame``, ``unknown_type``, ``drop_feed``.
``token_death`` kills all tokens at once. Deterministic: a fault hits the next ``count`` matches.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.core.errors import Refused

REQUEST_KINDS = ("drop_reply", "status", "delay")
FEED_KINDS = ("stall_feed", "corrupt_frame", "truncated_frame", "unknown_type", "drop_feed")
KINDS = (*REQUEST_KINDS, *FEED_KINDS, "token_death")
_CODES = {429: "UDAPI10005", 401: "UDAPI100050", 423: "UDAPI100074"}


@dataclass(slots=True)
class Fault:
    """One order. ``match`` is a piece of the path (empty: any); ``count`` -1 is until cleared."""

    kind: str
    match: str = ""
    count: int = 1
    delay_s: float = 0.0
    status: int = 503
    done: int = 0

    @property
    def code(self) -> str:
        return _CODES.get(self.status, "UDAPI100500")


@dataclass(slots=True)
class Faults:
    """The faults that are waiting."""

    orders: list[Fault] = field(default_factory=list)

    def add(self, plain: dict[str, Any]) -> Fault:
        """Take an order.

        Raises:
            Refused: unknown kind or field.
        """
        try:
            fault = Fault(**plain)
        except TypeError as error:
            raise Refused(f"bad fault: {error}") from error
        if fault.kind not in KINDS:
            raise Refused(f"unknown fault {fault.kind!r}: use {', '.join(KINDS)}")
        self.orders.append(fault)
        return fault

    def take(self, path: str, kinds: tuple[str, ...]) -> Fault | None:
        """Give the next fault for a path, and count it."""
        for fault in self.orders:
            if fault.kind in kinds and fault.match in path and fault.count != 0:
                fault.count -= 1 if fault.count > 0 else 0
                fault.done += 1
                return fault
        return None

    def clear(self) -> None:
        self.orders.clear()

    def rows(self) -> list[dict[str, Any]]:
        return [asdict(f) for f in self.orders]


def spoil(payload: bytes, kind: str) -> bytes:
    """Turn a good frame into a bad one."""
    if kind == "truncated_frame":
        return payload[: max(1, len(payload) * 2 // 3)]
    if kind == "unknown_type":
        # Field 1 again with a value that the schema does not know: the last one wins.
        return payload + b"\x08\x63"
    return bytes(b ^ 0xA5 for b in payload)
