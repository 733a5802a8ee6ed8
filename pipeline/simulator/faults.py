"""Faults on demand: what the wire and the venue can do to a client, switched by ``POST /_fault``.

Reads   fault orders: {"kind", "match", "count", "delay_s", "status", "seconds", "keys", "code", "connection", "lasting"}
Writes  nothing; hands out the next fault for a request or a frame, and counts what was done
Kinds for requests: ``drop_reply`` (accepted, then the connection dies), ``status`` (any 4xx/5xx), ``delay``,
``refuse_feed`` (authorise and handshake answer ``status``), and 200 answers that are wrong: ``corrupt_reply`` (no JSON),
``truncated_reply`` (ends in the middle), ``false_candles`` (each tenth has a negative volume).
Kinds for the feed: ``stall_feed``, ``corrupt_frame``,
``truncated_frame``, ``unknown_type``, ``drop_feed``, ``drop_frames`` (frames lost on the way). Kinds for open connections:
``mute`` ``mute_frames`` ``mute_keys`` ``freeze`` ``half_open`` (see connection.py) and ``close_code``. ``quiet``: nobody
trades any more, a real silence. ``token_death`` kills all tokens at once. Deterministic: a fault hits the next ``count``
matches, or the connections that are open, and stays until it is cleared or its ``seconds`` are over.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.core.errors import Refused

SPOILT_REPLIES = ("corrupt_reply", "truncated_reply", "false_candles")
REQUEST_KINDS = ("drop_reply", "status", "delay", "refuse_feed", *SPOILT_REPLIES)
FEED_KINDS = ("stall_feed", "corrupt_frame", "truncated_frame", "unknown_type", "drop_feed", "drop_frames")
STALLS = ("mute", "mute_frames", "mute_keys", "freeze", "half_open")
KINDS = (*REQUEST_KINDS, *FEED_KINDS, *STALLS, "close_code", "quiet", "token_death")
FEED_PATHS = ("/feeds", "/v3/feed/market-data-feed", "/v3/feed/market-data-feed/authorize")
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
    seconds: float = 0.0
    """Wall seconds that the order holds; 0 is until it is done or cleared."""
    keys: tuple[str, ...] = ()
    code: int = 1000
    """Close code; 1006 cuts the line."""
    connection: int = -1
    """Number of the feed connection that is hit; -1 hits all that are open."""
    lasting: bool = False
    """A stall that later connections have, too, and that asking again does not cure."""
    ends_s: float = 0.0
    """Instant of the monotonic clock; set when the order is taken."""

    @property
    def udapi(self) -> str:
        return _CODES.get(self.status, "UDAPI100500")

    def hits(self, path: str) -> bool:
        """Tell whether this order is in force for a path."""
        if self.count == 0 or (self.ends_s > 0 and time.monotonic() >= self.ends_s):
            return False
        return self.match in path and (self.kind != "refuse_feed" or path in FEED_PATHS)


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
        if fault.kind == "mute_keys" and not fault.keys:
            raise Refused("mute_keys needs keys: name the instrument keys to mute")
        fault.ends_s = time.monotonic() + fault.seconds if fault.seconds > 0 else 0.0
        self.orders.append(fault)
        return fault

    def take(self, path: str, kinds: tuple[str, ...]) -> Fault | None:
        """Give the next fault for a path, and count it."""
        for fault in self.orders:
            if fault.kind in kinds and fault.hits(path):
                fault.count -= 1 if fault.count > 0 else 0
                fault.done += 1
                return fault
        return None

    def lasting(self) -> list[Fault]:
        """Give the stalls that a new connection has, too."""
        return [fault for fault in self.orders if fault.kind in STALLS and fault.lasting and fault.hits("")]

    def clear(self) -> None:
        self.orders.clear()

    def rows(self) -> list[dict[str, Any]]:
        return [asdict(f) for f in self.orders]


def spoil_reply(body: bytes, kind: str) -> bytes:
    """Turn a good answer into a wrong one."""
    if kind == "truncated_reply":
        return body[: len(body) * 2 // 3]
    if kind == "corrupt_reply":
        return bytes(b ^ 0xA5 for b in body)
    plain = json.loads(body)
    for row in plain["data"]["candles"][::10]:
        row[5] = -row[5] - 1
    return json.dumps(plain).encode()


def spoil(payload: bytes, kind: str) -> bytes:
    """Turn a good frame into a bad one; other kinds leave it as it is."""
    if kind == "truncated_frame":
        return payload[: max(1, len(payload) * 2 // 3)]
    if kind == "unknown_type":
        # Field 1 again with a value that the schema does not know: the last one wins.
        return payload + b"\x08\x63"
    return bytes(b ^ 0xA5 for b in payload) if kind == "corrupt_frame" else payload
