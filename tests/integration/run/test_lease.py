"""One order process for a data set: who may take the lease, and that whoever lost it changes nothing, in real processes and a real Redis."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from pipeline.core.errors import Stopped
from pipeline.core.job import HashWrite
from pipeline.core.schema import CONFIRM_AUTO, HEALTH, LEASE, PROGRESS, TICKS, Role
from pipeline.core.types import Confirmation
from pipeline.run import lease as room
from pipeline.run.lease import Lease
from pipeline.store import codec
from pipeline.store.client import open_clients
from pipeline.store.face import Commit, EntryId, Progress
from pipeline.store.streams import RedisStore
from tests.fakes.day_in_redis import NOW, Day
from tests.fakes.doors import Doors, environment, script, wait_for
from tests.fakes.trading import frame

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture
def client(redis_urls: Mapping[Role, str]) -> redis.Redis:
    return open_clients(redis_urls)[Role.DERIVED]


def everything(client: redis.Redis) -> dict[bytes, Any]:
    return {key: client.dump(key) for key in client.scan_iter()}


def commit(number: int) -> Commit:
    entry = codec.encode(CONFIRM_AUTO, Confirmation(number, "r1", "confirm", "auto"))
    progress = Progress(session="s", commits=number)
    rows = [HashWrite(HEALTH, ("orders",), {"at_ms": number})]
    return Commit("orders", Role.DERIVED, progress, [(CONFIRM_AUTO, EntryId(number, 0), entry)], rows, snapshot=b"state")


def elsewhere(client: redis.Redis, pid: int = 99) -> None:
    """The lease is held on another machine."""
    who = {"fence": 4, "host": "attic", "machine": "another", "pid": pid, "born": 5, "since_ms": NOW}
    client.hset(LEASE.key("orders"), mapping=who)


def test_a_lease_changes_hands_with_a_higher_number_and_is_left_at_the_end(client):
    for number in ("1", "2"):
        mine = Lease(client, "orders")
        with mine.held() as guard:
            assert guard.fields[0] == ("fence", number)
            mine.require()
            assert not Lease(client, "orders").is_free()
        assert Lease(client, "orders").is_free()


def test_of_two_that_take_at_once_one_has_it(client):
    """The second has looked before the first took."""
    first, second = Lease(client, "orders"), Lease(client, "orders")
    look = second.living
    taken: list[Any] = []

    def late(should_stop):
        if not taken:
            taken.append(first._take(lambda: False))
            return None
        client.hset(HEALTH.key("orders"), "at_ms", time.monotonic_ns())  # the first one lives
        return look(should_stop) or first._held()[1]

    second.living = late
    with pytest.raises(Stopped, match=r"runs already \(process \d+ on .*: end it first"), second.held():
        pass
    first.require()


def test_a_dead_holder_is_followed_at_once(client, redis_urls):
    pid = os.fork()
    if pid == 0:
        Lease(open_clients(redis_urls)[Role.DERIVED], "orders")._take(lambda: False)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # killed, and nobody has looked after it yet
    began = time.monotonic()
    with Lease(client, "orders").held() as guard:
        assert guard.fields[0] == ("fence", "2")
    assert time.monotonic() - began < 0.5
    os.waitpid(pid, 0)


def test_a_silent_holder_elsewhere_is_waited_for_and_said(client, monkeypatch, caplog):
    monkeypatch.setattr(room, "SILENT_S", 1.0)
    monkeypatch.setattr(room, "SOON_S", 0.3)
    elsewhere(client)
    began = time.monotonic()
    with Lease(client, "orders").held() as guard:
        assert guard.fields[0] == ("fence", "5")
    assert time.monotonic() - began >= 1.0
    assert "process 99 on attic" in caplog.text
    assert "is silent: taken over in" in caplog.text


def test_a_holder_that_beats_elsewhere_keeps_it(client):
    elsewhere(client)
    lease, beats = Lease(client, "orders"), iter(range(1000))
    lease._beat = lambda: next(beats)
    with pytest.raises(Stopped, match="process 99 on attic"), lease.held():
        pass
    assert client.hget(LEASE.key("orders"), "fence") == b"4"


def test_who_is_asked_to_stop_does_not_wait(client):
    elsewhere(client)
    with pytest.raises(Stopped, match="was stopped while it waited"), Lease(client, "orders").held(lambda: True):
        pass


@pytest.mark.parametrize("is_warm", [True, False], ids=["in mid-day", "with its first commit"])
def test_a_commit_of_one_that_is_fenced_off_changes_nothing_at_all(redis_urls, client, is_warm):
    old, new = RedisStore(open_clients(redis_urls)), RedisStore(open_clients(redis_urls))
    former = Lease(client, "orders")
    with former.held() as guard:
        old.rest_on(Role.DERIVED, guard)
        if is_warm:
            old.commit(commit(1), 1)
        client.hset(LEASE.key("orders"), "pid", 0)
        with Lease(client, "orders").held() as mine:
            new.rest_on(Role.DERIVED, mine)
            new.commit(commit(2), 1)
            before = everything(client)
            for number in (3, 2, 4):
                with pytest.raises(Stopped, match="another orders process has taken over"):
                    old.commit(commit(number), 1)
            with pytest.raises(Stopped):
                former.require()
            assert everything(client) == before
            new.commit(commit(3), 1)
    assert client.hget(PROGRESS.key("orders"), "commits") == b"3"


def test_commits_of_other_jobs_rest_on_no_lease(redis_urls, client):
    elsewhere(client)
    RedisStore(open_clients(redis_urls)).commit(commit(1), 1)
    assert client.hget(PROGRESS.key("orders"), "commits") == b"1"


# ---------------------------------------------------------------------- real processes


def holds(client: redis.Redis) -> int:
    """Give the process that beats and holds the lease."""
    lease, health = client.hget(LEASE.key("orders"), "pid"), client.hget(HEALTH.key("orders"), "pid")
    return int(lease or 0) if lease == health else 0


def test_a_second_copy_ends_with_one_line_and_a_killed_one_is_followed_at_once(day: Day, client, redis_urls, tmp_path: Path):
    env = environment(tmp_path, redis_urls)
    with Doors(tmp_path) as doors:
        first = doors.open(script("orders"), env)
        first.expect(lambda: holds(client) == first.proc.pid, "the first to hold the lease")
        second = doors.open(script("orders"), env)
        assert second.wait() == 3
        (line,) = second.err.strip().splitlines()
        assert line.startswith(f"orders: the orders process runs already (process {first.proc.pid} on ")
        assert line.endswith("and there is one for a data set: end it first")
        first.kill()
        third = doors.open(script("orders"), env)
        third.expect(lambda: holds(client) == third.proc.pid, "the third to hold the lease")
        assert "silent" not in third.err
        third.proc.terminate()
        assert third.wait() == 0
        assert client.hget(LEASE.key("orders"), "pid") == b"0"


def test_one_that_stood_still_is_fenced_off_and_ends_when_it_goes_on(day: Day, client, redis_urls, tmp_path: Path):
    env = environment(tmp_path, redis_urls)
    with Doors(tmp_path) as doors:
        first = doors.open(script("orders"), env)
        first.expect(lambda: holds(client) == first.proc.pid, "the first to hold the lease")
        first.proc.send_signal(signal.SIGSTOP)
        second = doors.open(script("orders"), env)
        second.expect(lambda: holds(client) == second.proc.pid, "the second to hold the lease")
        day.add(TICKS, frame(NOW + 1_000, (0, 1412.30, 1412.40)))  # something to commit, for both
        key = PROGRESS.key("orders")
        wait_for(lambda: client.hget(key, f"cursors:{TICKS.name}") == str(EntryId(NOW + 1_000, 0)).encode(), "the second to go on")
        before = client.hgetall(key)
        first.proc.send_signal(signal.SIGCONT)
        assert first.wait() == 3
        assert (
            first.err.strip().splitlines()[-1]
            == "orders: another orders process has taken over, or Redis has lost the lease: this one has changed nothing since, and ends"
        )
        assert "Traceback" not in first.err
        assert client.hgetall(key) == before
        assert holds(client) == second.proc.pid, "what ends late takes the lease from nobody"
