"""Talking to the broker over HTTP: one request, one answer, no retry behind the caller's back.

Gives parsed JSON (at most 32 MiB) or bytes (at most a stated size). TLS is verified with the system's certificates and
cannot be switched off; plain HTTP is for loopback alone (the simulator). Connect within 2 s, everything within 5 s by default.
Maps what goes wrong to the errors of the house; no message holds a token, a header or a query.
What changes something (:meth:`RestClient.send`) is definitely refused or ambiguous when it is not confirmed; what is only read may be asked
again. Never follows a redirect.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote, urlencode, urlsplit

from pipeline.broker.server_time import ServerTime
from pipeline.core.errors import Ambiguous, Refused, Unauthorised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LOGIN_COMMAND = "ticktick login --open"
USER_AGENT = "tick-tick/0.1 (+https://upstox.com/developer)"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_JSON_BYTES = 32 * 1024 * 1024
_CHUNK = 65_536


class Throttled(Refused):
    """HTTP 429: too many calls. Wait before the next."""


class TooLarge(Refused):
    """An answer over the bound: nothing was taken from it."""


class BadAnswer(Refused):
    """A 200 answer that is not JSON of the known shape; ``body`` is what came."""

    def __init__(self, words: str, body: bytes) -> None:
        super().__init__(words)
        self.body = body


@dataclass(frozen=True, slots=True)
class RestConfig:
    base_url: str = "https://api.upstox.com"
    connect_timeout_s: float = 2.0
    total_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``body`` goes out as JSON; ``algo`` is the registered name of the algorithm, if there is one.

    ``objection`` is asked when the connection stands, just before the request is written: any words, and nothing is sent.
    """

    method: str
    path: str
    query: Mapping[str, str] | None = None
    body: Any = None
    algo: str = ""
    objection: Callable[[], str] | None = None


class RestClient:
    """Calls against one host, a fresh connection for each.

    Args:
        config: where, and how long to wait.
        token: gives the bearer token at every call; None for public addresses.
    """

    def __init__(self, config: RestConfig, token: Callable[[], str] | None = None) -> None:
        parts = urlsplit(config.base_url)
        if parts.hostname is None or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
            raise Refused(f"{config.base_url} is not safe to send a token to: use https (plain http only for 127.0.0.1)")
        self._config = config
        self._token = token
        self._is_tls = parts.scheme == "https"
        self._host = self.host = parts.hostname
        self._port = parts.port or (443 if self._is_tls else 80)
        self._prefix = parts.path.rstrip("/")
        self._tls = ssl.create_default_context() if self._is_tls else None
        self.server_time = ServerTime()
        """By the ``Date`` of every answer, a refusal's too."""

    def get_data(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return what stands under ``data`` of a successful answer.

        Raises:
            Refused, Throttled, Unauthorised, Ambiguous: see :func:`raise_for`; an answer of another shape is a BadAnswer.
        """
        body = self.get_bytes(path, query, MAX_JSON_BYTES)
        try:
            plain = parse_json(body, f"{self._host}{path}")
        except Refused as error:
            raise BadAnswer(str(error), body) from None
        if not isinstance(plain, dict) or plain.get("status") != "success" or "data" not in plain:
            raise BadAnswer(f"{self._host}{path}: the answer is not of the known shape (status, data): nothing was taken from it", body)
        return plain["data"]

    def get_bytes(self, path: str, query: Mapping[str, str] | None = None, limit: int = MAX_JSON_BYTES) -> bytes:
        """Return the body of a 200 answer of at most ``limit`` bytes."""
        token = self._token() if self._token is not None else ""
        status, body = self._call(Call("GET", path, query), token, limit)
        if status != 200:
            raise_for(status, body, f"{self._host}{path}")
        return body

    def send(self, call: Call) -> Any:
        """Make a call that changes something; return what stands under ``data``.

        Raises:
            Refused (Throttled, Unauthorised): definitely not done: nothing was sent, or the broker says no with a code of its own.
            Ambiguous: perhaps done: no whole answer, a fault at the broker, or an answer that cannot be read.
        """
        token, where = self._token() if self._token is not None else "", f"{self._host}{call.path}"
        try:
            status, body = self._call(call, token, MAX_JSON_BYTES)
        except TooLarge as error:
            raise Ambiguous(f"{error}: perhaps done, only the book can tell") from None
        if not 200 <= status < 300:
            if 400 <= status < 500 and (error_code(body) or status in (401, 403, 429)):
                raise_for(status, body, where)
            raise Ambiguous(f"{where}: HTTP {status} without a code of the broker: perhaps done, only the book can tell")
        try:
            plain = parse_json(body, where)
            return plain["data"]
        except (Refused, KeyError, TypeError):
            raise Ambiguous(f"{where}: taken (HTTP {status}), but the answer cannot be read: only the book can tell") from None

    def _call(self, call: Call, token: str, limit: int) -> tuple[int, bytes]:
        path, query = call.path, call.query
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": USER_AGENT, "Connection": "close"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = None if call.body is None else json.dumps(call.body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        if call.algo:
            headers["X-Algo-Name"] = call.algo
        target = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        where = f"{self._host}{path}"
        connection = self._connected()
        why = call.objection() if call.objection is not None else ""
        if why:
            connection.close()
            raise Refused(why)
        guard = _Guard(connection.sock, self._config.total_timeout_s)
        sent_ms = time.time_ns() // 1_000_000
        try:
            connection.request(call.method, target, body=content, headers=headers)
            reply = connection.getresponse()
            self.server_time.saw(reply.getheader("Date"), sent_ms, time.time_ns() // 1_000_000)
            body = _read(reply, limit, where)
        except (OSError, http.client.HTTPException):
            why = f"no whole answer within {self._config.total_timeout_s:g} s" if guard.is_late else "the connection broke"
            raise Ambiguous(f"{where}: {why}: it may be asked again") from None
        finally:
            guard.cancel()
            connection.close()
        if guard.is_late:
            raise Ambiguous(f"{where}: no whole answer within {self._config.total_timeout_s:g} s: it may be asked again")
        return reply.status, body

    def _connected(self) -> http.client.HTTPConnection:
        """Connect, to whichever of the host's addresses answers; ``connect_timeout_s`` is for all of them together."""
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port)
        else:
            connection = http.client.HTTPSConnection(self._host, self._port, context=self._tls)
        try:
            plain = _first_of(self._host, self._port, self._config.connect_timeout_s)
            try:
                connection.sock = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._host)
            except OSError:
                plain.close()
                raise
        except ssl.SSLError:
            raise Refused(
                f"{self._host}: its certificate is not valid, nothing was sent: check the address and this machine's clock"
            ) from None
        except OSError as error:
            raise Refused(f"{self._host}:{self._port} cannot be reached ({error.strerror or 'timed out'}): check the network") from None
        return connection


