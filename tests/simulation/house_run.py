"""The order path for real: feed, orders and portfolio as processes, a real Redis, a simulator with faults, and SIGKILL at random moments.

Half of the shots fall within 40 ms of a confirmation, where an order is between journal, thread and wire. Now and then people halt the house, or
the feed's process stands still (SIGSTOP), or the order process, or Redis, and proposals go on. Every few kills trading pauses with positions open, and all books must agree.
What the simulator *received* is the judge: see house_judge.py.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from authentication.token import TokenKind, make_token, save_token
from pipeline.core import schema
from pipeline.core.broker import Control, Word
from pipeline.core.money import to_paise
from pipeline.core.schema import Role, Stream
from pipeline.core.types import Confirmation, Instrument, Recommendation, Side
from pipeline.run import universe
from pipeline.run.access import now_ms
from pipeline.run.drillstage import WIDE
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS, tick_paise
from pipeline.store import codec
from pipeline.store.client import open_clients
from pipeline.store.server import start
from pipeline.store.streams import RedisStore
from tests.fakes.doors import Door, Doors, cpu_s, environment, script
from tests.fakes.live_simulator import LiveSimulator, simulator_process
from tests.simulation.house_judge import Span, differences

DATE = "2026-11-20"
PAPERS = tuple(Instrument(n, i.symbol, i.key, i.name, tick_paise(i, DATE), 1, 100_000, i.is_cas) for n, i in enumerate(DEFAULT_LISTINGS))
SCRIPTS = ("websocket_client", "orders", "portfolio")
SETTINGS = {
    "mode": "simulated", "orders__confirm": "ask", "orders__max_hold_s": 6, "orders__entry_timeout_s": 4, "orders__reply_s": 2.5,
    "orders__settle_s": 5.0, "orders__beat_s": 1.0, "orders__close_tries": 3, "upstox__total_timeout_s": 2.0, "upstox__connect_timeout_s": 1.0,
    "logging__level": "WARNING", "history__pace": 100.0,
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]


def risk_text() -> str:
    """Give a risk.toml: the shipped one, with the drill's limits."""
    lines = (ROOT / "config" / "risk.toml").read_text("utf-8").splitlines()
    names = [line.partition("=")[0].strip() for line in lines]
    return "\n".join(f"{name} = {WIDE[name]}" if name in WIDE else line for name, line in zip(names, lines, strict=True)) + "\n"


FAULTS = (
    {"kind": "drop_reply", "match": "/v3/order/place"},
    {"kind": "drop_reply", "match": "/v3/order/modify"},
    {"kind": "drop_reply", "match": "/v3/order/cancel"},
    {"kind": "status", "status": 503, "match": "/v3/order/place"},
    {"kind": "status", "status": 429, "match": "/v3/order/"},
    {"kind": "status", "status": 500, "match": "/v2/"},
    {"kind": "delay", "delay_s": 1.0, "match": "/v2/order/retrieve-all"},
    {"kind": "delay", "delay_s": 3.0, "match": "/v3/order/place"},
)
LIMIT_S = 60.0
AWAY = ("Redis is away", "no Redis answers", "Redis at")
"""What a process that came up while Redis was down may say before it ends; its supervisor would start it again."""


