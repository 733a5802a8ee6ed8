"""The order path for real: feed, orders and portfolio as processes, a real Redis, a simulator with faults, and SIGKILL at random moments.

What the simulator *received* is the judge: one POST for a tag, every trade booked once, positions equal, flat at the end.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
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
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS, tick_paise
from pipeline.store import codec
from pipeline.store.client import open_clients
from pipeline.store.server import start
from pipeline.store.streams import RedisStore
from tests.fakes.doors import Door, Doors, environment, script, wait_for
from tests.fakes.live_simulator import LiveSimulator, simulator_process

DATE = "2026-11-20"
PAPERS = tuple(Instrument(n, i.symbol, i.key, i.name, tick_paise(i, DATE), 1, 100_000, i.is_cas) for n, i in enumerate(DEFAULT_LISTINGS))
SCRIPTS = ("websocket_client", "orders", "portfolio")
SETTINGS = {
    "mode": "simulated", "orders__confirm": "ask", "orders__max_hold_s": 15, "orders__entry_timeout_s": 10, "orders__reply_s": 2.5,
    "orders__settle_s": 5.0, "orders__beat_s": 1.0, "orders__close_tries": 3, "upstox__total_timeout_s": 2.0, "upstox__connect_timeout_s": 1.0,
    "logging__level": "WARNING",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
LIMITS = {
    "max_positions": 12, "max_leverage": 10.0, "max_net_leverage": 10.0, "daily_loss_stop_ratio": 0.5, "daily_loss_alert_ratio": 0.4,
    "drawdown_stop_ratio": 0.5, "max_losses_in_row": 1000, "min_gap_s": 1, "max_orders_per_minute": 1000, "max_orders_per_hour": 10_000,
    "max_orders_per_day": 10_000, "max_drift_bps": 400.0, "max_ltp_distance_bps": 1000.0, "max_quote_distance_bps": 1000.0,
    "price_band_ratio": 0.5, "max_depth_ratio": 1000.0, "max_volume_ratio": 1.0,
}  # fmt: skip
"""Wide enough that the orders, not the limits, are what is tried; everything else is the shipped profile."""


def risk_text() -> str:
    """Give a risk.toml: the shipped one, with the limits above."""
    lines = (ROOT / "config" / "risk.toml").read_text("utf-8").splitlines()
    names = [line.partition("=")[0].strip() for line in lines]
    return "\n".join(f"{name} = {LIMITS[name]}" if name in LIMITS else line for name, line in zip(names, lines, strict=True)) + "\n"


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
DUE_S = 60.0


@dataclass
class House:
    """One run. ``kills`` counts what was shot."""

    sim: LiveSimulator
    redis: Any
    folder: Path
    doors: Doors
    rng: random.Random
    procs: dict[str, Door] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    proposals: int = 0
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
        self.env = environment(self.folder, self.urls, paths__token=token, **(SETTINGS | self.settings), **hosts) | {"TICKTICK_CONFIG": str(home)}
        self.connect()
        universe.publish(self.store, self.papers, DATE)
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
        quote = self.sim.ledger()["quotes"].get(paper.instrument_key)
        if quote is None:
            return None
        side, tick = self.rng.choice(list(Side)), paper.tick_size_paise
        ref = to_paise(quote["ltp"]) // tick * tick
        self.proposals += 1
        key = f"R{self.proposals}"
        far = max(tick, ref // 300 // tick * tick)
        self.add(
            schema.RECOMMENDATIONS,
            Recommendation(
                now, key, f"S{key}", now - 60_000 - self.proposals, 1, paper.symbol, "1m", "drawn", side, 0.8, "trending", ref,
                ref + side.sign * 2 * tick, ref - side.sign * far, ref + side.sign * 2 * far, now + 60_000, "drawn",
            ),
        )  # fmt: skip
        at = time.monotonic()
        self.add(schema.CONFIRM_PAGE, Confirmation(now + 1, key, "confirm", "page"))
        return at

    def strike(self) -> None:
        """Something goes wrong at the broker."""
        self.sim.fault(**self.rng.choice(FAULTS))

    def shoot(self) -> None:
        """SIGKILL one of the three, Redis included, and start it again."""
        target = self.rng.choice(("orders", "orders", "portfolio", "redis"))
        self.kills[target] += 1
        if target == "redis":
            port = int(self.urls[Role.DERIVED].rsplit(":", 1)[1].split("/")[0])
            self.redis.proc.send_signal(signal.SIGKILL)
            self.redis.proc.wait()
            self.redis = start(self.folder / "redis", port=port, fsync="always")
            self.connect()
            return
        self.procs[target].kill()
        self.launch(target)

    def is_up(self) -> bool:
        self.check_alive()
        return all(self.store.fetch(Role.DERIVED, schema.HEALTH.key(name)) for name in ("orders", "portfolio"))

    def check_alive(self) -> None:
        for name, door in self.procs.items():
            if door.proc.poll() is not None:
                # Redis was away when it came up: a supervisor would start it again.
                assert "Traceback" not in door.err, door.err[-3000:]
                self.launch(name)

    # ------------------------------------------------------------------ the end

    def settle(self) -> None:
        """Faults off, everything closed: wait until the simulator holds nothing and nothing works there."""
        self.sim.fault(kind="none")
        self.add(schema.CONTROLS, Control(self.sim.clock()["ts"], Word.FLATTEN, "command"))

        def is_flat() -> bool:
            self.check_alive()
            ledger = self.sim.ledger()
            working = [o for o in ledger["orders"] if o["status"] not in ("complete", "cancelled", "rejected")]
            return not working and all(p["quantity"] == 0 for p in ledger["positions"])

        wait_for(is_flat, "flat at the simulator", DUE_S)
        wait_for(lambda: not self.differences(), "every trade to be booked", DUE_S)

    def differences(self) -> list[str]:
        """Judge by what the simulator received and did; empty is well."""
        ledger = self.sim.ledger()
        posts = [r for r in ledger["requests"] if (r["method"], r["path"]) == ("POST", "/v3/order/place")]
        tags = Counter(str(r["body"]).partition('"tag": "')[2].partition('"')[0] for r in posts)
        out = [f"{tag} was sent {count} times" for tag, count in tags.items() if count > 1]
        theirs = {t["trade_id"]: t["quantity"] for t in ledger["trades"]}
        fills = self.records(schema.FILLS)
        ours = {f.trade_id: f.last_qty for f in fills}
        if len(ours) != len(fills):
            out.append(f"{len(fills) - len(ours)} fills were booked twice")
        held = self.store.fetch(Role.DERIVED, schema.PORTFOLIO.key())
        if int(held.get("fills", 0)) != len(theirs) or (int(held.get("positions", 0)) > 0) != any(
            p["quantity"] for p in ledger["positions"]
        ):
            out.append(
                f"the portfolio counts {held.get('fills')} fills and {held.get('positions')} positions, the simulator {len(theirs)} trades"
            )
        if ours != theirs:
            out.append(f"{len(theirs.keys() - ours.keys())} fills lost, {len(ours.keys() - theirs.keys())} invented")
        return out


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


def disturb(run: House, kills: int, pause_s: float = 1.0) -> None:
    """Trade, break and shoot until so many have fallen."""
    wait_for(run.is_up, "orders and portfolio")
    while run.kills.total() < kills:
        until = time.monotonic() + run.rng.uniform(0.2, 2 * pause_s)
        while time.monotonic() < until:
            if run.rng.random() < 0.5:
                run.propose()
            if run.rng.random() < 0.3:
                run.strike()
            time.sleep(0.1)
        run.shoot()
        run.check_alive()
        if run.kills.total() % 2 == 0:
            wait_for(run.is_up, "orders and portfolio")
