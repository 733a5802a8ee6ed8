"""A short day through the live processes: the same digests every time, whatever store, whatever dies."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.core.schema import PROGRESS, TICKS, Role
from pipeline.core.session import ist_ms
from pipeline.core.types import TICK_RAW_FIELDS, TickKind
from pipeline.store.client import open_clients
from pipeline.store.face import ZERO
from pipeline.store.server import free_port, start
from pipeline.store.streams import RedisStore

pytestmark = pytest.mark.xdist_group("processes")

ROOT = Path(__file__).resolve().parents[3]
SHORT = "09:15-09:35"
DAY = "09:15-15:30"
KEYS = [
    "maker",
    "redis",
    "frames",
    "ticks",
    "candles",
    "indicator_rows",
    "patterns",
    "signals",
    "recommendations",
    "intents",
    "orders",
    "fills",
    "pnl",
    "digests",
    "lag_ms",
]
COUNTS = ["frames", "ticks", "candles", "indicator_rows", "patterns", "signals", "recommendations", "intents", "orders", "fills"]
WORKERS = ("ticks", "live", "indicators", "chart", "filtering", "orders", "portfolio")


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "pipeline.run.cli", *more]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TICKTICK__PATHS__RUNTIME": str(folder / "run"), "TICKTICK__PATHS__LOGS": str(folder / "logs")}


def headless(folder: Path, *more: str, seed: int = 7, session: str = SHORT) -> dict:
    args = command("demo", "--headless", "--seed", str(seed), "--session", session, "--speed", "max", "--json", *more)
    done = subprocess.run(args, cwd=ROOT, env=environment(folder), capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, redis_server) -> tuple[dict, list]:
    """Run once, undisturbed: the summary, and the raw part of every tick."""
    run = Disturbed(tmp_path_factory.mktemp("first"))
    try:
        return run.summary(), raw(RedisStore(run.clients))
    finally:
        run.close()


@pytest.fixture(scope="module")
def undisturbed(first) -> dict:
    return first[0]


def raw(store: RedisStore) -> list[tuple]:
    """Give every live tick as (frame time, what the feed said), without our receive time and what we derive."""
    names = [n for n in TICK_RAW_FIELDS if n not in {"aggressor", "flags"}]
    out, after = [], ZERO
    while found := store.read([(TICKS, after)], 2000, 0)["ticks"]:
        for entry in found:
            rows = entry.record.rows
            columns = [rows[n].tolist() for n in names]
            out += [(int(rows["ts_exch"][i]), str([c[i] for c in columns])) for i in range(len(rows)) if rows["kind"][i] == TickKind.LIVE]
        after = found[-1].id
    return out


@pytest.mark.timeout(300)
def test_every_stage_did_something(undisturbed):
    assert list(undisturbed) == KEYS
    assert all(undisturbed[key] > 0 for key in COUNTS), undisturbed
    assert set(undisturbed["lag_ms"]) == {"history", *WORKERS}


@pytest.mark.timeout(300)
def test_same_seed_same_digests_over_redis(undisturbed, tmp_path):
    assert headless(tmp_path)["digests"] == undisturbed["digests"]


@pytest.mark.timeout(300)
def test_memory_gives_the_digests_of_redis(undisturbed, tmp_path):
    assert headless(tmp_path, "--store", "memory")["digests"] == undisturbed["digests"]


@pytest.mark.timeout(300)
def test_another_seed_gives_other_digests(undisturbed, tmp_path):
    other = headless(tmp_path, seed=8)["digests"]
    assert not set(other.values()) & set(undisturbed["digests"].values())


class Disturbed:
    """A headless run on a Redis of the test's own, so that one can see how far it is, and kill."""

    def __init__(self, folder: Path, *more: str, session: str = SHORT, fsync: str = "everysec") -> None:
        port = free_port()
        self.server = start(folder / "redis", port, fsync)
        url = f"redis://127.0.0.1:{port}"
        args = command("demo", "--headless", "--seed", "7", "--session", session, "--speed", "max", "--json", "--redis-url", url, *more)
        self.folder, self.session = folder, session
        self.log = (folder / "err.txt").open("w+")
        self.run = subprocess.Popen(args, cwd=ROOT, env=environment(folder), stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.clients = open_clients(self.server.urls)

    def share(self, job: str = "ticks", role: Role = Role.TICKS) -> float:
        now = self.clients[role].hget(PROGRESS.key(job), "now")
        first, last = (ist_ms("2026-11-20", clock) for clock in self.session.split("-"))
        return 0.0 if now is None else (int(now) - first) / (last - first)

    def pids(self) -> dict[str, int]:
        (path,) = (self.folder / "run").glob("*/pids.json")
        children = json.loads(path.read_text())["children"]
        return {name: child["pid"] for name, child in children.items() if child["state"] == "running"}

    def kill(self, name: str, at: float) -> tuple[int, int]:
        """Kill a process when the feed has come so far; give its old and new id."""
        self.wait(lambda: self.share() >= at and name in self.pids())
        old = self.pids()[name]
        os.kill(old, signal.SIGKILL)
        self.wait(lambda: self.pids().get(name, old) != old)
        return old, self.pids()[name]

    def wait(self, is_so) -> None:
        deadline = time.monotonic() + 120
        while not is_so():
            assert self.run.poll() is None, "the run ended before"
            assert time.monotonic() < deadline, "waited too long"
            time.sleep(0.005)

    def summary(self) -> dict:
        out, _ = self.run.communicate(timeout=280)
        self.log.seek(0)
        assert self.run.returncode == 0, self.log.read()[-3000:]
        return json.loads(out.splitlines()[-1])

    def close(self) -> None:
        if self.run.poll() is None:
            self.run.kill()
        self.run.wait()
        self.server.stop()
        self.log.close()


@pytest.fixture
def disturbed(tmp_path, redis_server):
    made = []

    def make(*more: str, **kwargs) -> Disturbed:
        made.append(Disturbed(tmp_path, *more, **kwargs))
        return made[-1]

    yield make
    for run in made:
        run.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "at"), [("ticks", 0.3), ("live", 0.5), ("orders", 0.7)])
