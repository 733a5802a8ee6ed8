"""What a simulator is asked to play: where, which day, at which speed, made by whom.

Reads   nothing
Writes  nothing; the values of one run, checked
Never reads the environment or a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.core.errors import Refused
from pipeline.core.session import Calendar, SessionDay, ist_ms
from pipeline.core.watchlist import WatchEntry
from pipeline.simulator.subscriptions import PLANS

MAKERS = ("generated", "expander", "player")
DEMO_DATE = "2026-11-20"
"""A regular Friday under today's rules; fixed, so that a seed gives the same digests on every day."""
SHORT = ("09:15", "09:45")


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """One run. Everything served is a function of (seed, date, session, watch), or of the file at ``path``."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    seed: int = 7
    date: str = DEMO_DATE
    """ISO date in IST; a player takes the date of its recording instead."""
    session: str = "full"
    """``full`` (pre-open to post-close), ``short`` (09:15-09:45) or ``HH:MM-HH:MM``."""
    speed: float = 0.0
    """Simulated seconds per second; 0 is as fast as the clients take it."""
    maker: str = "generated"
    path: str = ""
    """Expander: a candle file. Player: a recording."""
    hold: bool = False
    """Keep frames while nobody listens, and replay the last ones identically on reconnection."""
    watch: tuple[WatchEntry, ...] = ()
    """Empty: the 15 default symbols, or what the recording holds. Unknown symbols get a price from the seed."""
    token_life_s: float = 0.0
    """Wall seconds a token lives; 0 means until 03:30 IST of the next day, as the real one."""
    idle_speed: float = 60.0
    """Without ``hold``: how fast a speed-0 market goes on while nobody listens."""
    latency_ms: int = 0
    """Of the order path, in simulated time."""
    protection_bps: float = 300.0
    """Market protection of MARKET and SL-M orders, whatever they ask for; 0: none. What Upstox takes by itself is not documented."""
    rate_limits: bool = False
    """Enforce 10 orders a second; 50 reads a second, 500 a minute, 2,000 in half an hour (429, UDAPI10005)."""
    limit_pace: float = 1.0
    """How many times as fast as the wall clock the limits' clock runs."""
    plan: str = "normal"
    """Of the account: ``normal`` (2 feed connections) or ``plus`` (5, and mode ``full_d30``)."""
    ping_s: float = 5.0
    """Wall seconds between the feed's pings."""
    clock_offset_ms: int = 0
    """Of the feed's server clock against the market: -5000 stamps frames five seconds too early."""
    candle_wait_s: tuple[float, float] = (6.0, 36.0)
    """Simulated seconds after its end until a one-minute candle of the running day is served: from, to."""
    calendar: Calendar | None = field(default=None, compare=False)
    """None: weekdays trade, plus what ``config/holidays.json`` of this repository says."""

    def __post_init__(self) -> None:
        if self.maker not in MAKERS:
            raise Refused(f"unknown maker {self.maker!r}: use {', '.join(MAKERS)}")
        if self.maker != "generated" and not self.path:
            raise Refused(f"the {self.maker} needs a file: give its path")
        if self.speed < 0:
            raise Refused("speed cannot be negative: use 0 for as fast as possible, 1 for real time")
        if self.protection_bps < 0:
            raise Refused("market protection cannot be negative: use 0 for none")
        if self.plan not in PLANS:
            raise Refused(f"unknown plan {self.plan!r}: use {', '.join(PLANS)}")
        if self.limit_pace <= 0:
            raise Refused("limit_pace is how many times as fast as the clock the limits run: give a number above 0")
        if self.ping_s <= 0:
            raise Refused("the feed pings every so many seconds: give ping_s above 0")
        if not 0 <= self.candle_wait_s[0] <= self.candle_wait_s[1]:
            raise Refused("candle_wait_s is a span of seconds: give (from, to), from 0 up")
        clocks(self.session)


def clocks(session: str) -> tuple[str, str] | None:
    """Split a session's name into its clock times; None for the full day."""
    if session == "full":
        return None
    if session == "short":
        return SHORT
    parts = tuple(session.split("-"))
    if len(parts) == 2 and all(_is_clock(p) for p in parts) and parts[0] < parts[1]:
        return parts[0], parts[1]
    raise Refused(f"unknown session {session!r}: use full, short or HH:MM-HH:MM")


def span(session: str, day: SessionDay) -> tuple[int, int]:
    """Give the instants [start, end) that are played of a day."""
    named = clocks(session)
    if named is not None:
        return ist_ms(day.date, named[0]), ist_ms(day.date, named[1])
    windows = [w for group in day.windows.values() for w in group]
    return min(w.start_ms for w in windows), max(w.end_ms for w in windows)


def _is_clock(text: str) -> bool:
    hours, _, minutes = text.partition(":")
    return len(text) == 5 and hours.isdecimal() and minutes.isdecimal() and int(hours) < 24 and int(minutes) < 60
