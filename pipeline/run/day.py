"""Play one day through the live processes, and say what came of it.

A simulator on loopback makes the market; the processes are the ones that run live, forked from one parent.
Headless, they merge behind watermarks, the paper exchange confirms by a stated policy, and all end when the
day is drained: the same seed gives the same digest for every stream, over Redis or in memory, killed in
between or not. With a page, they run as they would live.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.errors import Refused, Stopped
from pipeline.core.schema import HEALTH, PORTFOLIO_MINUTES, PROGRESS, STREAMS, Role
from pipeline.core.types import Instrument
from pipeline.run import logs, outside, playback, supervise, universe
from pipeline.run.audit import NAME as AUDIT
from pipeline.run.discovery import discover, jobs
from pipeline.run.options import Settings
from pipeline.run.playback import Recording
from pipeline.run.processes import PROCESSES, WHEN_RECORDING
from pipeline.run.record import NAME as RECORDER
from pipeline.run.record import Recorder
from pipeline.run.runner import Runner
from pipeline.run.turn import Pace
from pipeline.run.wiring import House, announce, make_recorder, make_runner, open_house, open_store, run_process
from pipeline.simulator.config import SimulatorConfig
from pipeline.store import server
from pipeline.store.address import roles_at
from pipeline.store.client import open_clients
from pipeline.store.face import ZERO, Progress, Store
from pipeline.store.memory import MemoryStore

log = logging.getLogger("ticktick.day")

PAGE = "dashboard"
ORDER = tuple(job for door, job in PROCESSES.items() if job not in (PAGE, AUDIT) and door not in WHEN_RECORDING)
READY_S = 60.0
COUNTS = {"ticks": "ticks", "candles": "candles", "indicator_rows": "indicators"}
"""Key of the summary -> stream whose rows it counts."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play, and how."""

    simulator: SimulatorConfig = field(default_factory=SimulatorConfig)
    recording: Recording | None = None
    """A day file, in the place of the simulator."""
    is_headless: bool = True
    store: str = "redis"
    confirm: str = "auto"
    redis_url: str = ""
    mode: str = "paper"
    port: int | None = None
    """Of the page; None is the settings' own, 0 a free one."""
    is_browsing: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    say: Callable[[str], None] = print


def play(plan: Plan, base: Settings) -> dict[str, Any]:
    """Play the day; give the summary of :func:`summary`.

    Raises:
        Refused: no Redis with TimeSeries, a mode other than paper or replay, settings that do not fit.
        Stopped: interrupted.
    """
    base.paths.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        runtime = Path(tempfile.mkdtemp(prefix="day-", dir=base.paths.runtime))
        stack.callback(shutil.rmtree, runtime, ignore_errors=True)
        found = stack.enter_context(_redis(plan, runtime))
        settings, instruments = stack.enter_context(_market(plan, base, runtime, found))
        plan.say(f"Redis:  {found.about if found is not None else 'none, all in memory of one process'}")
        pace = Pace(behind_watermarks=plan.is_headless, until_drained=plan.is_headless, is_trimming=not plan.is_headless)
        house = open_house(settings, pace, is_browsing=plan.is_browsing, recording=plan.recording)
        about = found.about if found is not None else "memory"
        if found is None:
            return summary(_in_memory(house, instruments), settings.maker, about)
        return _over_redis(plan, house, instruments, about)


@contextlib.contextmanager
def _market(plan: Plan, base: Settings, runtime: Path, found: server.Server | None) -> Iterator[tuple[Settings, tuple[Instrument, ...]]]:
    """Make the market that is played: the settings that lead to it, and its papers."""
    if plan.recording is not None:
        held = playback.contents(plan.recording.path)
        plan.say(f"market: {held.facts['maker']}, {held.facts['date']}, recorded in {plan.recording.path.name}")
        yield _settings(plan, base, runtime, ("", str(held.facts["maker"]), str(held.facts["date"])), found), held.instruments
        return
    with simulator(plan.simulator) as (url, maker, date_iso):
        plan.say(f"market: {maker}, {date_iso}, at {url}")
        settings = _settings(plan, base, runtime, (url, maker, date_iso), found)
        outside.login_at_simulator(settings)
        yield settings, outside.resolve_instruments(settings, date_iso)


def _over_redis(plan: Plan, house: House, instruments: tuple[Instrument, ...], about: str) -> dict[str, Any]:
    store = open_store(house.settings)
    _require_empty(house.settings)
    if not plan.is_headless:
        outside.require_port(house.settings)
    universe.publish(store, instruments, house.date)
    announce(store, house, speed=plan.simulator.speed if plan.recording is None else plan.recording.speed)
    names = (*ORDER, AUDIT, *([] if plan.is_headless else [PAGE]), *([RECORDER] if house.settings.recorder.enabled else []))
    logs.setup("supervisor", house.settings)
    outside.warm_family()
    children = {name: partial(run_process, name, house) for name in names}
    family = supervise.Supervisor(children, house.settings.paths.runtime, first=("history",) if plan.is_headless else ())
    family.start()
    if not plan.is_headless:
        outside.greet(plan.say, house.settings)
    code = family.run()
    if code != 0:
        raise Refused(f"a process gave up (exit {code}), so the day ended: see {house.settings.paths.logs}/errors.log")
    if plan.is_headless and not all(child.state == "done" for child in family.children.values()):
        raise Stopped("interrupted before the day was over")
    return summary(store, house.settings.maker, about)