def _first_of(host: str, port: int, seconds: float) -> socket.socket:
    """Connect to the first address of a host that answers; each gets an equal share of the time that is left."""
    until, refusal = time.monotonic() + seconds, OSError()
    found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, address) in enumerate(found):
        left = until - time.monotonic()
        if left <= 0:
            break
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left / (len(found) - number))
            sock.connect(address)
            sock.settimeout(seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            refusal = error
        else:
            return sock
    raise refusal


class _Guard:
    """Shuts the socket at the deadline: a socket's own time-out starts anew with every byte that drips in."""

    __slots__ = ("_socket", "_timer", "is_late")

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        sock.settimeout(seconds)
        self._socket = socket.socket(fileno=socket.dup(sock.fileno()))
        self.is_late = False
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def _shut(self) -> None:
        self.is_late = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # closed in the same moment

    def cancel(self) -> None:
        self._timer.cancel()
        self._timer.join()
        self._socket.close()


def _read(reply: http.client.HTTPResponse, limit: int, where: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := reply.read(_CHUNK):
        size += len(part)
        if size > limit:
            raise TooLarge(f"{where}: the answer is larger than {limit} bytes: nothing was taken from it")
        parts.append(part)
    return b"".join(parts)


def parse_json(body: bytes, where: str) -> Any:
    """Parse JSON; NaN and bottomless nesting are refused."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refused(f"{where}: the answer is not valid JSON: nothing was taken from it") from None


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


def error_code(body: bytes) -> str:
    """Return the broker's own code (``UDAPI100050``) from an error answer; empty when it holds none."""
    try:
        errors = json.loads(body)["errors"]
        code = errors[0].get("error_code") or errors[0].get("errorCode") or ""
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return ""
    return re.sub(r"[^A-Za-z0-9]", "", str(code))[:24]


def raise_for(status: int, body: bytes, where: str) -> NoReturn:
    """Turn an HTTP status into the house's error.

    Raises:
        Unauthorised: 401, or 403 from the broker itself. Throttled: 429. Ambiguous: 5xx. Refused: the rest.
    """
    code = error_code(body)
    named = f"HTTP {status}{' ' + code if code else ''}"
    if status == 403 and (b"1010" in body or b"loudflare" in body):
        raise Refused(f"{where}: turned away before it reached the broker ({named}): wait, and check this machine's address")
    if status in (401, 403):
        raise Unauthorised(f"the broker does not accept the token ({named}): run `{LOGIN_COMMAND}`")
    if status == 429:
        raise Throttled(f"{where}: too many calls ({named}): wait a minute, and check what else uses this account")
    if status >= 500:
        raise Ambiguous(f"{where}: fault at the broker ({named}): it may be asked again")
    raise Refused(f"{where}: refused ({named}): check the request")


def path_part(text: str) -> str:
    """Encode one part of a path: ``NSE_EQ|INE002A01018`` holds a bar, ``NSE_INDEX|Nifty 50`` a space."""
    return quote(text, safe="")
