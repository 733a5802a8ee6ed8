"""Mode -> store, feed, broker, clock: the only place that chooses.

A script's door ends here: settings and logs, a Redis that is checked, today's watchlist, then the job's
runner over the right source. Live and paper processes take entries as they arrive; replay and headless
runs merge behind watermarks. Which exchange the orders meet is the mode's row, nowhere a flag.
"""

from __future__ import annotations

import gc
import logging
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import NoReturn

from pipeline.core.errors import Refused, Stopped, TickTickError
from pipeline.core.job import Context, HashWrite, Job
from pipeline.core.schema import AUTH_STATUS, FEED_STATUS, SESSION, WANTED, Role
from pipeline.core.session import SessionDay, ist_date
from pipeline.core.types import Instrument
from pipeline.engine.rollout import stage_words
from pipeline.jobs.orders import OUTWARD
from pipeline.run import audit, emergency, equity, outside, playback, record, universe
from pipeline.run.access import calendar_of, tokens
from pipeline.run.courier import Courier, hand_over
from pipeline.run.dayfacts import task_of
from pipeline.run.discovery import job_named, jobs
from pipeline.run.equity import account_of
from pipeline.run.lease import Lease
from pipeline.run.options import Settings
from pipeline.run.outorders import outward_courier, outward_source, require_hosts, require_memory
from pipeline.run.playback import Recording
from pipeline.run.processes import PROCESSES
from pipeline.run.redaction import redact
from pipeline.run.runner import Runner
from pipeline.run.sources import Source, StreamSource
from pipeline.run.turn import Pace
from pipeline.store.client import check, open_clients
from pipeline.store.ears import Ears
from pipeline.store.face import Progress, Store
from pipeline.store.streams import RedisStore

log = logging.getLogger("ticktick.wiring")

TRADES_WITH = {"paper": "the paper exchange", "replay": "the paper exchange", "simulated": "a simulator on this machine"}
"""The modes this version can trade in; the live rows are refused until they are whole."""


@dataclass(frozen=True, slots=True)
class House:
    """What the processes of one run share."""

    settings: Settings
    day: SessionDay
    session: str
    pace: Pace
    is_browsing: bool = False
    """Open the page in a browser as soon as it is there."""
    recording: Recording | None = None
    """The day file that stands in for broker and feed."""

    @property
    def date(self) -> str:
        return self.day.date


