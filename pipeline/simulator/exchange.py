"""Everything one simulator holds: the market on stage, the tape, orders, tokens, faults, and the journal.

Reads   SimulatorConfig
Writes  ``requests``: each call with its time, path, headers (no token) and body, for tests to look at
This is the one place that chooses the maker and the calendar.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from pipeline.core.errors import Refused
from pipeline.core.session import Calendar
from pipeline.engine.matching import Venue
from pipeline.simulator.answers import ApiError
from pipeline.simulator.config import SimulatorConfig, span
from pipeline.simulator.connection import Connection
from pipeline.simulator.desk import Desk
from pipeline.simulator.faults import Faults
from pipeline.simulator.generated import GeneratedMarket
from pipeline.simulator.gtt_server import GttServer
from pipeline.simulator.history import History
from pipeline.simulator.listing import Listing, listings_for
from pipeline.simulator.market import Bar, MarketMaker
from pipeline.simulator.stage import Stage
from pipeline.simulator.tape import Tape
from pipeline.simulator.tokens import Tokens

HOLIDAYS = Path(__file__).resolve().parents[2] / "config" / "holidays.json"
JOURNAL = 20_000
FEEDS_KEPT = 2_000


@dataclass(slots=True)
class Exchange:
    """One simulated broker and its market."""

    config: SimulatorConfig
    calendar: Calendar
    maker: MarketMaker
    tape: Tape
    stage: Stage
    desk: Desk
    history: History
    tokens: Tokens
    faults: Faults = field(default_factory=Faults)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=JOURNAL))
    portfolio_sockets: list[web.WebSocketResponse] = field(default_factory=list)
    feeds: list[Connection] = field(default_factory=list)
    """Open feed connections."""
    feeds_seen: deque[Connection] = field(default_factory=lambda: deque(maxlen=FEEDS_KEPT))
    """The ledger: open and closed ones, oldest first."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    """Hang-ups under way."""
    calls: dict[bool, deque[float]] = field(default_factory=lambda: {True: deque(maxlen=10), False: deque(maxlen=2_000)})
    """When order calls (True) and other calls were taken lately, seconds of the limits' clock."""
    gtt: dict[str, dict[str, Any]] = field(default_factory=dict)
    """GTTs as they were asked for; what they do is in ``server``."""
    server: GttServer = field(init=False)
    kill_switch: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = GttServer(self.desk)
        self.stage.watchers.append(self.server.on_frame)

    @property
    def feed_connections(self) -> int:
        """Connections that count: one that is half open has been forgotten by the far side."""
        return sum(line.stall != "half_open" for line in self.feeds)

    @property
    def date(self) -> str:
        return self.maker.day.date

    def listing(self, key: str) -> Listing:
        """Find a paper by its instrument key.

        Raises:
            ApiError: UDAPI100011.
        """
        found = self.desk.listings.get(key)
        if found is None:
            raise ApiError(400, "UDAPI100011", "Invalid Instrument key", "instrument_key", key)
        return found

    def previous_close(self, listing: Listing) -> float:
        """The close before this session, as the feed gives it."""
        update = self.tape.latest.get(listing.key)
        return update.cp if update is not None and update.cp > 0 else listing.base_px

    def finished_minutes(self, key: str) -> list[Bar]:
        return self.tape.finished(key)


EXCHANGE: web.AppKey[Exchange] = web.AppKey("exchange", Exchange)


def load_calendar() -> Calendar:
    """Read the repository's own calendar."""
    try:
        return Calendar.from_rows(json.loads(HOLIDAYS.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise Refused(f"the simulator cannot read {HOLIDAYS.name} ({error}): restore config/holidays.json") from error


def make_market(config: SimulatorConfig, calendar: Calendar) -> MarketMaker:
    """Choose who makes the market."""
    if config.maker == "player":
        from pipeline.simulator.player import RecordedMarket

        return RecordedMarket(Path(config.path), calendar)
    if config.maker == "expander":
        from pipeline.simulator.expander import ExpandedMarket, read_candles

        return ExpandedMarket(config.seed, calendar, config.date, read_candles(Path(config.path), config.date, config.watch))
    day = calendar.day(config.date)
    if day is None:
        raise Refused(f"{config.date} is no trading day ({calendar.reason(config.date)}): choose another date")
    return GeneratedMarket(config.seed, day, calendar.previous(config.date), listings_for(config.watch), span(config.session, day))


def build(config: SimulatorConfig) -> Exchange:
    """Put one simulator together; nothing runs yet."""
    calendar = config.calendar or load_calendar()
    maker = make_market(config, calendar)
    tape = Tape(maker.day, maker.listings, maker.start_ms)
    for update in maker.opening()[1]:
        tape.latest[update.key] = update
    stage = Stage(maker, tape, speed=config.speed, hold=config.hold, idle_speed=config.idle_speed)
    desk = Desk(maker.day, maker.listings, tape, Venue(config.latency_ms, protection_bps=config.protection_bps))
    stage.watchers.append(desk.on_frame)
    tokens = Tokens(config.token_life_s, is_plus=config.plan == "plus")
    return Exchange(config, calendar, maker, tape, stage, desk, History(config.seed, maker.day.date, calendar), tokens)
