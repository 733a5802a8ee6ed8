"""Who may talk to the page: one verdict on each request, before anything else looks at it.

Reads   method, Host, Origin, Sec-Fetch-Site, Content-Type, X-Ticktick and the session cookie
Gives   a refusal, or nothing; the headers of every answer; nonces for confirmations
Never   trusts an Origin because it equals the Host (DNS rebinding makes them equal): the Host is compared
        with the list of our own names first. Never reads a secret from an address.

The session secret is 256 bits, made at start, kept in memory and compared in constant time. We do not
lock out after wrong guesses: a lock would let any program on the machine take the Confirm button away
from the trader, and 2**256 needs no lock.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

SAFE_METHODS = frozenset({"GET", "HEAD"})
OWN_HEADER = "X-Ticktick"
SOCKET_PATH = "/live"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request says about itself. Repeated headers stay repeated: two Hosts are no Host."""

    method: str
    path: str
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    cookie: str = ""
    content_type: str = ""
    own_header: str = ""
    fetch_site: str = ""
    fetch_mode: str = ""
    is_upgrade: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    status: HTTPStatus
    reason: str


def _forbidden(reason: str) -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, reason)


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules of one running page. ``hosts`` are the names it answers to, with port."""

    hosts: frozenset[str]
    cookie_name: str
    secret: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    nonce_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @classmethod
    def for_address(cls, host: str, port: int) -> Guard:
        """Answer to the loopback names, and to ``host`` when the user opened the page on purpose."""
        names = {f"{name}:{port}" for name in (*LOOPBACK_NAMES, host)}
        if port == 80:
            names |= set(LOOPBACK_NAMES)
        return cls(frozenset(names), f"ticktick_{port}")

    def verdict(self, ask: Ask) -> Refusal | None:
        """Refuse, or let pass."""
        if len(ask.hosts) != 1 or ask.hosts[0] not in self.hosts:
            return _forbidden("this page answers only to its own address: open it as http://127.0.0.1")
        is_unsafe = ask.method not in SAFE_METHODS
        if is_unsafe and ask.method != "POST":
            return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and POST are known here")
        is_socket = ask.is_upgrade or ask.path == SOCKET_PATH
        if (ask.origins or is_unsafe or is_socket) and ask.origins != (f"http://{ask.hosts[0]}",):
            return _forbidden("the request comes from another page")
        if ask.fetch_site not in {"", "none", "same-origin"} and not (ask.path == "/" and ask.fetch_mode == "navigate"):
            return _forbidden("the request comes from another site")
        if (is_unsafe or is_socket) and not self.knows(ask.cookie):
            return Refusal(HTTPStatus.UNAUTHORIZED, "the session of this page has ended: load it again")
        return _check_form(ask) if is_unsafe else None

    def knows(self, cookie: str) -> bool:
        """Tell whether a cookie is ours, in constant time."""
        return hmac.compare_digest(cookie.encode(errors="replace"), self.secret.encode())

    def nonce(self, recommendation_id: str) -> str:
        """Give the nonce without which an answer to this recommendation is refused."""
        return hmac.new(self.nonce_key, recommendation_id.encode(errors="replace"), hashlib.sha256).hexdigest()

    def is_nonce(self, recommendation_id: str, nonce: str) -> bool:
        return hmac.compare_digest(nonce.encode(errors="replace"), self.nonce(recommendation_id).encode())

    def set_cookie(self, response: web.StreamResponse) -> None:
        response.set_cookie(self.cookie_name, self.secret, httponly=True, samesite="Strict", path="/")

    def ask_of(self, request: web.Request) -> Ask:
        """Read what the verdict needs; nothing else of the request is looked at before it."""
        headers = request.headers
        return Ask(
            method=request.method,
            path=request.path,
            hosts=tuple(headers.getall("Host", ())),
            origins=tuple(headers.getall("Origin", ())),
            cookie=request.cookies.get(self.cookie_name, ""),
            content_type=headers.get("Content-Type", ""),
            own_header=headers.get(OWN_HEADER, ""),
            fetch_site=headers.get("Sec-Fetch-Site", ""),
            fetch_mode=headers.get("Sec-Fetch-Mode", ""),
            is_upgrade="upgrade" in headers,
        )


def _check_form(ask: Ask) -> Refusal | None:
    if ask.own_header != "1":
        return _forbidden(f"the header {OWN_HEADER} is missing")
    if ask.content_type.split(";")[0].strip().lower() != "application/json":
        return Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "only application/json is taken")
    return None


def middleware(guard: Guard) -> Middleware:
    """Wrap the verdict as aiohttp likes it."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        refusal = guard.verdict(guard.ask_of(request))
        if refusal is not None:
            return web.json_response({"error": refusal.reason}, status=refusal.status)
        return await handler(request)

    return check


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Put the headers on every answer, errors and upgrades too."""
    response.headers.update(HEADERS)
