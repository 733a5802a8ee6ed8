"""One read quota for all processes of the account: calls are booked in a ledger that outlives a kill.

Reads   the instants of the last calls: in a file of this machine, and in Redis (hash ``quota:reads``) where one answers
Writes  the same with the next call; what is booked counts, whether the call was made or its process was killed before
Law     the limits hold over all who share a ledger; each also keeps its own pace. Without one (Redis went away) a process
        keeps the limits by itself, and says so once: a feed must not stand still for it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.broker.quota import SHARED_READS, Limit, ReadBudget
from pipeline.core.schema import READS

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger("ticktick.quota")
FIELD = "calls"
MAX_TRIES = 50
MAX_BYTES = 1 << 20
AWAY_S = 30.0
"""How long a ledger that failed is left alone."""
REPLY_S = 0.25
"""A feed may wait for this: longer than that, the ledger is away."""


def booked(held: bytes, limits: tuple[Limit, ...], now_ms: int) -> tuple[bytes, int]:
    """Book one call on top of those held (int64 instants); give what to keep and when it may be made."""
    budget = ReadBudget(limits)
    instants = np.sort(np.frombuffer(held[: len(held) // 8 * 8], "<i8"))
    # An instant farther ahead than any window comes of a clock that was set back: it would block for ever.
    budget.restore(instants[instants <= now_ms + max(limit.window_ms for limit in limits)].tolist())
    at = budget.reserve(now_ms)
    return np.array(budget.instants(), "<i8").tobytes(), at


class Ledger(Protocol):
    def book(self, limits: tuple[Limit, ...]) -> int:
        """Book the next call of all who share; return the milliseconds to wait for it. Raises OSError or RedisError."""
        ...


class RedisLedger:
    """Calls booked in Redis, on its clock."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def book(self, limits: tuple[Limit, ...]) -> int:
        for _ in range(MAX_TRIES):
            try:
                with self._client.pipeline() as pipe:
                    pipe.watch(READS.key())  # type: ignore[no-untyped-call]
                    held: Any = pipe.hget(READS.key(), FIELD)
                    seconds, micros = self._client.time()
                    now_ms = seconds * 1000 + micros // 1000
                    keep, at = booked(held or b"", limits, now_ms)
                    pipe.multi()
                    pipe.hset(READS.key(), FIELD, keep)
                    pipe.execute()
                return at - now_ms
            except redis.WatchError:
                continue
        raise redis.RedisError(f"{READS.key()} changed under {MAX_TRIES} tries in a row")


class FileLedger:
    """Calls booked in a file, under a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def book(self, limits: tuple[Limit, ...]) -> int:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            now_ms = time.time_ns() // 1_000_000
            keep, at = booked(os.pread(file, MAX_BYTES, 0), limits, now_ms)
            # Written over in one go: a kill in between leaves old instants beside new ones, never fewer.
            os.pwrite(file, keep, 0)
            os.ftruncate(file, len(keep))
        finally:
            os.close(file)
        return at - now_ms


class SharedReads(ReadBudget):
    """A read budget with ledgers behind it: ``reserve`` waits for the own pace and for the limits of all who share one."""

    __slots__ = ("_away_until", "_is_said", "_ledgers", "_shared")

    def __init__(self, pace: tuple[Limit, ...], ledgers: tuple[Ledger, ...], shared: tuple[Limit, ...] = SHARED_READS) -> None:
        super().__init__((*pace, *shared))
        self._ledgers = ledgers
        self._shared = shared
        self._away_until = [0.0] * len(ledgers)
        self._is_said = False

    def reserve(self, now_ms: int) -> int:
        """Book the next call everywhere and return the instant at which it may be made, on the caller's clock."""
        at = super().reserve(now_ms)
        for n, ledger in enumerate(self._ledgers):
            if time.monotonic() < self._away_until[n]:
                continue
            try:
                at = max(at, now_ms + ledger.book(self._shared))
            except (OSError, redis.RedisError) as error:
                self._away_until[n] = time.monotonic() + AWAY_S
                if not self._is_said:
                    log.warning("a ledger of the shared read quota is away: keeping it without", extra={"fields": {"why": str(error)}})
                self._is_said = True
        return at


def ledgers_at(url: str, path: Path) -> tuple[Ledger, ...]:
    """Give the ledger in the file at ``path``, and that of the Redis at ``url`` where it answers.

    The file always: a process that began before Redis did books there alone, and must be seen by those that came after.
    """
    client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=REPLY_S, socket_connect_timeout=REPLY_S)
    try:
        client.ping()
    except redis.RedisError:
        return (FileLedger(path),)
    return FileLedger(path), RedisLedger(client)
