"""The Upstox login over HTTP: credentials, login address with state, code for token, profile.

Reads ``authentication/credentials.json`` (mode 0600) and the environment, which wins: ``UPSTOX_API_KEY``,
``UPSTOX_API_SECRET``, ``UPSTOX_REDIRECT_URI``, ``UPSTOX_ACCESS_TOKEN`` (``UPX_*`` work too); ``TICKTICK_CREDENTIALS``
names another file. Talks to one base address with TLS verified (plain HTTP on loopback only, for the simulator),
connect 2 s, total 5 s, no redirect followed, nothing retried. Never puts a secret, a code or a token in a message.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import aiohttp

from authentication.private_file import read_private
from authentication.token import TokenKind, make_token
from pipeline.core.errors import Ambiguous, Refused, Unauthorised

if TYPE_CHECKING:
    from collections.abc import Mapping

    from authentication.token import Token

LOGIN_COMMAND = "ticktick login --open"
USER_AGENT = "tick-tick/0.1"
STATE_LIFE_MS = 10 * 60_000
MAX_REPLY_BYTES = 65_536
MAX_CODE_CHARS = 512
LOOPBACK = ("127.0.0.1", "localhost", "::1")
FIELDS = ("api_key", "api_secret", "redirect_uri", "access_token", "token_expires_at")
REQUIRED = FIELDS[:3]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What identifies our app at Upstox. ``redirect_uri`` must equal the registered one, letter for letter."""

    api_key: str
    api_secret: str = field(repr=False)
    redirect_uri: str
    access_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where to log in and how long to wait. The simulator puts its own loopback address here."""

    login_url: str = "https://api.upstox.com"
    rest_url: str = "https://api.upstox.com"
    connect_timeout_s: float = 2.0
    total_timeout_s: float = 5.0


def credentials_path(default: Path, environ: Mapping[str, str]) -> Path:
    """Say where the credentials lie: ``TICKTICK_CREDENTIALS`` goes before the default."""
    named = environ.get("TICKTICK_CREDENTIALS", "")
    return Path(named).expanduser() if named else default


def read_fields(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the known fields, the environment's first, then the file's; unknown ones are refused by name."""
    place = credentials_path(path, environ)
    content = read_private(place)
    found = _parse(place, content) if content is not None else {}
    for name in FIELDS:
        for prefix in ("UPX", "UPSTOX"):  # the documented prefix is read last, so it wins
            value = environ.get(f"{prefix}_{name.upper()}", "")
            if value:
                found[name] = value
    return found


def _parse(place: Path, content: bytes) -> dict[str, str]:
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(f"{place} is not valid JSON: compare it with authentication/credentials.example.json") from None
    if not isinstance(plain, dict):
        raise Refused(f"{place} must hold one JSON object: compare it with authentication/credentials.example.json")
    unknown = sorted(set(plain) - set(FIELDS))
    if unknown:
        raise Refused(f"{place}: unknown field {unknown[0]!r}; the fields are {', '.join(FIELDS)}")
    return {name: str(value).strip() for name, value in plain.items() if value is not None}


def load_credentials(path: Path, environ: Mapping[str, str]) -> Credentials:
    """Read the credentials for a login.

    Raises:
        Unauthorised: a required field is in neither place.
        Refused: the file is open to others, damaged, or the redirect URI is no address.
    """
    found = read_fields(path, environ)
    missing = [name for name in REQUIRED if not found.get(name)]
    if missing:
        raise Unauthorised(
            f"{', '.join(missing)} missing: put api_key, api_secret and redirect_uri into {credentials_path(path, environ)} "
            f"(chmod 600), or set UPSTOX_API_KEY, UPSTOX_API_SECRET and UPSTOX_REDIRECT_URI; then run `{LOGIN_COMMAND}`"
        )
    if urlsplit(found["redirect_uri"]).scheme not in ("http", "https"):
        raise Refused("redirect_uri must be the full address registered for your app, for example http://127.0.0.1:5000/callback")
    return Credentials(found["api_key"], found["api_secret"], found["redirect_uri"], found.get("access_token", ""))


