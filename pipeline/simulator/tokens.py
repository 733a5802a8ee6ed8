"""Who may ask: authorisation codes that work once, access tokens that die, feed codes that work once.

Reads   wall clock (a token's life is real time, as the client checks it against its own clock)
Writes  JWT-shaped tokens with Upstox's claims; the signature is random, nobody verifies it
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass, field

from pipeline.core.session import DAY_MS, ist_date, ist_ms
from pipeline.simulator.answers import ApiError

USER_ID = "SIM001"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a dialog was asked for; the exchange must say the same."""

    client_id: str
    redirect_uri: str


@dataclass(slots=True)
class Tokens:
    """Codes and tokens of one simulator."""

    life_s: float = 0.0
    secret: str = ""
    """Empty: any secret is right."""
    is_plus: bool = False
    """The account's plan, as the token claims it."""
    _codes: dict[str, Grant] = field(default_factory=dict)
    _live: dict[str, float] = field(default_factory=dict)
    _feed_codes: set[str] = field(default_factory=set)

    def authorise(self, client_id: str, redirect_uri: str) -> str:
        code = secrets.token_urlsafe(6)
        self._codes[code] = Grant(client_id, redirect_uri)
        return code

    def exchange(self, code: str, grant: Grant, secret: str) -> str:
        """Turn a code into a token. The code is used up even when the exchange fails."""
        known = self._codes.pop(code, None)
        if known is None:
            raise ApiError(401, "UDAPI100057", "Invalid Auth code", "code", code)
        if known != grant:
            raise ApiError(401, "UDAPI100068", "Check your 'client_id' and 'redirect_uri'; one or both are incorrect.")
        if secret == "" or self.secret not in ("", secret):
            raise ApiError(401, "UDAPI100069", "Check your 'client_id' and 'client_secret'; one or both are incorrect.")
        return self.issue()

    def issue(self) -> str:
        """Make a token; the newest OAuth login leaves older ones alive."""
        now = time.time()
        ends = now + self.life_s if self.life_s > 0 else next_half_past_three(int(now * 1000)) / 1000
        claims = {"sub": USER_ID, "jti": secrets.token_hex(12), "isMultiClient": False, "isPlusPlan": self.is_plus, "iat": int(now)}
        token = ".".join(
            (
                _part({"typ": "JWT", "alg": "HS256"}),
                _part({**claims, "iss": "udapi-gateway-service", "exp": int(ends)}),
                secrets.token_urlsafe(32),
            )
        )
        self._live[token] = ends
        return token

    def check(self, header: str) -> str:
        """Give the token of an ``Authorization`` header.

        Raises:
            ApiError: 401 UDAPI100050 when it is missing, unknown, expired or killed.
        """
        token = header.removeprefix("Bearer ").strip()
        ends = self._live.get(token)
        if ends is None or time.time() >= ends:
            raise ApiError(401, "UDAPI100050", "Invalid token used to access API")
        return token

    def revoke(self, token: str = "") -> None:
        """Kill one token, or all of them."""
        if token:
            self._live.pop(token, None)
        else:
            self._live.clear()

    def feed_code(self) -> str:
        code = secrets.token_urlsafe(12)
        self._feed_codes.add(code)
        return code

    def use_feed_code(self, code: str) -> bool:
        """Tell whether a feed code is good, and use it up."""
        if code not in self._feed_codes:
            return False
        self._feed_codes.discard(code)
        return True


def next_half_past_three(now_ms: int) -> int:
    """The next 03:30 IST: when every token dies, whatever time it was issued."""
    today = ist_ms(ist_date(now_ms), "03:30")
    return today if now_ms < today else today + DAY_MS


def _part(claims: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).rstrip(b"=").decode()
