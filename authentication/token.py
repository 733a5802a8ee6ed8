"""The access token: where it lies, until when it is good, and what state it is in. Never printed.

A record is a JSON file of mode 0600: the token, its kind, when it was issued, when it ends, and which tokens the
broker has turned down (by fingerprint, so that the mark survives a restart and an environment variable).
An OAuth token dies at the first 03:30 IST after it was issued, whatever the time of login; what the token itself
says (``exp``) goes first. Instants are epoch milliseconds UTC. Nothing here talks to a network.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from authentication.private_file import locked, read_private, write_private
from pipeline.core.errors import Refused
from pipeline.core.session import IST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DAY_MS = 86_400_000
EXPIRING_MS = 30 * 60_000
"""A token with less life than this is shown as expiring."""
MAX_TOKEN_CHARS = 8_192
KEEP_REJECTED = 8
VERSION = 1


class TokenKind(StrEnum):
    OAUTH = "oauth"
    ANALYTICS = "analytics"
    """One year, reads and the market feed only."""
    SANDBOX = "sandbox"
    """Thirty days, the sandbox's order calls only."""


class TokenState(StrEnum):
    ABSENT = "absent"
    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REJECTED = "rejected"

    @property
    def is_usable(self) -> bool:
        return self in (TokenState.VALID, TokenState.EXPIRING)


LIFE_MS = {TokenKind.ANALYTICS: 365 * DAY_MS, TokenKind.SANDBOX: 30 * DAY_MS}


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and its dates. The token never shows in ``repr``."""

    access_token: str = field(repr=False)
    kind: TokenKind
    issued_ms: int
    expires_ms: int
    is_plus: bool = False
    rejected_ms: int = 0
    """When the broker answered 401 to it; 0 never."""

    @property
    def fingerprint(self) -> str:
        """Tell tokens apart without showing them."""
        return fingerprint(self.access_token)


def fingerprint(access_token: str) -> str:
    """Return 16 hex digits of SHA-256: enough to know a token again, useless to use it."""
    return hashlib.sha256(access_token.encode()).hexdigest()[:16]


def oauth_expiry(issued_ms: int) -> int:
    """Return the first 03:30 IST after ``issued_ms``: a token of 02:30 lives one hour (Upstox, "Get Token")."""
    issued = datetime.fromtimestamp(issued_ms / 1000, UTC).astimezone(IST)
    end = issued.replace(hour=3, minute=30, second=0, microsecond=0)
    if end <= issued:
        end += timedelta(days=1)
    return int(end.timestamp()) * 1000


def claims(access_token: str) -> dict[str, Any]:
    """Read the token's own words without trusting them; empty when it is no JWT."""
    parts = access_token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def make_token(access_token: str, kind: TokenKind, issued_ms: int) -> Token:
    """Build the record of a token just received or pasted.

    Raises:
        Refused: it is empty, too long or holds characters that may not stand in a header.
    """
    text = access_token.strip()
    if not text or len(text) > MAX_TOKEN_CHARS or not text.isascii() or not text.isprintable() or " " in text:
        raise Refused("that is no access token (empty, too long, or with spaces in it): copy it again, whole and alone")
    said = claims(text)
    usual = issued_ms + LIFE_MS[kind] if kind in LIFE_MS else oauth_expiry(issued_ms)
    exp = said.get("exp")
    is_number = isinstance(exp, (int, float)) and not isinstance(exp, bool) and 0 < exp < 1e11
    expires = int(exp * 1000) if is_number and exp is not None else usual
    return Token(text, kind, issued_ms, expires, is_plus=said.get("isPlusPlan") is True)


def state_of(token: Token | None, now_ms: int) -> TokenState:
    """Name the state of a token at an instant. Pure."""
    if token is None:
        return TokenState.ABSENT
    if token.rejected_ms != 0:
        return TokenState.REJECTED
    if now_ms >= token.expires_ms:
        return TokenState.EXPIRED
    return TokenState.EXPIRING if token.expires_ms - now_ms < EXPIRING_MS else TokenState.VALID


def slot(path: Path, kind: TokenKind) -> Path:
    """Give each kind its own file: ``upstox.token.json``, ``upstox.analytics.token.json``, ``upstox.sandbox.token.json``."""
    if kind is TokenKind.OAUTH:
        return path
    stem = path.name.removesuffix(".token.json").removesuffix(".json")
    return path.with_name(f"{stem}.{kind}.token.json")


def save_token(path: Path, token: Token) -> None:
    """Store a new token in the slot of its kind; marks against other tokens stay."""
    place = slot(path, token.kind)
    with locked(place):
        _write(place, token, _rejected(_plain(place)))


def load_token(path: Path, kind: TokenKind = TokenKind.OAUTH) -> Token | None:
    """Read the token of a kind; None when there is none.

    Raises:
        Refused: the file is open to others or damaged.
    """
    place = slot(path, kind)
    plain = _plain(place)
    if plain is None or plain.get("token") is None:
        return None
    found = plain["token"]
    try:
        text = str(found["access_token"])
        rejected = _rejected(plain).get(fingerprint(text), 0)
        return Token(text, TokenKind(found["kind"]), int(found["issued_ms"]), int(found["expires_ms"]), found["is_plus"] is True, rejected)
    except (KeyError, TypeError, ValueError):
        raise _damaged(place) from None


def mark_rejected(path: Path, access_token: str, now_ms: int) -> None:
    """Remember that the broker turned this token down. A newer token in the file is not touched."""
    place = path
    for kind in TokenKind:
        known = load_token(path, kind)
        if known is not None and known.access_token == access_token:
            place = slot(path, kind)
    with locked(place):
        plain = _plain(place)
        marks = _rejected(plain)
        marks[fingerprint(access_token)] = now_ms
        newest = dict(sorted(marks.items(), key=lambda item: item[1])[-KEEP_REJECTED:])
        write_private(place, _bytes({"version": VERSION, "token": plain.get("token") if plain else None, "rejected": newest}))


def rejected_at(path: Path, access_token: str) -> int:
    """Return when a token that lies elsewhere (the environment) was turned down; 0 never."""
    return _rejected(_plain(path)).get(fingerprint(access_token), 0)


def _write(place: Path, token: Token, marks: Mapping[str, int]) -> None:
    # A token that was turned down and is stored again by a person gets a new chance.
    kept = {name: at for name, at in marks.items() if name != token.fingerprint}
    record = {
        "access_token": token.access_token,
        "kind": str(token.kind),
        "issued_ms": token.issued_ms,
        "expires_ms": token.expires_ms,
        "is_plus": token.is_plus,
    }
    write_private(place, _bytes({"version": VERSION, "token": record, "rejected": kept}))


def _bytes(plain: Mapping[str, Any]) -> bytes:
    return json.dumps(plain, indent=1).encode() + b"\n"


def _plain(place: Path) -> dict[str, Any] | None:
    content = read_private(place)
    if content is None:
        return None
    try:
        plain = json.loads(content)
    except (ValueError, RecursionError):
        raise _damaged(place) from None  # the cause would carry the content
    if not isinstance(plain, dict) or plain.get("version") != VERSION:
        raise _damaged(place)
    return plain


def _rejected(plain: Mapping[str, Any] | None) -> dict[str, int]:
    marks = (plain or {}).get("rejected", {})
    if not isinstance(marks, dict):
        return {}
    return {str(name): at for name, at in marks.items() if isinstance(at, int)}


def _damaged(place: Path) -> Refused:
    return Refused(f"{place} cannot be understood: delete it and log in again with `ticktick login --open`")
