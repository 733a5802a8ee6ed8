"""Connections to the market feed: what they share, whichever websocket library carries them.

Speaks to ``GET /v3/feed/market-data-feed/authorize`` with the bearer token and then to the single-use address it names;
subscriptions are JSON in binary frames; what comes is raw frames. ``Links`` is the face of both libraries: it opens
connections without blocking the others, and gives everything that arrived, with the instant it arrived.
TLS is always verified. Never decodes, never decides to reconnect, never keeps a token.
"""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol
from urllib.parse import urlsplit

from pipeline.broker.rest import LOGIN_COMMAND, LOOPBACK, RestClient, RestConfig
from pipeline.core.errors import Ambiguous, Refused, TickTickError, Unauthorised
from pipeline.core.registry import did_you_mean

AUTHORIZE = "/v3/feed/market-data-feed/authorize"
KEYS_PER_FRAME = 500
NORMAL_CLOSE, BROKEN_RULES, NO_CODE, ABNORMAL_CLOSE, TOO_BIG = 1_000, 1_002, 1_005, 1_006, 1_009
MAX_REASON = 80

Wanted = Mapping[str, Sequence[str]]
"""Mode -> instrument keys."""


@dataclass(frozen=True, slots=True)
class LinkConfig:
    feed_url: str = "https://api.upstox.com"
    """Base address of the authorise call."""
    mode: str = "full"
    """Of a key that names none."""
    connect_timeout_s: float = 2.0
    total_timeout_s: float = 5.0
    ping_after_s: float = 20.0
    dead_after_s: float = 60.0


class LinkLost(Exception):  # it is a state of the connection, not an error of ours
    """The connection is over. ``code`` is the close code, 1006 when there was none."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason[:MAX_REASON]}".strip())
        self.code = code


class ArrivalKind(IntEnum):
    FRAME = 0
    """``what`` is the frame's bytes."""
    TEXT = 1
    """``what`` is a text frame, which the feed never sends."""
    OPENED = 2
    """Connected, and the subscriptions are on their way."""
    FAILED = 3
    """``what`` is the error: Unauthorised, Refused or Ambiguous."""
    LOST = 4
    """``what`` is a ``LinkLost``."""


Arrival = tuple[int, ArrivalKind, Any, int]
"""Connection, kind, what came (see ``ArrivalKind``), and the monotonic clock's nanoseconds when it came.

A plain tuple: there is one for each frame, and a named one costs more than the frame's own bytes.
"""


class Links(Protocol):
    """A set of connections, each under its number."""

    def connect(self, link: int, token: str, wanted: Wanted) -> None:
        """Begin to open a connection and subscribe; OPENED or FAILED arrives."""
        ...

    def send(self, link: int, frames: Sequence[bytes]) -> None:
        """Send control frames on an open connection; if it is closing, LOST arrives."""
        ...

    def ping(self, link: int) -> None:
        """Ask for a sign of life."""
        ...

    def drop(self, link: int) -> None:
        """Leave a connection, or an attempt at one; nothing more arrives from it."""
        ...

    def life_ns(self, link: int) -> int:
        """Give the instant of the last sign of life that did not arrive: a ping, a pong."""
        ...

    def receive(self, timeout_s: float) -> list[Arrival]:
        """Give everything that is there; wait for the first at most so long."""
        ...

    def close(self) -> None: ...


def authorise(config: LinkConfig, token: str) -> str:
    """Ask for the single-use websocket address and check that it is safe to open."""
    base = config.feed_url.removesuffix(AUTHORIZE)
    client = RestClient(RestConfig(base, config.connect_timeout_s, config.total_timeout_s), lambda: token)
    found = client.get_data(AUTHORIZE)
    address = found.get("authorized_redirect_uri") or found.get("authorizedRedirectUri") if isinstance(found, dict) else None
    parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
    if parts.scheme == "wss" or (parts.scheme == "ws" and parts.hostname in LOOPBACK):
        return str(address)
    raise Refused("the broker named no safe feed address (wss): nothing was opened")


def control(method: str, mode: str, keys: Sequence[str]) -> Iterator[bytes]:
    """Build the frames of ``sub``, ``unsub`` or ``change_mode``: JSON, sent as binary; there is no answer but the keys' snapshot."""
    for at in range(0, len(keys), KEYS_PER_FRAME):
        asked: dict[str, object] = {"instrumentKeys": list(keys[at : at + KEYS_PER_FRAME])}
        if method != "unsub":
            asked = {"mode": mode, **asked}
        yield json.dumps({"guid": str(uuid.uuid4()), "method": method, "data": asked}).encode()


def subscriptions(wanted: Wanted) -> list[bytes]:
    """Build the frames that follow an opening."""
    return [frame for mode, keys in wanted.items() for frame in control("sub", mode, keys)]


def turned_away(status: int) -> TickTickError:
    """Say what a handshake answer other than 101 means: 401 is the token, anything else is not."""
    if status == 401:
        return Unauthorised(f"the feed does not accept the token (HTTP 401): run `{LOGIN_COMMAND}`")
    return Refused(f"the feed turned the connection away (HTTP {status}): too many connections of this account, or a fault")


def failure(error: BaseException) -> TickTickError:
    """Put what went wrong while opening into an error of the house."""
    if isinstance(error, TickTickError):
        return error
    if isinstance(error, ssl.SSLError):
        return Refused("the feed's certificate is not valid, nothing was sent: check this machine's clock and network")
    if isinstance(error, OSError):
        return Ambiguous(f"the feed cannot be reached ({error.strerror or type(error).__name__}): trying again")
    return Refused(f"the feed's handshake failed ({type(error).__name__}): trying again")


def require_client(name: str) -> None:
    """Check the name of a websocket library.

    Raises:
        Refused: it is none of ours.
    """
    if name not in CLIENTS:
        raise Refused(f"unknown feed client {name!r}{did_you_mean(name, CLIENTS)}: set feed.client in the settings")


CLIENTS = ("picows", "websockets")
