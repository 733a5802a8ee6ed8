"""Addresses of a Redis: the three roles of one server, and what a server is called before people.

Reads   ``redis://HOST:PORT``, ``rediss://HOST:PORT``, or ``unix:///PATH``: the socket of a server on this machine, which
        costs a writer of many small commits a tenth less than TCP over loopback, and one of few large ones no less
Gives   the URL of each role: its database behind a slash, for a socket as ``?db=``
"""

from __future__ import annotations

import shlex
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pipeline.core.errors import Refused
from pipeline.core.schema import DEFAULT_DATABASE, Role

SOCKET = "unix"
SCHEMES = ("redis", "rediss", SOCKET)
LONGEST_SOCKET = 103
"""Bytes in the path of a socket that every system takes: macOS 103, Linux 107."""


def roles_at(server: str) -> dict[Role, str]:
    """Give the URL of each role on one server.

    Raises:
        Refused: no address, or one that names a database.
    """
    parts = urlsplit(server)
    has_path = bool(parts.path.strip("/"))
    is_wrong = parts.scheme not in SCHEMES or has_path != (parts.scheme == SOCKET) or parts.query
    if is_wrong or (has_path and parts.hostname is not None):
        raise Refused("--redis-url names a server, without a database: redis://127.0.0.1:6379, or unix:///run/redis.sock")
    between = "?db=" if has_path else "/"
    return {role: f"{server.rstrip('/')}{between}{number}" for role, number in DEFAULT_DATABASE.items()}


def of_socket(path: str | Path) -> str:
    """Give the address of the server that listens at a socket."""
    return f"{SOCKET}://{quote(str(path))}"


def is_short_enough(path: str | Path) -> bool:
    """Tell whether a socket may have this path: the kernel keeps it in a field of fixed size."""
    return len(str(path).encode()) <= LONGEST_SOCKET


def place(url: str) -> str:
    """Name a server without its password: ``127.0.0.1:6379/1``, ``/run/redis.sock, database 1``."""
    parts = urlsplit(url)
    if parts.scheme == SOCKET:
        return f"{unquote(parts.path)}, database {_database(parts.query)}"
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}{parts.path}"


def for_cli(url: str) -> str:
    """Say how ``redis-cli`` gets there; a password of a socket is left for it to ask for."""
    parts = urlsplit(url)
    if parts.scheme == SOCKET:
        return f"-s {shlex.quote(unquote(parts.path))} -n {_database(parts.query)}"
    return f"-u {url}"


def _database(query: str) -> str:
    return parse_qs(query).get("db", ["0"])[0]
