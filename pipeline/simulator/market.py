"""One interface for every market: frames of updates in event time, whoever makes them.

Reads   nothing
Writes  Frame (ts epoch ms, strictly increasing) with Updates (prices in rupees, quantities in shares)
A maker never looks at a clock and never waits; the stage plays what it makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from pipeline.core.session import SessionDay
from pipeline.simulator.listing import Listing


@dataclass(slots=True)
class Bar:
    """Open, high, low, close in rupees, volume in shares; ``ts`` is the start."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    vol: int


@dataclass(slots=True)
class Auction:
    """Indicative figures of the pre-open and of the closing auction."""

    iep: float = 0.0
    rp: float = 0.0
    ieq: int = 0
    iiq_total: int = 0
    iiq_market: int = 0


@dataclass(slots=True)
class Update:
    """What the feed says of one paper in one frame. Level 0 of the book first; a missing level is 0."""

    key: str
    ltp: float
    ltt: int
    ltq: int
    cp: float
    atp: float = 0.0
    vtt: int = 0
    oi: float = 0.0
    iv: float = 0.0
    tbq: float = 0.0
    tsq: float = 0.0
    bid_px: list[float] = field(default_factory=list)
    bid_qty: list[int] = field(default_factory=list)
    ask_px: list[float] = field(default_factory=list)
    ask_qty: list[int] = field(default_factory=list)
    day: Bar | None = None
    minute: Bar | None = None
    greeks: tuple[float, float, float, float, float] | None = None
    """delta, theta, gamma, vega, rho"""
    auction: Auction | None = None
    is_cas: bool = False
    is_index: bool = False
    wire: Any = None
    """A recorded ``Feed`` message, sent on as it is."""


@dataclass(frozen=True, slots=True)
class Status:
    """Merged segment states: the enum's words, and the two string maps."""

    segments: Mapping[str, str]
    cas: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """segment -> (status, updated ms)"""
    pre_open: Mapping[str, tuple[str, int]] = field(default_factory=dict)


class Kind(StrEnum):
    STATUS = "status"
    SNAPSHOT = "snapshot"
    LIVE = "live"


@dataclass(slots=True)
class Frame:
    """One message of the feed."""

    ts: int
    kind: Kind
    updates: tuple[Update, ...] = ()
    status: Status | None = None


class MarketMaker(Protocol):
    """Generated day, expanded candles or a recording."""

    name: str
    """As the page shows it: ``generated seed 7``."""
    day: SessionDay
    start_ms: int
    listings: tuple[Listing, ...]

    def opening(self) -> tuple[Status, tuple[Update, ...]]:
        """The state at ``start_ms``, before the first frame."""
        ...

    def frames(self) -> Iterator[Frame]:
        """The day, in order; the last frame is the CLOSING_END status."""
        ...
