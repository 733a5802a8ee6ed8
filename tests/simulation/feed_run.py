"""One simulator and one feed for the drill: what was received, what was decided and when, and what is missing.

The truth is the tape: the generated day is made once more and compared, frame by frame, with what came. A frame of a
followed paper counts as missing when it neither came nor lies inside a gap that the feed marked.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.broker.feed import Access, FeedConfig, FeedSource
from pipeline.broker.link import LinkConfig
from pipeline.broker.quota import Limit, ReadBudget
from pipeline.broker.quotes_check import CheckConfig, QuotesCheck
from pipeline.broker.repair import MinuteRepair
from pipeline.broker.repair_book import RepairConfig
from pipeline.broker.rest import RestClient, RestConfig
from pipeline.core.types import NO_SYMBOL, Instrument, TickBatch, TickKind
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.exchange import load_calendar, make_market
from pipeline.simulator.listing import DEFAULT_LISTINGS
from pipeline.simulator.market import Frame, Kind, MarketMaker
from tests.fakes.live_simulator import LiveSimulator, live_simulator

READ_S = 0.02
CALENDAR = load_calendar()
PAPERS = tuple(
    Instrument(sid, item.symbol, item.key, item.name, 5, 1, 100_000, is_cas_eligible=item.is_cas)
    for sid, item in enumerate(DEFAULT_LISTINGS)
)
KEYS = [paper.instrument_key for paper in PAPERS]
ALARMS = ("feed stalled", "feed clock stands still", "feed not connected", "feed key unconfirmed", "feed needs a login")
"""What the feed says when it takes something for a fault."""
ALL = -1


@dataclass(frozen=True, slots=True)
class Limits:
    """The feed's own waits, in seconds. The defaults of the settings are 60, 60, 10, 10, 2 and 0.2 to 10.

    Shortened no further than a loaded machine of two cores can keep up with: a starved simulator is no false alarm.
    """

    liveness_s: float = 2.0
    silence_s: float = 2.0
    confirm_s: float = 2.0
    quotes_pause_s: float = 0.3
    grace_s: float = 0.5
    backoff_s: tuple[float, float] = (0.02, 0.2)


@dataclass(frozen=True, slots=True)
class Decision:
    """Something the feed said: when (monotonic seconds) and what."""

    at_s: float
    what: str
    fields: dict[str, Any]

    @property
    def is_reconnect(self) -> bool:
        return self.what == "feed not connected"


class Listener(logging.Handler):
    """Keeps what the feed logs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.heard: list[Decision] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(Decision(time.monotonic(), record.getMessage(), getattr(record, "fields", {})))