def test_a_killed_process_goes_on_from_its_cursor(undisturbed, disturbed, name, at):
    run = disturbed("--hold")
    old, new = run.kill(name, at)
    assert old != new
    assert run.summary()["digests"] == undisturbed["digests"]


@pytest.mark.timeout(300)
def test_without_hold_a_killed_feed_marks_exactly_one_gap(first, disturbed):
    undisturbed_ticks = first[1]
    run = disturbed()
    run.kill("ticks", 0.05)  # early: the market runs some minutes ahead of what is committed
    run.summary()
    entries, after = [], ZERO
    store = RedisStore(run.clients)
    while found := store.read([(TICKS, after)], 2000, 0)["ticks"]:
        entries += found
        after = found[-1].id
    gaps = [e.record.rows for e in entries if e.record.rows["kind"][0] == TickKind.GAP]
    assert len(gaps) == 1
    blind_from = int(gaps[0]["ltt"][0])
    # What comes first is a snapshot of the moment; live ticks go on after it.
    seen_again = next(
        int(r["ts_exch"][0]) for e in entries if (r := e.record.rows)["kind"][0] == TickKind.SNAPSHOT and r["ts_exch"][0] > blind_from
    )
    assert seen_again > blind_from
    ours = raw(store)
    assert [r for r in ours if r[0] <= blind_from] == [r for r in undisturbed_ticks if r[0] <= blind_from]
    after = [r for r in undisturbed_ticks if r[0] > seen_again]
    assert after
    assert [r for r in ours if r[0] > seen_again] == after


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_ten_kills_over_a_whole_day(tmp_path, disturbed):
    chance = random.Random(11)
    plan = sorted((round(chance.uniform(0.1, 0.9), 3), chance.choice(WORKERS)) for _ in range(10))
    run = disturbed("--hold", session=DAY)
    for at, name in plan:
        old, new = run.kill(name, at)
        assert old != new
        print(f"killed {name} at {at:.0%} of the day: {old} -> {new}")
    disturbed_summary = run.summary()
    quiet = headless(tmp_path / "quiet", session=DAY)
    assert disturbed_summary["digests"] == quiet["digests"]
    assert quiet["intents"] >= 50
    print({key: quiet[key] for key in COUNTS})
