"""One process at a time for a job and a data set: a lease with a fencing number, which every commit rests on.

Reads   the hash ``lease:<job>``; ``health:<job>``, by which its holder is seen to live; /proc for one on this machine
Writes  ``lease:<job>``: the number, one higher at every change of hands, and who holds it

Whoever takes the lease fences the one before it off: Redis itself lets no commit of that one take place any more, not in part either
(store/pipe.py: WATCH). So taking it is safe whatever the other one does, and only a question of courtesy: from a holder that is known dead
it is taken at once, from one that beats never, from one that is silent (on another machine, or stopped) after some seconds.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, fields
from typing import Any

import redis

from pipeline.core.errors import Stopped
from pipeline.core.schema import HEALTH, LEASE
from pipeline.core.session import ist_clock
from pipeline.run.pids import born, is_dead, machine
from pipeline.store.pipe import Guard
from pipeline.store.streams import reachable

log = logging.getLogger("ticktick.lease")

SILENT_S = 5.0
"""A holder that beats (once a second) is never silent for so long, but when it stands still."""
LOOK_S = 0.1
SOON_S = 1.5
"""When to say what is waited for: a holder that lives has beaten by then."""

# Takes the lease, if its number is still the one that was looked at. ARGV: that number, then names and values of the new holder.
_TAKE = """
local held = redis.call('HGET', KEYS[1], 'fence') or '0'
if held ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'fence', held + 1, unpack(ARGV, 2))
return held + 1
"""
_LEAVE = """
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
return redis.call('HSET', KEYS[1], 'pid', 0)
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease. ``pid`` 0: nobody any more."""

    host: str
    machine: str
    pid: int
    born: int
    since_ms: int

    @property
    def is_gone(self) -> bool:
        """Whether it is known not to live any more."""
        return self.pid == 0 or (self.machine == machine() and is_dead(self.pid, self.born))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {ist_clock(self.since_ms)}"


class Lease:
    """The lease of one job, seen by this process."""

    def __init__(self, client: redis.Redis, job: str) -> None:
        self._client, self._job, self._key = client, job, LEASE.key(job)
        self.guard: Guard | None = None
        """What commits rest on, once it is ours."""

    def living(self, should_stop: Callable[[], bool] = lambda: False) -> Holder | None:
        """Give the holder if it lives; one that cannot be asked after gets some seconds to be heard.

        Raises:
            Stopped: asked to stop meanwhile. Ambiguous: Redis is away.
        """
        _, holder = self._held()
        began, beat, is_said = time.monotonic(), self._beat(), False
        while holder is not None and not holder.is_gone and time.monotonic() - began < SILENT_S:
            if should_stop():
                raise Stopped(f"job {self._job} was stopped while it waited for {holder}")
            time.sleep(LOOK_S)
            if self._beat() != beat:
                return holder
            if not is_said and time.monotonic() - began > SOON_S:
                log.warning("the %s process (%s) is silent: taken over in %.0f s unless it is heard", self._job, holder, SILENT_S - SOON_S)
                is_said = True
            _, holder = self._held()
        return None

    def is_free(self) -> bool:
        """Tell whether nobody holds it, or one who is known dead; does not wait.

        Raises:
            Ambiguous: Redis is away.
        """
        _, holder = self._held()
        return holder is None or holder.is_gone

    @contextmanager
    def held(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Guard]:
        """Hold the lease; give what commits are to rest on.

        Raises:
            Stopped: another process holds it, or we are asked to stop. Ambiguous: Redis is away.
        """
        guard = self._take(should_stop)
        try:
            yield guard
        finally:
            with suppress(redis.exceptions.RedisError):  # then the next one finds us dead
                self._client.eval(_LEAVE, 1, self._key, guard.fields[0][1])

    def require(self) -> None:
        """Make sure that it is still ours.

        Raises:
            Stopped: it is not. Ambiguous: Redis is away.
        """
        if self.guard is None:
            return
        with reachable():
            found: Any = self._client.hmget(self._key, [name for name, _ in self.guard.fields])
        if not self.guard.stands(found):
            raise Stopped(self.guard.words)

    def _take(self, should_stop: Callable[[], bool]) -> Guard:
        while True:
            fence, _ = self._held()
            holder = self.living(should_stop)
            if holder is not None:
                raise Stopped(f"the {self._job} process runs already ({holder}), and there is one for a data set: end it first")
            me = Holder(os.uname().nodename, machine(), os.getpid(), born(os.getpid()), time.time_ns() // 1_000_000)
            named = [(field.name, str(value)) for field, value in zip(fields(me), astuple(me), strict=True)]
            with reachable():
                mine = int(self._client.eval(_TAKE, 1, self._key, str(fence), *(part for pair in named for part in pair)))  # type: ignore[arg-type]
            if mine > 0:  # else another one was faster: look again
                words = (
                    f"another {self._job} process has taken over, or Redis has lost the lease: this one has changed nothing since, and ends"
                )
                self.guard = Guard(self._key, (("fence", str(mine)), *named), words)
                return self.guard

    def _held(self) -> tuple[int, Holder | None]:
        """Give the number, and who holds it."""
        with reachable():
            found: Any = self._client.hgetall(self._key)
        told = {name.decode(): value.decode() for name, value in found.items()}
        if not told:
            return 0, None
        holder = Holder(told["host"], told["machine"], int(told["pid"]), int(told["born"]), int(told["since_ms"]))
        return int(told["fence"]), holder

    def _beat(self) -> Any:
        with reachable():
            return self._client.hget(HEALTH.key(self._job), "at_ms")