def check_base(url: str) -> str:
    """Refuse an address that would send secrets in the clear; plain HTTP is for loopback alone."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url.rstrip("/")
    if parts.scheme == "http" and parts.hostname in LOOPBACK:
        return url.rstrip("/")
    raise Refused(f"{parts.scheme}://{parts.hostname} is not safe for a login: use https (plain http only for 127.0.0.1)")


def login_address(endpoints: Endpoints, credentials: Credentials, state: str) -> str:
    """Build the address of the login dialog (`response_type=code`)."""
    base = check_base(endpoints.login_url)
    dialog = base if base.endswith("/dialog") else f"{base}/v2/login/authorization/dialog"
    query = {"response_type": "code", "client_id": credentials.api_key, "redirect_uri": credentials.redirect_uri, "state": state}
    return f"{dialog}?{urlencode(query)}"


class LoginState:
    """A 256-bit word that ties the answer to the question: good once, for ten minutes."""

    __slots__ = ("_made_ms", "_word")

    def __init__(self, now_ms: int) -> None:
        self._word: str | None = secrets.token_hex(32)
        self._made_ms = now_ms

    @property
    def word(self) -> str:
        if self._word is None:
            raise Refused(f"this login has been used: start again with `{LOGIN_COMMAND}`")
        return self._word

    @property
    def is_used(self) -> bool:
        return self._word is None

    def accept(self, received: str | None, now_ms: int) -> None:
        """Take the state of an answer; a right one is used up by this.

        Raises:
            Refused: absent, forged, reused or late.
        """
        if not received:
            raise Refused("the answer carries no state, so it may not be ours: nothing was taken from it")
        if self._word is None:
            raise Refused("this login has been used already: nothing was taken from it")
        if not hmac.compare_digest(self._word.encode(), received.encode("utf-8", "replace")):
            raise Refused("the answer carries a state that is not ours: nothing was taken from it")
        self._word = None
        if not 0 <= now_ms - self._made_ms <= STATE_LIFE_MS:
            raise Refused(f"the answer came after ten minutes: start again with `{LOGIN_COMMAND}`")


async def exchange_code(endpoints: Endpoints, credentials: Credentials, code: str, now_ms: int) -> Token:
    """Change the code for a token. The code works once, even if this fails.

    Raises:
        Refused: the broker turned it down; the message says which of our values to check.
        Ambiguous: no answer came; the code is used up.
    """
    if not 0 < len(code) <= MAX_CODE_CHARS:
        raise Refused(f"the answer carries no usable code: start again with `{LOGIN_COMMAND}`")
    form = {
        "code": code,
        "client_id": credentials.api_key,
        "client_secret": credentials.api_secret,
        "redirect_uri": credentials.redirect_uri,
        "grant_type": "authorization_code",
    }
    status, reply = await _ask(endpoints, "POST", "/v2/login/authorization/token", form=form)
    if status != 200:
        raise Refused(_why_refused(status, reply, credentials.redirect_uri))
    token = reply.get("access_token")
    if not isinstance(token, str):
        raise Refused(f"the broker's answer holds no access token: start again with `{LOGIN_COMMAND}`")
    return make_token(token, TokenKind.OAUTH, now_ms)


async def fetch_profile(endpoints: Endpoints, token: str) -> dict[str, Any]:
    """Ask who the token belongs to; proves that it works.

    Raises:
        Unauthorised: the broker does not know the token.
    """
    status, reply = await _ask(endpoints, "GET", "/v2/user/profile", token=token)
    if status in (401, 403):
        raise Unauthorised(f"the broker does not accept this token ({status}): run `{LOGIN_COMMAND}`")
    profile = reply.get("data")
    if status != 200 or not isinstance(profile, dict):
        raise Refused(f"the profile could not be read (HTTP {status}): try `ticktick status` again in a minute")
    return profile


def _why_refused(status: int, reply: Mapping[str, Any], redirect_uri: str) -> str:
    errors = reply.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = re.sub(r"[^A-Za-z0-9]", "", str(first.get("error_code") or first.get("errorCode") or ""))[:20]
    hints = {
        "UDAPI100057": "the code is wrong or was used before: start again",
        "UDAPI100068": f"the redirect URI {redirect_uri} must equal the one registered for your app, letter for letter",
        "UDAPI100069": "api_key and api_secret do not belong together: copy both from the same app",
        "UDAPI100016": "api_key or api_secret is wrong: copy both again",
        "UDAPI100073": "the app is inactive: only your newest app works since April 2026",
    }
    usual = f"check api_key, api_secret, and that the redirect URI {redirect_uri} equals the registered one"
    return f"the broker refused the login (HTTP {status}{' ' + code if code else ''}): {hints.get(code, usual)}; then `{LOGIN_COMMAND}`"


async def _ask(
    endpoints: Endpoints, method: str, path: str, form: Mapping[str, str] | None = None, token: str = ""
) -> tuple[int, dict[str, Any]]:
    base = check_base(endpoints.rest_url)
    timeout = aiohttp.ClientTimeout(total=endpoints.total_timeout_s, connect=endpoints.connect_timeout_s)
    headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    host = urlsplit(base).hostname
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.request(method, base + path, data=form, allow_redirects=False) as reply,
        ):
            body = await _read_bounded(reply)
    except aiohttp.ClientConnectorError as error:
        # `from None`: the error of a TLS check or a proxy may carry the whole request.
        why = "its certificate is not valid" if isinstance(error, aiohttp.ClientConnectorCertificateError) else "no connection"
        raise Refused(f"{host} cannot be reached ({why}): check the network, then `{LOGIN_COMMAND}`") from None
    except (aiohttp.ClientError, TimeoutError):
        raise Ambiguous(f"{host} did not answer within {endpoints.total_timeout_s:g} s: start again with `{LOGIN_COMMAND}`") from None
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        plain = {}
    return reply.status, plain if isinstance(plain, dict) else {}


async def _read_bounded(reply: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for part in reply.content.iter_chunked(16_384):
        body += part
        if len(body) > MAX_REPLY_BYTES:
            raise Refused("the broker's answer is larger than any login needs: nothing was taken from it")
    return body