def _in_memory(house: House, instruments: tuple[Instrument, ...]) -> MemoryStore:
    """Turn all jobs in one process, one after the other, until the day is drained."""
    store = MemoryStore()
    discover()
    universe.publish(store, instruments, house.date)
    announce(store, house)
    runners = [make_runner(name, house, store, instruments) for name in ORDER]
    turning: list[Runner | Recorder] = [*runners, *([make_recorder(house, store)] if house.settings.recorder.enabled else [])]
    try:
        while not all(each.is_done for each in turning):
            busy = [each.turn(0) for each in turning if not each.is_done]
            if not any(busy):
                time.sleep(0.001)
    finally:
        for each in turning:
            each.close() if isinstance(each, Recorder) else each.source.close()
    return store


def summary(store: Store, maker: str, redis: str) -> dict[str, Any]:
    """Count what every stream holds, from the progress of its writer; name each stream's digest."""
    found: dict[str, Progress] = {name: store.progress(name, job.writes[0].role) for name, job in jobs().items()}
    entries = {name: count for progress in found.values() for name, count in progress.entries.items()}
    rows = {name: count for progress in found.values() for name, count in progress.rows.items()}
    digests = {name: digest.hex() for progress in found.values() for name, digest in progress.digests.items()}
    health = {name: store.fetch(Role.DERIVED, HEALTH.key(name)) for name in ORDER}
    return {
        "maker": maker,
        "redis": redis,
        "frames": entries.get("ticks", 0),
        **{key: rows.get(stream, 0) for key, stream in COUNTS.items()},
        **{name: entries.get(name, 0) for name in ("patterns", "signals", "recommendations", "intents", "orders", "fills")},
        "pnl": _pnl(store),
        "digests": dict(sorted(digests.items())),
        "lag_ms": {name: {"p50": float(h.get("lag_p50_ms", 0)), "p99": float(h.get("lag_p99_ms", 0))} for name, h in health.items()},
    }


def _pnl(store: Store) -> float:
    after, last = ZERO, None
    while entries := store.read([(PORTFOLIO_MINUTES, after)], 1000, 0)[PORTFOLIO_MINUTES.name]:
        after, last = entries[-1].id, entries[-1].record
    return last.net_paise / 100 if last is not None else 0.0


@contextlib.contextmanager
def _redis(plan: Plan, runtime: Path) -> Iterator[server.Server | None]:
    """Take the Redis that was named, or start one for this run; None for memory."""
    if plan.store == "memory":
        yield None
        return
    if plan.redis_url:
        yield server.configured(roles_at(plan.redis_url))
        return
    try:
        found = server.start(runtime / "redis")
    except Refused as error:
        plan.say(f"{error}; going on in memory: redis-cli, the page and separate terminals need a Redis")
        yield None
        return
    try:
        yield found
    finally:
        found.stop()


def _require_empty(settings: Settings) -> None:
    """A named Redis must not hold another session of ours: nothing of anybody's is wiped by a demo."""
    for role, client in open_clients(settings.redis.urls()).items():
        keys = [PROGRESS.key(name) for name in jobs()] + [stream.name for stream in STREAMS if stream.role is role]
        if client.exists(*keys):
            raise Refused(f"Redis ({role}) holds another session: use another server, or clear it with `ticktick clear`")


@contextlib.contextmanager
def simulator(config: SimulatorConfig) -> Iterator[tuple[str, str, str]]:
    """Fork a simulator; give its address, its maker's name and its date; end it afterwards."""
    from pipeline.simulator.server import serve

    reader, writer = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(reader)
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            supervise.die_with_parent(parent)
            asyncio.run(serve(config, partial(_announce, writer)))
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    try:
        with os.fdopen(reader) as lines:
            url = lines.readline().strip()
        if not url:
            raise Refused("the simulator did not start: run `ticktick simulate` to see why")
        maker, date_iso = outside.ask_simulator(url)
        yield url, maker, date_iso
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        _reap(pid)


def _announce(pipe: int, url: str) -> None:
    os.write(pipe, f"{url}\n".encode())


def _reap(pid: int) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if os.waitpid(pid, os.WNOHANG)[0] != 0:
            return
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _settings(plan: Plan, base: Settings, runtime: Path, market: tuple[str, str, str], found: server.Server | None) -> Settings:
    """Put the simulator in the place of the broker, and this run's folder in the place of the user's files.

    Without an address of a simulator (a day file is played) nothing is asked of anybody, and nothing is recorded.
    """
    from pipeline.run.settings import load

    url, maker, date_iso = market
    urls = found.urls if found is not None else {}
    given: dict[str, Any] = {
        "mode": plan.mode,
        "maker": maker,
        "session_date": date_iso,
        "orders.confirm": plan.confirm,
        "history.reads_per_s": 45.0,  # within the broker's 50; a day's 90 requests stay far below its 500 a minute
        # Two whole sessions of minutes and one request each: half a year of hours would take the simulator longer than the rest.
        "history.candles": 760,
        **dict.fromkeys(("history.candles_3m", "history.candles_5m", "history.candles_10m", "history.candles_15m"), 260),
        "history.candles_60m": 250,
        "paths.runtime": str(runtime),
        "paths.token": str(runtime / "upstox.token.json"),
        "paths.credentials": str(runtime / "credentials.json"),
        "paths.symbols": str(runtime / "symbols.json"),
        "paths.data": str(runtime / "data"),
        "paths.archive": str(runtime / "candles"),
        "paths.audit": str(runtime / "audit"),
        **({f"upstox.{name}": url for name in outside.ADDRESSES} if url else {"recorder.enabled": False}),
        **{f"redis.{role}_url": found_url for role, found_url in urls.items()},
        **plan.overrides,
    }
    if plan.port is not None:
        given["dashboard.port"] = plan.port or server.free_port()
    if url:
        outside.write_watchlist(runtime / "symbols.json", url)
    return load(base.paths.root, overrides=given)
