"""The token of the moment, for every process that talks to the broker.

Reads the token records (``token.py``), the credentials file and the environment at each call, so that a fresh
login is used at the next connect without a restart. Writes only the mark against a token that was turned down.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from authentication.token import Token, TokenKind, TokenState, load_token, make_token, mark_rejected, rejected_at, state_of
from authentication.upstox_client import LOGIN_COMMAND, read_fields
from pipeline.core.errors import Unauthorised
from pipeline.core.session import IST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ENVIRON_TOKENS = ("UPSTOX_ACCESS_TOKEN", "UPX_ACCESS_TOKEN")


class TokenSource:
    """Give the token to use now. Order: the environment, today's login, the analytics token, the credentials file.

    Args:
        token_path: the record of the OAuth token; the other kinds lie beside it.
        credentials: ``credentials.json`` (``TICKTICK_CREDENTIALS`` in ``environ`` goes first).
        environ: the environment, handed in.
        now_ms: epoch milliseconds UTC.
    """

    __slots__ = ("_credentials", "_environ", "_now_ms", "_path")

    def __init__(self, token_path: Path, credentials: Path, environ: Mapping[str, str], now_ms: Callable[[], int]) -> None:
        self._path = token_path
        self._credentials = credentials
        self._environ = environ
        self._now_ms = now_ms

    def __call__(self) -> str:
        """Return the bearer token.

        Raises:
            Unauthorised: none is usable; the message names the command.
        """
        token = self.current()
        state = state_of(token, self._now_ms())
        if token is None or not state.is_usable:
            raise Unauthorised(f"the Upstox token is {state}: run `{LOGIN_COMMAND}`")
        return token.access_token

    def current(self) -> Token | None:
        """Return the first usable token, or the first of all when none is usable, to talk about its state."""
        now = self._now_ms()
        found = [token for token in self._candidates(now) if token is not None]
        usable = [token for token in found if state_of(token, now).is_usable]
        return next(iter(usable or found), None)

    def reject(self, access_token: str) -> None:
        """Remember that the broker answered 401 to this token."""
        mark_rejected(self._path, access_token, self._now_ms())

    def status(self) -> dict[str, str | int]:
        """Return what may be shown: state, kind, dates and the next command; never the token."""
        token = self.current()
        state = state_of(token, self._now_ms())
        return {
            "state": str(state),
            "kind": "" if token is None else str(token.kind),
            "issued_ms": 0 if token is None else token.issued_ms,
            "expires_ms": 0 if token is None else token.expires_ms,
            "next": "" if state is TokenState.VALID else f"run `{LOGIN_COMMAND}`",
        }

    def _candidates(self, now: int) -> list[Token | None]:
        fields = read_fields(self._credentials, self._environ)
        loose = self._loose(fields.get("access_token", ""), fields.get("token_expires_at", ""), now)
        stored = [load_token(self._path), load_token(self._path, TokenKind.ANALYTICS)]
        is_named = any(self._environ.get(name) for name in ENVIRON_TOKENS)
        return [loose, *stored] if is_named else [*stored, loose]

    def _loose(self, text: str, expires: str, now: int) -> Token | None:
        """Make a record of a token that came without one: dates from the token itself, else the next 03:30 IST."""
        if not text:
            return None
        token = make_token(text, TokenKind.OAUTH, now)
        ends = min(_instant(expires, token.expires_ms), token.expires_ms)
        return replace(token, expires_ms=ends, rejected_ms=rejected_at(self._path, token.access_token))


def _instant(text: str, otherwise: int) -> int:
    """Read epoch milliseconds or an ISO time (IST when it names no offset)."""
    if text.isdecimal():
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return int((found if found.tzinfo is not None else found.replace(tzinfo=IST)).timestamp() * 1000)
