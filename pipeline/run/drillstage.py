"""The stage of a drill: a simulator, a Redis of its own, and the processes that trade, in a folder that goes away afterwards.

Reads   the kill's time of the user's settings, nothing else of the user's: no file, no environment, no Redis
Writes  only into a temporary folder and into processes that end with the drill

The limits are wide and the pauses short, since not they are rehearsed: everything else is the shipped profile.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pipeline.core.errors import Stopped
from pipeline.core.types import Instrument
from pipeline.jobs.orders import OUTWARD
from pipeline.run import logs, outside, universe
from pipeline.run.day import simulator
from pipeline.run.options import Settings
from pipeline.run.settings import PREFIX, load
from pipeline.run.supervise import Policy, Supervisor
from pipeline.run.wiring import House, announce, open_house, open_store, run_process
from pipeline.simulator.config import DEMO_DATE, SimulatorConfig
from pipeline.store import server
from pipeline.store.client import Clients, open_clients

PROCESSES = ("ticks", "orders", "portfolio", "dashboard")
HOURS = "10:00-14:00"
STAY_DEAD = Policy(backoff_min_s=3600.0, backoff_max_s=3600.0, grace_s=5.0)
"""Whoever is shot in a drill is not started again."""
LIMIT_S = 120.0
OURS = ("TICKTICK_", "REDIS_", "UPSTOX_", "UPX_")
FOLDERS = ("logs", "runtime", "data", "recordings", "archive", "audit")
WIDE = {
    "max_positions": 12, "max_leverage": 10.0, "max_net_leverage": 10.0, "daily_loss_stop_ratio": 0.5, "daily_loss_alert_ratio": 0.4,
    "drawdown_stop_ratio": 0.5, "max_losses_in_row": 1000, "min_gap_s": 1, "max_orders_per_minute": 1000, "max_orders_per_hour": 10_000,
    "max_orders_per_day": 10_000, "max_drift_bps": 400.0, "max_ltp_distance_bps": 1000.0, "max_quote_distance_bps": 1000.0,
    "price_band_ratio": 0.5, "max_depth_ratio": 1000.0, "max_volume_ratio": 1.0,
}  # fmt: skip
"""Limits so wide that the orders, not the limits, are what is tried."""
SHORT = {
    "orders.confirm": "ask", "orders.max_hold_s": 0, "orders.reply_s": 2.5, "orders.settle_s": 6.0, "orders.beat_s": 1.0,
    "upstox.total_timeout_s": 1.5, "upstox.connect_timeout_s": 0.5, "logging.level": "WARNING",
}  # fmt: skip

T = TypeVar("T")


@dataclass
class Stage:
    """What is up, and how to reach it."""

    settings: Settings
    papers: tuple[Instrument, ...]
    source: str
    """Of which instrument file they are."""
    redis: server.Server
    env: dict[str, str]
    """For a command that is started beside it."""
    clients: Clients
    pids: dict[str, int] = field(default_factory=dict)
    is_over: threading.Event = field(default_factory=threading.Event)

    def ask(self, path: str) -> Any:
        """Ask the simulator for one of its own addresses: ``/_clock``, ``/_ledger``.

        Raises:
            Stopped: it does not answer, or the drill was interrupted.
        """
        if self.is_over.is_set():
            raise Stopped("the drill was interrupted, or one of its processes gave up: nothing of yours was touched")
        return outside.get_json(f"{self.settings.upstox.rest_url}{path}")

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.settings.dashboard.port}"


def perform(base: Settings, scene: Callable[[Stage], T], root: Path | None = None) -> T:
    """Set the stage up, let a scene play on it, and take everything down.

    Raises:
        Refused: no Redis with TimeSeries on this machine. Stopped: interrupted, or a process gave up.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ticktick-drill-", dir=root)))
        redis = server.start(folder / "redis", fsync="always")
        stack.callback(redis.stop)
        url, maker, date_iso = stack.enter_context(simulator(SimulatorConfig(date=DEMO_DATE, session=HOURS, speed=1.0)))
        given = _given(base, folder, redis, (url, maker, date_iso))
        settings = load(environ={}, overrides=given)
        outside.write_watchlist(settings.paths.symbols, url)
        outside.login_at_simulator(settings)
        instruments, source = outside.dated_instruments(settings, date_iso)
        stage = Stage(settings, instruments, source, redis, _environment(given), open_clients(redis.urls))
        return _play(stage, scene)


def _play(stage: Stage, scene: Callable[[Stage], T]) -> T:
    house, store = open_house(stage.settings), open_store(stage.settings)
    universe.publish(store, stage.papers, house.date, stage.source)
    announce(store, house)
    logs.setup("drill", stage.settings, console=False)
    outside.warm_family()
    family = Supervisor({name: partial(_run, name, house) for name in PROCESSES}, stage.settings.paths.runtime, STAY_DEAD)
    family.start()
    stage.pids = family.pids()
    with ThreadPoolExecutor(1, "scene") as pool:
        playing = pool.submit(scene, stage)
        family.run(until=playing.done, timeout_s=LIMIT_S)
        stage.is_over.set()
        return playing.result()


def _run(name: str, house: House) -> None:
    """Be one process; what it says goes into a file of the stage: that Redis was shot is no news on the terminal."""
    file = os.open(house.settings.paths.runtime / f"{name}.out", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(file, stream)
    run_process(name, house)


def _given(base: Settings, folder: Path, redis: server.Server, market: tuple[str, str, str]) -> dict[str, Any]:
    url, maker, date_iso = market
    return {
        "mode": OUTWARD,
        "maker": maker,
        "session_date": date_iso,
        "emergency.kill_s": base.emergency.kill_s,
        "dashboard.port": server.free_port(),
        **{f"upstox.{name}": url for name in outside.ADDRESSES},
        **{f"redis.{role}_url": address for role, address in redis.urls.items()},
        **{f"paths.{name}": str(folder / name) for name in FOLDERS},
        "paths.symbols": str(folder / "symbols.json"),
        "paths.token": str(folder / "token.json"),
        "paths.credentials": str(folder / "credentials.json"),
        **{f"risk.{name}": limit for name, limit in WIDE.items()},
        **SHORT,
    }


def _environment(given: dict[str, Any]) -> dict[str, str]:
    """Give a command the same settings, and none of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {f"{PREFIX}{key.upper().replace('.', '__')}": str(value) for key, value in given.items()}


def until(is_so: Callable[[], Any], words: str, limit_s: float) -> Any:
    """Look until it is so; give what was found.

    Raises:
        Stopped: it never was.
    """
    deadline = time.monotonic() + limit_s
    while not (found := is_so()):
        if time.monotonic() > deadline:
            raise Stopped(f"the drill waited {limit_s:.0f} s for {words}")
        time.sleep(0.02)
    return found
