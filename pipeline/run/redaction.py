"""Keep secrets out of every line that leaves the process: by value, and by pattern.

By value: whoever reads a secret registers it once (:func:`register_secret`); from then on its plain, URL-
quoted and escaped forms are replaced. By pattern: what looks like a bearer header, a JWT, an OAuth
code, a client secret or a password in a URL is replaced even when nobody registered it.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote, quote_plus

MASK = "[redacted]"
SHORTEST = 4
"""A shorter text is no secret; masking it would eat ordinary words."""

_NAMES = r"client_secret|api_secret|apisecret|access_token|extended_token|refresh_token|auth_token|password|passwd|secret"
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{4,}"), rf"\1{MASK}"),
    (re.compile(r"\beyJ[\w-]{4,}\.[\w-]{4,}(?:\.[\w-]*)?"), MASK),
    (re.compile(rf"(?i)\b({_NAMES})(=|%3D)[^\s&\"'\\,;)\]}}]+"), rf"\1\2{MASK}"),
    (re.compile(r"(?i)([?&]code(?:=|%3D))[^\s&\"'\\]+"), rf"\1{MASK}"),
    (re.compile(rf"(?i)(\\?[\"'](?:{_NAMES})\\?[\"']\s*:\s*\\?[\"'])[^\"'\\]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b((?:redis|rediss|unix|https?|wss?)://[^\s:/@]*:)[^\s@/]+@"), rf"\1{MASK}@"),
)

_secrets: set[str] = set()


def register_secret(value: str) -> None:
    """Make one secret unprintable from now on, in all the forms it may take in a line."""
    if len(value) < SHORTEST:
        return
    _secrets.update({value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe=""), quote_plus(value)})


def forget_secrets() -> None:
    """Forget all registered secrets (a process that changes its credentials, and tests)."""
    _secrets.clear()


def redact(text: str) -> str:
    """Return the text with every known or recognised secret replaced."""
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
