"""The order rate over a real Redis, on its own clock: many processes, some of them killed."""

from __future__ import annotations

import os
import signal
import time

import pytest

from pipeline.broker.throttle import RedisThrottle
from pipeline.broker.windows import Urgency, Window
from pipeline.core.errors import Ambiguous
from pipeline.core.schema import ORDER_CALLS, Role
from pipeline.store.client import open_clients

WINDOWS = (Window(10, 500, 2), Window(30, 2_000, 4))


def hammer(urls, path, seconds: float) -> int:
    """Fork a process that sends whenever it may, and writes down each call after it was allowed."""
    pid = os.fork()
    if pid:
        return pid
    throttle, end = RedisThrottle(open_clients(urls)[Role.DERIVED], WINDOWS), time.monotonic() + seconds
    with path.open("ab", buffering=0) as file:
        while time.monotonic() < end:
            wait = throttle.take(Urgency.ENTRY if os.getpid() % 2 else Urgency.EXIT)
            if wait == 0:
                file.write(b"%d\n" % time.time_ns())
            else:
                time.sleep(min(wait, 5) / 1000)
    os._exit(0)


def most_in(instants, window):
    return max(sum(at <= other < at + window for other in instants) for at in instants)


def test_processes_share_it_and_a_kill_breaks_no_limit(redis_urls, tmp_path):
    files = [tmp_path / str(n) for n in range(4)]
    pids = [hammer(redis_urls, path, 4.0) for path in files]
    time.sleep(1.0)
    for at in (0, 1):
        os.kill(pids[at], signal.SIGKILL)
    pids += [hammer(redis_urls, files[0], 2.0)]
    for pid in pids:
        os.waitpid(pid, 0)
    sent = sorted(int(line) / 1e6 for path in files for line in path.read_text().split())
    for window in WINDOWS:
        assert most_in(sent, window.window_ms) <= window.calls
    assert len(sent) >= 40, "and they did send"
    client = open_clients(redis_urls)[Role.DERIVED]
    assert 0 < client.pttl(ORDER_CALLS.name) <= max(w.held_ms for w in WINDOWS)


def test_without_redis_nothing_may_be_sent():
    clients = open_clients({Role.DERIVED: "redis://127.0.0.1:1/2"})
    throttle = RedisThrottle(clients[Role.DERIVED])
    for ask in (lambda: throttle.take(Urgency.EXIT), lambda: throttle.wait_ms(Urgency.ENTRY), throttle.forecast):
        with pytest.raises(Ambiguous, match="nothing is sent until Redis answers"):
            ask()
