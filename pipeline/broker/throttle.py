"""One order rate for all processes of the account: calls are booked in Redis before they are made.

Reads   the list ``throttle:orders`` (role derived): instants of past order calls, on the server's clock
Writes  the same with this call, in one script: a kill before the call costs one place, never a limit
Gives   how long to wait; 0 means booked, send now

Entries do not queue: one that must wait is denied, since a late entry is another trade. Exits and cancels wait and ask
again. When the server's clock was set back, what lies in its future counts as of now. ``MemoryThrottle`` is the twin
without Redis; both sit tests/exam/test_throttle_exam.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import redis

from pipeline.broker.windows import ORDER_WINDOWS, Forecast, Urgency, Window, forecast, wait_ms
from pipeline.core.errors import Ambiguous
from pipeline.core.schema import ORDER_CALLS

SCRIPT = """
local key, now, booking = KEYS[1], tonumber(ARGV[1]), ARGV[2] == '1'
if now == nil then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
if tonumber(redis.call('LINDEX', key, -1) or '0') > now then
  local held = redis.call('LRANGE', key, 0, -1)
  redis.call('DEL', key)
  for _, at in ipairs(held) do redis.call('RPUSH', key, string.format('%d', math.min(tonumber(at), now))) end
end
local free, most, longest = now, 0, 0
for i = 3, #ARGV, 3 do
  local allowed, held_ms, calls = tonumber(ARGV[i]), tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
  local old = redis.call('LINDEX', key, -allowed)
  if old then free = math.max(free, tonumber(old) + held_ms) end
  most, longest = math.max(most, calls), math.max(longest, held_ms)
end
if booking and free <= now then
  redis.call('RPUSH', key, string.format('%d', now))
  redis.call('LTRIM', key, -most, -1)
  redis.call('PEXPIRE', key, longest)
end
return free - now
"""


class Throttle(Protocol):
    """What whoever sends orders needs of the order rate."""

    def take(self, urgency: Urgency) -> int:
        """Book a call and return 0, or return the milliseconds to wait and book nothing."""
        ...

    def wait_ms(self, urgency: Urgency) -> int:
        """Return how long a call would have to wait now; books nothing."""
        ...

    def forecast(self) -> tuple[Forecast, ...]:
        """Say how full each window is and when it will be full."""
        ...


class RedisThrottle:
    """The rate that all processes share.

    Args:
        client: of the role derived, without retries (store/client.py).
        windows: the broker's limits.
        clock: gives milliseconds instead of the server's clock, for tests.

    A server that cannot be reached is Ambiguous: nothing may be sent then.
    """

    def __init__(self, client: redis.Redis, windows: Sequence[Window] = ORDER_WINDOWS, clock: Callable[[], int] | None = None) -> None:
        self._client, self._windows, self._clock = client, tuple(windows), clock
        self._script = client.register_script(SCRIPT)

    def take(self, urgency: Urgency) -> int:
        return self._run(urgency, is_booking=True)

    def wait_ms(self, urgency: Urgency) -> int:
        return self._run(urgency, is_booking=False)

    def forecast(self) -> tuple[Forecast, ...]:
        try:
            seconds, micros = self._client.time()
            held: Any = self._client.lrange(ORDER_CALLS.name, 0, -1)
        except redis.exceptions.RedisError as error:
            raise _away(error) from error
        now = self._clock() if self._clock is not None else seconds * 1000 + micros // 1000
        return forecast([min(int(at), now) for at in held], self._windows, now)

    def _run(self, urgency: Urgency, *, is_booking: bool) -> int:
        now = "" if self._clock is None else str(self._clock())
        numbers = [n for w in self._windows for n in (w.allowed(urgency), w.held_ms, w.calls)]
        try:
            return int(self._script(keys=[ORDER_CALLS.name], args=[now, int(is_booking), *numbers]))
        except redis.exceptions.RedisError as error:
            raise _away(error) from error


class MemoryThrottle:
    """The same for one process without Redis; its threads may share it."""

    def __init__(self, windows: Sequence[Window] = ORDER_WINDOWS, clock: Callable[[], int] | None = None) -> None:
        self._windows, self._clock = tuple(windows), clock or _monotonic_ms
        self._instants: list[int] = []
        self._lock = threading.Lock()
        self._most = max(window.calls for window in self._windows)

    def take(self, urgency: Urgency) -> int:
        with self._lock:
            wait = self.wait_ms(urgency)
            if wait == 0:
                self._instants = [*self._instants[1 - self._most :], self._clock()]
            return wait

    def give_back(self) -> None:
        """Take the newest call out again: it was not made."""
        with self._lock:
            self._instants = self._instants[:-1]

    def wait_ms(self, urgency: Urgency) -> int:
        return wait_ms(self._past(), self._windows, urgency, self._clock())

    def forecast(self) -> tuple[Forecast, ...]:
        return forecast(self._past(), self._windows, self._clock())

    def _past(self) -> list[int]:
        """Give the instants; those that a clock set back has left in the future count as of now."""
        now = self._clock()
        if self._instants and self._instants[-1] > now:
            self._instants = [min(at, now) for at in self._instants]
        return self._instants


def _away(error: redis.exceptions.RedisError) -> Ambiguous:
    return Ambiguous(f"the order rate cannot be asked for ({str(error)[:120]}): nothing is sent until Redis answers")


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000