@dataclass(slots=True)
class Received:
    """What came: for each paper the times of its frames, the gaps that were marked for it, and the repaired minutes."""

    frames: dict[int, set[int]] = field(default_factory=lambda: {paper.sid: set() for paper in PAPERS})
    gaps: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: {sid: [] for sid in (ALL, *range(len(PAPERS)))})
    repaired: dict[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    live: int = 0
    last_ts: int = 0

    def take(self, batch: TickBatch) -> None:
        kind = int(batch.rows["kind"][0])
        if kind == TickKind.GAP:
            for row in batch.rows:
                sid = ALL if row["sid"] == NO_SYMBOL else int(row["sid"])
                self.gaps[sid].append((int(row["ltt"]), int(row["ts_exch"])))
        elif kind == TickKind.REPAIR:
            for row in batch.rows:
                names = ("i1_open", "i1_high", "i1_low", "i1_close", "i1_vol")
                self.repaired[int(row["sid"]), int(row["i1_ts"])] = tuple(float(row[name]) for name in names)
        else:
            ts = int(batch.rows["ts_exch"][0])
            for sid in batch.rows["sid"].tolist():
                self.frames[sid].add(ts)
            if kind == TickKind.LIVE:
                self.live += 1
            self.last_ts = max(self.last_ts, ts)

    @property
    def marked(self) -> int:
        return sum(len(gaps) for gaps in self.gaps.values())


class Run:
    """A feed that reads from a simulator."""

    def __init__(
        self, sim: LiveSimulator, config: SimulatorConfig, limits: Limits, folder: Path, papers: Sequence[Instrument] = PAPERS
    ) -> None:
        self.sim, self.config, self.limits = sim, config, limits
        self.token = sim.token
        self.rejected: list[str] = []
        self.received = Received()
        self.log = Listener()
        rest = RestClient(RestConfig(sim.base), lambda: self.token)
        budget = ReadBudget((Limit(50, 1_000), Limit(500, 60_000)))
        self.quotes = QuotesCheck(rest, budget, CheckConfig(limits.quotes_pause_s, limits.grace_s))
        by_key = {paper.instrument_key: paper for paper in papers}
        waits = RepairConfig(retry_ms=5_000, retry_s=0.2)
        self.repair = MinuteRepair(rest, CALENDAR, config.date, by_key, budget=budget, config=waits)
        link = LinkConfig(sim.base, ping_after_s=limits.liveness_s / 3, dead_after_s=limits.liveness_s)
        settings = FeedConfig(
            folder,
            link,
            backoff_s=limits.backoff_s[0],
            backoff_cap_s=limits.backoff_s[1],
            confirm_s=limits.confirm_s,
            symbol_silence_s=limits.silence_s,
        )
        access = Access(lambda: self.token, self.rejected.append)
        day = CALENDAR.day(config.date)
        self.source = FeedSource(settings, papers, access, day, quotes=self.quotes, repair=self.repair)

    def read(self) -> None:
        for record in self.source.read(200, READ_S):
            if isinstance(record, TickBatch):
                self.received.take(record)

    def pump(self, done: Callable[[], bool], seconds: float) -> bool:
        """Read until something is so, or the time is over."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            self.read()
        return True

    def wait(self, seconds: float) -> None:
        """Read for so long."""
        until = time.monotonic() + seconds
        self.pump(lambda: time.monotonic() >= until, 2 * seconds)

    def flows(self, seconds: float = 20.0) -> bool:
        """Read until a few more live frames have come."""
        wanted = self.received.live + 3
        return self.pump(lambda: self.received.live >= wanted, seconds)

    def alarms(self, since_s: float = 0.0) -> list[Decision]:
        return [one for one in self.log.heard if one.what in ALARMS and one.at_s >= since_s]

    def first(self, since_s: float, is_it: Callable[[Decision], bool]) -> Decision | None:
        return next((one for one in self.log.heard if one.at_s >= since_s and is_it(one)), None)

    def missing_at_server(self, wanted: Sequence[str] = KEYS) -> int:
        """Count the wanted keys that the newest connection does not carry, by the server's own ledger."""
        rows = self.sim.get("/_feeds?last=1")["connections"]
        return len(set(wanted) - set(rows[-1]["modes"])) if rows else len(wanted)

    def unmarked(self, sids: Sequence[int] = range(len(PAPERS))) -> list[tuple[int, int]]:
        """Give (time, sid) of every frame of the tape that neither came nor lies in a marked gap."""
        return unmarked(self.config, self.received, sids)

    def wrong_repairs(self) -> int:
        """Count repaired minutes that differ from the tape's own bars."""
        bars = self.sim.ledger()["candles"]
        truth = {(sid, row[0]): tuple(float(value) for value in row[1:]) for sid, key in enumerate(KEYS) for row in bars[key]}
        # A minute without a trade is flat at the broker and no bar of the tape.
        return sum(truth.get(place, values) != values for place, values in self.received.repaired.items())


def unmarked(config: SimulatorConfig, received: Received, sids: Sequence[int]) -> list[tuple[int, int]]:
    """See ``Run.unmarked``."""
    sid_of = {KEYS[sid]: sid for sid in sids}
    firsts = {sid: min(received.frames[sid], default=received.last_ts) for sid in sids}
    gaps = {sid: sorted(received.gaps[ALL] + received.gaps[sid]) for sid in sids}
    reach = {sid: np.maximum.accumulate([end for _, end in gaps[sid]]).tolist() for sid in sids}
    found = []
    for frame in played(config):
        if frame.ts >= received.last_ts:
            break
        for update in frame.updates if frame.kind is Kind.LIVE else ():
            sid = sid_of.get(update.key)
            if sid is None or frame.ts <= firsts[sid] or frame.ts in received.frames[sid]:
                continue
            at = bisect_right(gaps[sid], (frame.ts, 0)) - 1
            if at < 0 or reach[sid][at] < frame.ts:
                found.append((frame.ts, sid))
    return found


def played(config: SimulatorConfig) -> Iterator[Frame]:
    """Make the day once more: what the tape showed."""
    return _market(config).frames()


@lru_cache(maxsize=4)
def _market(config: SimulatorConfig) -> MarketMaker:
    return make_market(config, CALENDAR)


@contextlib.contextmanager
def simulated(**options: Any) -> Iterator[tuple[LiveSimulator, SimulatorConfig]]:
    """Run a simulator of a generated day."""
    config = SimulatorConfig(**options)
    with live_simulator(config) as sim:
        yield sim, config


@contextlib.contextmanager
def run(sim: LiveSimulator, config: SimulatorConfig, limits: Limits, papers: Sequence[Instrument] = PAPERS) -> Iterator[Run]:
    """Run a feed against it, and listen to what it says."""
    log = logging.getLogger("ticktick.feed")
    with tempfile.TemporaryDirectory() as folder:
        one = Run(sim, config, limits, Path(folder), papers)
        before, log.level = log.level, logging.INFO
        log.addHandler(one.log)
        try:
            yield one
        finally:
            one.source.close()
            log.removeHandler(one.log)
            log.level = before


def quantile(values: Sequence[float], share: float) -> float:
    """Give the smallest value that ``share`` of them do not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