def open_house(settings: Settings, pace: Pace | None = None, *, is_browsing: bool = False, recording: Recording | None = None) -> House:
    """Settle the date and the mode.

    Raises:
        Refused: no trading on that day, or a mode that cannot trade yet.
    """
    if settings.mode not in TRADES_WITH:
        raise Refused(f'mode {settings.mode} is not there yet: this version trades on paper only; set mode = "paper"')
    if settings.mode == OUTWARD:
        require_hosts(settings)
    date_iso = settings.session_date or ist_date(time.time_ns() // 1_000_000)
    day = calendar_of(settings).day(date_iso)
    if day is None:
        raise Refused(
            f"no trading on {date_iso}: see config/holidays.json, try `ticktick demo`, or `. run/simulator.env` beside `ticktick simulate`"
        )
    why = stage_words(settings.params.rollout, date_iso)
    if why:
        raise Refused(f"risk.toml: stage {settings.params.rollout.stage} of the roll-out {why}")
    return House(settings, day, f"{date_iso} {settings.mode}", pace or Pace(), is_browsing, recording)


def open_store(settings: Settings) -> RedisStore:
    """Connect to the three roles and check what stands there.

    Raises:
        Stopped: no Redis answers. Refused: it has no TimeSeries.
    """
    urls = settings.redis.urls()
    clients = open_clients(urls)
    for warning in check(clients, urls):
        log.warning(warning)
    return RedisStore(clients)


def context(house: House, instruments: tuple[Instrument, ...]) -> Context:
    """Give a job what it is told at start."""
    return Context(instruments, house.date, house.settings.mode, house.settings.params, house.day)


def orders_context(house: House, instruments: tuple[Instrument, ...], store: Store) -> Context:
    """Give the order process what it is told beside: the emergency word that holds, and what the account brings from the days before."""
    account = account_of(house.settings) if house.recording is None else ""
    found = equity.bring(store, account, house.date, is_outward=house.settings.mode == OUTWARD)
    return replace(
        context(house, instruments), word=emergency.standing(store), account=account, carried_paise=found.carried_paise,
        peak_paise=found.peak_paise,
    )  # fmt: skip


def writers() -> dict[str, Role]:
    """Give the role of each job's outputs."""
    return {name: job.writes[0].role for name, job in jobs().items()}


def readers() -> dict[str, list[tuple[str, Role]]]:
    """Give, for each stream, the jobs that read it: trimming waits for them."""
    out: dict[str, list[tuple[str, Role]]] = {}
    for name, job in jobs().items():
        for stream in (*job.reads, *job.preload):
            out.setdefault(stream.name, []).append((name, job.writes[0].role))
    return out


def make_runner(name: str, house: House, store: Store, instruments: tuple[Instrument, ...]) -> Runner:
    """Wire one job over a store."""
    job = job_named(name)
    courier = outward_courier(house.settings, instruments) if name == "orders" and house.settings.mode == OUTWARD else None
    if courier is not None:
        make_source = partial(_outward_source, house, store, instruments, courier)
    runner = Runner(
        job,
        store,
        orders_context(house, instruments, store) if name == "orders" else context(house, instruments),
        session=house.session,
        writers=writers(),
        readers=readers(),
        pace=_pace(job, house),
        source=_source(name, house, store, instruments) if courier is None else make_source,
    )
    if courier is not None:
        runner.on_committed = lambda done: hand_over(courier, done)
    status, wanted_rows = getattr(runner.source, "status", None), getattr(runner.source, "wanted_rows", dict)
    if status is not None:
        runner.extra_health = lambda: _tell(store, house.settings, status(), wanted_rows())
    return runner


def _outward_source(house: House, store: Store, instruments: tuple[Instrument, ...], courier: Courier, progress: Progress) -> Source:
    """Give the order process its streams, and the broker's reports between their entries."""
    ears = Ears(open_clients(house.settings.redis.urls()), courier.bell)
    streams = StreamSource(
        store, job_named("orders").reads, session=house.session, cursors=progress.cursors, writers={}, behind_watermarks=False,
        listen=ears.read,
    )  # fmt: skip
    return outward_source((house.settings, house.date), instruments, streams, courier, progress.now)


def _source(name: str, house: House, store: Store, instruments: tuple[Instrument, ...]) -> Callable[[Progress], Source] | None:
    """Choose where a job's records come from: a day file, the broker, or (None) streams."""
    if house.recording is not None:
        return playback.source_of(name, house.recording, house.day, instruments, house.settings.params.candles.gap_silence_ms)
    return outside.source_of(name, house.settings, house.day, instruments, store=store, is_lossless=house.pace.behind_watermarks)


def _tell(store: Store, settings: Settings, feed: dict[str, str | int], wanted: dict[str, str]) -> dict[str, str | int | float]:
    """Show the state of the feed and of the token (never the token) beside the health of the feed's process."""
    store.put(HashWrite(FEED_STATUS, (), feed))
    if wanted:
        store.put(HashWrite(WANTED, (), wanted))
    store.put(HashWrite(AUTH_STATUS, (), tokens(settings).status()))
    return dict(feed)


def _pace(job: Job, house: House) -> Pace:
    """The history ends by itself in every run; the others only when the run is to drain."""
    return replace(house.pace, until_drained=house.pace.until_drained or job.name == "history")


def announce(store: Store, house: House, *, speed: float = 1.0) -> None:
    """Say on ``session`` what is running: mode, maker of the data, date."""
    fields: dict[str, str | int | float] = {
        "mode": house.settings.mode,
        "maker": house.settings.maker,
        "date": house.date,
        "session": house.session,
        "speed": speed,
        "started_ms": time.time_ns() // 1_000_000,
        "page": f"{house.settings.dashboard.host}:{house.settings.dashboard.port}",
    }
    store.put(HashWrite(SESSION, (), fields))


def run_process(name: str, house: House) -> None:
    """Run one process until it is stopped (or has drained): the body of a script and of a forked child."""
    from pipeline.run import logs

    logs.setup(name, house.settings)
    should_stop = _stop_flag()
    if name == record.NAME:
        record.require_enabled(house.settings)
    store = open_store(house.settings)
    if name == record.NAME:
        make_recorder(house, store).run(should_stop)
        return
    if name == audit.NAME:
        universe.load(store, house.date)  # says who brings the day, when nobody has yet
        task = audit.task_of(house.settings.paths.audit, store, house.session, until_drained=house.pace.until_drained)
        audit.Auditor(store, task).run(should_stop)
        return
    if name == "history" and house.recording is None:
        instruments, source = outside.dated_instruments(house.settings, house.date)
        universe.publish(store, instruments, house.date, source)
        if store.fetch(Role.DERIVED, SESSION.key()).get("session") != house.session:
            announce(store, house)
        outside.tend_instruments(house.settings, house.date)
    else:
        instruments = universe.load(store, house.date)
    if name == "dashboard":
        outside.run_dashboard(house.settings, house.day, should_stop, is_browsing=house.is_browsing)
        return
    if name == "orders":
        _run_orders(house, store, instruments, should_stop)
        return
    runner = make_runner(name, house, store, instruments)
    gc.collect()
    gc.freeze()
    runner.run(should_stop)


def _run_orders(house: House, store: RedisStore, instruments: tuple[Instrument, ...], should_stop: Callable[[], bool]) -> None:
    """Be the one order process of this data set, from before the journal is read until the last request has left."""
    if house.settings.mode == OUTWARD:
        require_memory(house.settings)
    lease = Lease(open_clients(house.settings.redis.urls())[Role.DERIVED], "orders")
    with lease.held(should_stop) as guard:
        store.rest_on(Role.DERIVED, guard)
        runner = make_runner("orders", house, store, instruments)
        runner.require = lease.require
        # What is there at the start stays: a full collection that looked at it again would stop an order for some 60 ms.
        gc.collect()
        gc.freeze()
        watch, told = getattr(runner.source, "halt", None) or emergency.HaltFile(house.settings), runner.extra_health
        runner.extra_health = lambda: {**told(), **watch.look(), "word": runner.state.word}
        runner.run(should_stop)


def make_recorder(house: House, store: Store) -> record.Recorder:
    """Wire the recorder over a store.

    Raises:
        Stopped: there is nothing to record yet, or the file cannot be written: it may be started again.
    """
    try:
        instruments = universe.load(store, house.date)
    except Refused as error:
        raise Stopped(str(error)) from error
    return record.Recorder(store, task_of(house.settings, store, house.session, instruments, is_headless=house.pace.until_drained))


def _stop_flag() -> Callable[[], bool]:
    """Turn SIGTERM and SIGINT into a flag: the turn in hand is finished, nothing is cut."""
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return lambda: len(asked) > 0


def run_script(script: str) -> NoReturn:
    """Be the door ``scripts/<script>.py``: run its process in this terminal; one line when something is missing."""
    from pipeline.run.settings import load

    name = PROCESSES[script]
    try:
        house = open_house(load())
        if name == "orders" and sys.stdin.isatty():
            from pipeline.run.terminal import run_orders

            run_orders(house.settings, house.date, lambda: run_process("orders", house))
        else:
            run_process(name, house)
    except TickTickError as error:
        print(f"{script}: {redact(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(0)
    sys.exit(0)
