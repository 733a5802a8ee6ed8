"""What the pre-trade checks must know of the world and the pure half cannot: token, versions, clock, instruments, funds.

Reads   the token's record, the health of the running processes, the watchlist's source, the broker's funds and the ``Date`` of its answers
Writes  Facts, every ten seconds, from a thread of its own; what cannot be looked up is None, stops entries, and is looked up again sooner

The same looks serve `ticktick mode preflight`. Nothing here decides.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

import redis

from authentication.token import state_of
from pipeline import __version__
from pipeline.broker.rest import RestClient
from pipeline.broker.upstox_account import UpstoxAccount
from pipeline.core.broker import Facts
from pipeline.core.errors import Ambiguous, Refused, TickTickError, Unauthorised
from pipeline.core.schema import HEALTH, TICKS, Role
from pipeline.run import universe
from pipeline.run.access import now_ms, rest_client, tokens
from pipeline.run.options import Settings
from pipeline.run.processes import PROCESSES
from pipeline.run.reads import reads_of
from pipeline.store.client import Clients, open_clients
from pipeline.store.streams import RedisStore

log = logging.getLogger("ticktick.surroundings")
LOOK_S, AGAIN_S, ASK_AGAIN_S = 10.0, 0.5, 2.0
"""Between two looks; sooner while something is not known: the house at once (other processes still start), the broker less often."""


def token_left_ms(settings: Settings) -> int:
    """Tell how long the token of the moment lives; 0 when none is usable."""
    held, now = tokens(settings).current(), now_ms()
    return held.expires_ms - now if held is not None and state_of(held, now).is_usable else 0


def versions(clients: Clients) -> dict[str, str]:
    """Give the version of each process that can be seen."""
    pipe = clients[Role.DERIVED].pipeline()
    for job in PROCESSES.values():
        pipe.hget(HEALTH.key(job), "version")
    found: list[Any] = pipe.execute()
    return {job: version.decode() for job, version in zip(PROCESSES.values(), found, strict=True) if version is not None}


def are_equal(found: Mapping[str, str]) -> bool | None:
    """Tell whether all bear our version; None when not even the feed's process, whose prices we act on, can be seen."""
    if any(version != __version__ for version in found.values()):
        return False
    return True if TICKS.writer in found else None


def funds_and_skew(api: RestClient) -> tuple[int, int | None]:
    """Ask the broker for the funds (paise); its answer tells the skew of the clocks as well (milliseconds)."""
    return UpstoxAccount(api).funds_paise(), api.server_time.skew_ms


class Surroundings:
    """Looks around and tells: ``start`` once, ``close`` at the end."""

    def __init__(self, settings: Settings, date_iso: str, deliver: Callable[[list[Facts]], None]) -> None:
        self._settings, self._date, self._deliver = settings, date_iso, deliver
        self._api, self._clients = rest_client(settings), open_clients(settings.redis.urls())
        self._reads = reads_of(settings, 1.0)
        self._store = RedisStore(self._clients)
        self._asked: tuple[int | None, int | None, bool] = (None, None, True)
        """Funds, skew, and whether the token was taken, as the broker answered last."""
        self._ask_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="surroundings", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(LOOK_S)

    def look(self) -> Facts:
        """Look everything up, once."""
        if time.monotonic() >= self._ask_at:
            self._asked = self._ask()
            self._ask_at = time.monotonic() + (ASK_AGAIN_S if None in self._asked else LOOK_S)
        margin, skew, is_taken = self._asked
        left, are_same, is_today = self._token() if is_taken else 0, None, None
        try:
            are_same = are_equal(versions(self._clients))
            is_today = universe.is_of_today(self._store, self._date)
        except (redis.exceptions.RedisError, Ambiguous) as error:
            log.warning("versions and instruments are not known: %s", error)
        return Facts(now_ms(), left, are_same, skew, is_today, margin)

    def _ask(self) -> tuple[int | None, int | None, bool]:
        now = time.monotonic_ns() // 1_000_000
        self._stop.wait((self._reads.reserve(now) - now) / 1000)
        try:
            return (*funds_and_skew(self._api), True)
        except Unauthorised as error:
            log.warning("the token is not taken: %s", error)
            return None, None, False
        except (Refused, Ambiguous) as error:
            log.warning("the funds are not known: %s", error)
            return None, None, True

    def _token(self) -> int | None:
        try:
            return token_left_ms(self._settings)
        except TickTickError as error:
            log.warning("the token's life is not known: %s", error)
            return None

    def _run(self) -> None:
        while not self._stop.is_set():
            found = self.look()
            self._deliver([found])
            self._stop.wait(AGAIN_S if None in astuple(found) else LOOK_S)
