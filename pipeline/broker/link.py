"""One websocket connection to the market feed: authorise, open, subscribe, receive.

Speaks to ``GET /v3/feed/market-data-feed/authorize`` with the bearer token and then to the single-use address it names;
sends subscriptions as JSON in binary frames; gives raw frames. Any frame from the server, a ping included, is a sign of
life: our own ping goes out after 20 s without one, and the connection counts as dead after 60 s.
TLS is always verified. Never decodes, never reconnects, never keeps a token.
"""

from __future__ import annotations

import json
import ssl
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from pipeline.broker.rest import LOGIN_COMMAND, LOOPBACK, USER_AGENT, RestClient, RestConfig
from pipeline.broker.wire import MAX_FRAME_BYTES
from pipeline.core.errors import Ambiguous, Refused, Unauthorised

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTHORIZE = "/v3/feed/market-data-feed/authorize"
MODES = {"ltpc": 5_000, "option_greeks": 3_000, "full": 2_000, "full_d30": 50}
"""Most keys of one connection in one mode (Upstox, September 2026)."""
KEYS_PER_FRAME = 500
NORMAL_CLOSE = 1_000
CLOSE_TIMEOUT_S = 1.0
"""A server that no longer answers does not answer our farewell either."""


@dataclass(frozen=True, slots=True)
class LinkConfig:
    feed_url: str = "https://api.upstox.com"
    """Base address of the authorise call."""
    mode: str = "full"
    connect_timeout_s: float = 2.0
    total_timeout_s: float = 5.0
    ping_after_s: float = 20.0
    dead_after_s: float = 60.0


class LinkLost(Exception):  # it is a state of the connection, not an error of ours
    """The connection is over. ``code`` is the close code, 1006 when there was none."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code


class _Connection(ClientConnection):
    """A connection that notes when the server last gave a sign of life."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.life = time.monotonic()
        super().__init__(*args, **kwargs)

    def process_event(self, event: Any) -> None:
        self.life = time.monotonic()
        super().process_event(event)


class Link:
    """An open, subscribed connection."""

    def __init__(self, config: LinkConfig, socket: _Connection, held: ExitStack) -> None:
        self._config = config
        self._socket = socket
        self._held = held
        self._pinged = 0.0

    @classmethod
    def open(cls, config: LinkConfig, token: str, keys: Sequence[str]) -> Link:
        """Connect once and subscribe.

        Raises:
            Unauthorised: the token is not accepted. Refused, Ambiguous: no connection now, try again later.
        """
        address = authorise(config, token)
        held = ExitStack()
        try:
            socket = held.enter_context(
                connect(
                    address,
                    open_timeout=config.total_timeout_s,
                    close_timeout=CLOSE_TIMEOUT_S,
                    ping_interval=None,
                    compression=None,
                    proxy=None,
                    max_size=MAX_FRAME_BYTES,
                    user_agent_header=USER_AGENT,
                    create_connection=_Connection,
                )
            )
        except InvalidStatus as error:
            status = error.response.status_code
            if status == 401:
                raise Unauthorised(f"the feed does not accept the token (HTTP 401): run `{LOGIN_COMMAND}`") from None
            raise Refused(
                f"the feed turned the connection away (HTTP {status}): too many connections of this account, or a fault"
            ) from None
        except (InvalidHandshake, InvalidURI, WebSocketException) as error:
            raise Refused(f"the feed's handshake failed ({type(error).__name__}): trying again") from None
        except ssl.SSLError:
            raise Refused("the feed's certificate is not valid, nothing was sent: check this machine's clock and network") from None
        except OSError as error:
            raise Ambiguous(f"the feed cannot be reached ({error.strerror or type(error).__name__}): trying again") from None
        link = cls(config, socket, held)  # type: ignore[arg-type]  # create_connection makes ours
        try:
            link.subscribe(keys)
        except Ambiguous:
            link.close()
            raise
        return link

    def subscribe(self, keys: Sequence[str]) -> None:
        """Ask for the keys in the configured mode; there is no answer but their snapshot."""
        try:
            for at in range(0, len(keys), KEYS_PER_FRAME):
                self._socket.send(subscription(self._config.mode, keys[at : at + KEYS_PER_FRAME]))
        except ConnectionClosed as error:
            raise Ambiguous(f"the feed closed while subscribing ({_code(error)}): trying again") from None

    def receive(self, timeout_s: float) -> bytes | str | None:
        """Return the next frame, or None when none came in time.

        Raises:
            LinkLost: closed by the server, or without a sign of life for too long.
        """
        try:
            return self._socket.recv(timeout=max(0.0, timeout_s))
        except TimeoutError:
            self._watch()
            return None
        except ConnectionClosed as error:
            raise LinkLost(_code(error), error.rcvd.reason[:80] if error.rcvd is not None else "") from None

    def _watch(self) -> None:
        now = time.monotonic()
        silent = now - self._socket.life
        if silent > self._config.dead_after_s:
            raise LinkLost(1006, f"no sign of life for {silent:.0f} s")
        if silent > self._config.ping_after_s and now - self._pinged > self._config.ping_after_s:
            self._pinged = now
            try:
                self._socket.ping()
            except ConnectionClosed as error:
                raise LinkLost(_code(error), "closed") from None

    def close(self) -> None:
        self._held.close()


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


def subscription(mode: str, keys: Sequence[str]) -> bytes:
    """Build the subscribe frame: JSON, sent as binary."""
    wanted = {"guid": str(uuid.uuid4()), "method": "sub", "data": {"mode": mode, "instrumentKeys": list(keys)}}
    return json.dumps(wanted).encode()


def _code(error: ConnectionClosed) -> int:
    return error.rcvd.code if error.rcvd is not None else 1006