@dataclass
class House:
    """One run. ``kills`` counts what was shot, ``spans`` when something forbade entries."""

    sim: LiveSimulator
    redis: Any
    folder: Path
    doors: Doors
    rng: random.Random
    procs: dict[str, Door] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    stalls: Counter[str] = field(default_factory=Counter)
    spans: list[Span] = field(default_factory=list)
    proposals: int = 0
    confirmed: dict[int, float] = field(default_factory=dict)
    """Proposal -> instant (monotonic) of its confirmation."""
    order_url: str = ""
    """Another server than the simulator for the order calls, when it is given."""
    settings: dict[str, Any] = field(default_factory=dict)
    papers: tuple[Instrument, ...] = PAPERS

    def __post_init__(self) -> None:
        urls = self.redis.urls
        self.urls = {role: urls[role] for role in Role}
        home = self.folder / "own"
        home.mkdir()
        (home / "risk.toml").write_text(risk_text(), "utf-8")
        (home / "strategies.toml").write_text((ROOT / "config" / "strategies.toml").read_text("utf-8"), "utf-8")
        token = self.folder / "token.json"
        save_token(token, make_token(self.sim.token, TokenKind.OAUTH, now_ms()))
        hosts = {f"upstox__{name}": self.sim.base for name in ("rest_url", "order_url", "feed_url", "login_url", "assets_url")}
        hosts["upstox__order_url"] = self.order_url or self.sim.base
        given = {**SETTINGS, **self.settings, **hosts}
        self.env = environment(self.folder, self.urls, paths__token=token, **given) | {"TICKTICK_CONFIG": str(home)}
        self.connect()
        universe.publish(self.store, self.papers, DATE, universe.TODAY)
        for name in SCRIPTS:
            self.launch(name)

    def connect(self) -> None:
        self.clients = open_clients(self.urls)
        self.store = RedisStore(self.clients)

    def launch(self, name: str) -> None:
        self.procs[name] = self.doors.open(script(name), self.env)

    def add(self, stream: Stream, record: Any) -> None:
        self.clients[stream.role].xadd(stream.name, codec.encode(stream, record), id=f"{record.ts}-*")

    def records(self, stream: Stream) -> list[Any]:
        return [codec.decode(stream, fields) for _, fields in self.clients[stream.role].xrange(stream.name)]

    # ------------------------------------------------------------------ people, faults, shots

    def propose(self, paper: Instrument | None = None) -> float | None:
        """A recommendation at the market, and its confirmation; give the instant (monotonic) just before the latter."""
        now = self.sim.clock()["ts"]
        paper = paper or self.rng.choice(self.papers)
        ltp = self.sim.last_price(paper.instrument_key)
        if ltp is None:
            return None
        side, tick = self.rng.choice(list(Side)), paper.tick_size_paise
        ref = to_paise(ltp) // tick * tick
        self.proposals += 1
        key = f"R{self.proposals}"
        far = max(tick, ref // 300 // tick * tick)
        self.add(
            schema.RECOMMENDATIONS,
            Recommendation(
                now, key, f"S{key}", now - 60_000 - self.proposals, 1, paper.symbol, "1m", "drawn", side, 0.8, "trending", ref,
                ref + side.sign * 2 * tick, ref - side.sign * far, ref + side.sign * 2 * far, now + 60_000, "drawn", 0,
            ),
        )  # fmt: skip
        at = self.confirmed[self.proposals] = time.monotonic()
        self.add(schema.CONFIRM_PAGE, Confirmation(now + 1, key, "confirm", "page"))
        return at

    def strike(self) -> None:
        """Something goes wrong at the broker."""
        self.sim.fault(**self.rng.choice(FAULTS))

    def say(self, word: Word) -> None:
        self.add(schema.CONTROLS, Control(self.sim.clock()["ts"], word, "command"))

    def shoot(self) -> None:
        """SIGKILL one of the three, Redis included, and start it again."""
        target = self.rng.choice(("orders", "orders", "portfolio", "redis"))
        self.kills[target] += 1
        if target == "redis":
            self.redis.proc.send_signal(signal.SIGKILL)
            self.redis.proc.wait()
            self.redis = start(self.folder / "redis", port=self.redis.port, fsync="always")
            self.connect()
            return
        self.procs[target].kill()
        self.launch(target)

    def halt(self, pause_s: float) -> None:
        """People halt the house for a while, and lift it; proposals and shots go on."""
        self.say(Word.HALT)
        began, before = time.monotonic(), self.proposals
        self.trade(pause_s)
        self.shoot()
        self.trade(pause_s)
        self.spans.append(Span("halted", began, time.monotonic(), before, self.proposals))
        self.say(Word.RESUME)

    def freeze(self, pause_s: float) -> None:
        """The feed's process stands still: nothing newer than now is known; proposals go on."""
        feed = self.procs["websocket_client"].proc
        feed.send_signal(signal.SIGSTOP)
        began, before = time.monotonic(), self.proposals
        try:
            self.trade(pause_s)
            self.spans.append(Span("stale", began, time.monotonic(), before, self.proposals))
        finally:
            feed.send_signal(signal.SIGCONT)

    def stall(self, pause_s: float) -> None:
        """An order's way stands still in the middle: the order process, or Redis under it."""
        is_redis = self.rng.random() < 0.5
        proc = self.redis.proc if is_redis else self.procs["orders"].proc
        for _ in range(3):
            self.propose()
        time.sleep(self.rng.uniform(0.0, 0.01))
        proc.send_signal(signal.SIGSTOP)
        try:
            time.sleep(pause_s) if is_redis else self.trade(pause_s)
        finally:
            proc.send_signal(signal.SIGCONT)
        self.stalls["redis" if is_redis else "orders"] += 1

    def trade(self, pause_s: float) -> None:
        """Propose, with something going wrong now and then."""
        until = time.monotonic() + pause_s
        while time.monotonic() < until:
            self.propose()
            if self.rng.random() < 0.2:
                self.strike()
            time.sleep(0.1)
        self.check_alive()

    # ------------------------------------------------------------------ waiting

    def is_up(self) -> bool:
        """Tell whether the processes that run now (not those that were shot) have said so."""
        self.check_alive()
        told = {name: self.store.fetch(Role.DERIVED, schema.HEALTH.key(name)).get("pid") for name in ("orders", "portfolio")}
        return all(pid == str(self.procs[name].proc.pid) for name, pid in told.items())

    def check_alive(self) -> None:
        for name, door in self.procs.items():
            if door.proc.poll() is not None:
                assert any(words in door.err for words in AWAY), f"{name} ended with {door.proc.returncode}: {door.err[-3000:]}"
                self.launch(name)

    def expect(self, is_so: Callable[[], Any], words: str) -> None:
        """Wait as long as it takes on a machine as busy as this one: what is counted is the house's work, not the clock."""
        spent = self.spent_s()
        while not is_so():
            assert self.spent_s() - spent < LIMIT_S, f"{LIMIT_S:.0f} s of work, and still no {words}: {self.differences()}"
            time.sleep(0.02)

    def spent_s(self) -> float:
        """Give the processor time that the processes have had."""
        return sum(cpu_s(door.proc.pid) for door in self.procs.values())

    def rest(self) -> None:
        """Faults off, no new entries: with positions open as they are, all books come to agree."""
        self.sim.fault(kind="none")
        self.expect(self.is_up, "orders and portfolio")
        self.expect(lambda: not self.differences(), "the books to agree")

    def settle(self) -> None:
        """Faults off, everything closed: wait until the simulator holds nothing and nothing works there."""
        self.sim.fault(kind="none")
        self.say(Word.FLATTEN)

        def is_flat() -> bool:
            self.check_alive()
            ledger = self.sim.ledger()
            working = [o for o in ledger["orders"] if o["status"] not in ("complete", "cancelled", "rejected")]
            return not working and all(p["quantity"] == 0 for p in ledger["positions"])

        self.expect(is_flat, "flat at the simulator")
        self.expect(lambda: not self.differences(), "every trade to be booked")

    def differences(self) -> list[str]:
        """Judge by what the simulator received and did; empty is well."""
        return differences(self)


@contextmanager
def house(folder: Path, seed: int, order_url: str = "", **settings: Any) -> Iterator[House]:
    """Bring everything up, and take everything down."""
    redis = start(folder / "redis", fsync="always")
    running: House | None = None
    try:
        with Doors(folder) as doors:
            sim = simulator_process(SimulatorConfig(date=DATE, session="10:00-14:00", speed=1.0), doors)
            running = House(sim, redis, folder, doors, random.Random(seed), order_url=order_url, settings=settings)
            yield running
    finally:
        (running.redis if running is not None else redis).stop()


def disturb(run: House, kills: int) -> None:
    """Trade, break and shoot until so many have fallen."""
    run.expect(run.is_up, "orders and portfolio")
    run.expect(lambda: run.clients[schema.TICKS.role].exists(schema.TICKS.name), "ticks")
    while run.kills.total() < kills:
        if run.kills.total() % 12 == 6:
            run.halt(run.rng.uniform(1.0, 2.0))
        elif run.kills.total() % 25 == 15:
            run.freeze(8.0)
        elif run.kills.total() % 12 == 9:
            run.stall(6.5)
        run.trade(run.rng.uniform(0.2, 2.0))
        if run.rng.random() < 0.5:
            run.propose()
            time.sleep(run.rng.uniform(0.0, 0.04))
        run.shoot()
        run.check_alive()
        if run.kills.total() % 2 == 0:
            run.expect(run.is_up, "orders and portfolio")
        if run.kills.total() % 10 == 0:
            run.rest()
