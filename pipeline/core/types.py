"""The vocabulary: packed rows (NumPy dtypes) and readable records (frozen dataclasses).

Packed rows travel in the hot streams, one entry per feed frame or close wave. Readable records travel in streams that people look into
with redis-cli. Units ride in the names: ``_ms`` epoch milliseconds UTC, ``_px`` rupees (market data as received), ``_paise`` integers
(all arithmetic on money), ``_qty`` shares. ``ts`` is always event time: the exchange's clock, never ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.core.candle import CANDLE as CANDLE  # noqa: PLC0414 (handed on)
from pipeline.core.candle import CandleFlag as CandleFlag  # noqa: PLC0414
from pipeline.core.frozen import quick

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEPTH_LEVELS = 5
TIMEFRAMES = (1, 3, 5, 10, 15, 60)
"""Minutes of the six timeframes, shortest first."""
MINUTE_MS = 60_000
NO_SYMBOL = 0xFFFF_FFFF
"""``sid`` of a row that concerns every symbol: a gap in the feed."""


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    def __init__(self, word: str) -> None:
        self.sign = 1 if word == "BUY" else -1
        """+1 for BUY, -1 for SELL."""

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class TickKind(IntEnum):
    SNAPSHOT = 0
    LIVE = 1
    GAP = 2
    """Frames were missed from ``ltt`` (last seen) to ``ts_exch`` (seen again), of one symbol or, ``NO_SYMBOL``, of all."""
    REPAIR = 3
    """A minute that a gap had spoiled, as the broker's candle API gives it, in the ``i1_*`` fields and ``oi``."""


class FeedMode(IntEnum):
    """As on the wire (``requestMode``)."""

    LTPC = 0
    FULL_D5 = 1
    OPTION_GREEKS = 2
    FULL_D30 = 3


class TickFlag(IntFlag):
    HAS_DEPTH = 1
    HAS_MINUTE = 2
    """The row carries the feed's own finished minute (I1)."""
    TRADED = 4
    """Volume or last trade time moved: at least one trade since the row before."""
    LIQUID = 8
    VOLATILE = 16
    VWAP_CROSS_UP = 32
    VWAP_CROSS_DOWN = 64
    CAS_ELIGIBLE = 128
    INDEX = 256
    WARM = 512
    """The window is full enough for volatility and the VWAP averages to mean something."""
    CONFLATED = 1024
    """Older updates of this symbol were dropped before this one: we could not keep up (the newest wins)."""
    HAS_DAY = 2048
    """The row carries the feed's own bar of the day (1d)."""
    IV_JUMP = 4096
    """Implied volatility moved by more than the threshold within its window."""


TICK = np.dtype(
    [
        ("sid", "<u4"),
        ("kind", "u1"),
        ("mode", "u1"),
        ("aggressor", "i1"),
        ("levels", "u1"),
        ("flags", "<u4"),
        ("pad", "<u4"),
        ("ts_exch", "<i8"),
        ("ltt", "<i8"),
        ("ltp", "<f8"),
        ("ltq", "<i8"),
        ("cp", "<f8"),
        ("atp", "<f8"),
        ("vtt", "<i8"),
        ("oi", "<f8"),
        ("iv", "<f8"),
        ("tbq", "<f8"),
        ("tsq", "<f8"),
        ("bid_px", "<f8", (DEPTH_LEVELS,)),
        ("bid_qty", "<i8", (DEPTH_LEVELS,)),
        ("ask_px", "<f8", (DEPTH_LEVELS,)),
        ("ask_qty", "<i8", (DEPTH_LEVELS,)),
        ("i1_ts", "<i8"),
        ("i1_open", "<f8"),
        ("i1_high", "<f8"),
        ("i1_low", "<f8"),
        ("i1_close", "<f8"),
        ("i1_vol", "<i8"),
        ("d1_ts", "<i8"),
        ("d1_open", "<f8"),
        ("d1_high", "<f8"),
        ("d1_low", "<f8"),
        ("d1_close", "<f8"),
        ("d1_vol", "<i8"),
        ("delta", "<f8"),
        ("theta", "<f8"),
        ("gamma", "<f8"),
        ("vega", "<f8"),
        ("rho", "<f8"),
        ("iep", "<f8"),
        ("rp", "<f8"),
        ("ieq", "<i8"),
        ("iiq_total", "<i8"),
        ("iiq_market", "<i8"),
        ("volume", "<i8"),
        ("mid", "<f8"),
        ("spread", "<f8"),
        ("spread_bps", "<f8"),
        ("microprice", "<f8"),
        ("vwap", "<f8"),
        ("session_vwap", "<f8"),
        ("obi", "<f8"),
        ("obi5", "<f8"),
        ("tick_return", "<f8"),
        ("volatility", "<f8"),
        ("vwap_fast", "<f8"),
        ("vwap_slow", "<f8"),
        ("iv_change", "<f8"),
    ]
)
"""One market update: raw fields as received up to ``iiq_market``, our metrics after. Prices in rupees.

``ts_exch`` is the frame's server time, ``ltt`` the last trade's; ``levels`` counts the levels of depth that came (up to 30; the first five
are here, all of them in ``DEPTH``). ``i1_*`` is the feed's last finished minute, ``d1_*`` its bar of the day. A value that the frame did
not carry is zero; a metric that is not defined (no depth, cold window) is zero too and its flag is clear: no NaN enters a stream.
"""

TICK_RAW_FIELDS = TICK.names[: TICK.names.index("volume")] if TICK.names else ()
TICK_METRIC_FIELDS = TICK.names[TICK.names.index("volume") :] if TICK.names else ()


@quick
@dataclass(frozen=True, slots=True, eq=False)
class TickBatch:
    """Everything one feed frame brought. ``rows`` is ``TICK[n]``, read-only when it comes from a stream.

    ``recv_ms`` is our receive time, wall clock: for measuring, never part of a digest.
    """

    ts: int
    rows: NDArray[np.void]
    recv_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class CandleWave:
    """Candles that closed together: ``rows`` is ``CANDLE[n]``, sorted by (timeframe, sid)."""

    ts: int
    rows: NDArray[np.void]


@dataclass(frozen=True, slots=True, eq=False)
class IndicatorWave:
    """A candle wave with its indicators. ``values`` is float64[n, len(columns)].

    A value that is not warm yet is 0.0 and False in ``warm`` (bool[n, len(columns)]).
    """

    ts: int
    rows: NDArray[np.void]
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    warm: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ChartWave:
    """An indicator wave with the patterns of each row.

    ``found`` is int8[n, len(patterns)]: strength in tenths (10; 8 with level ends, 20 confirmed), its sign is the side, 0 not there.
    """

    ts: int
    rows: NDArray[np.void]
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    warm: NDArray[np.bool_]
    patterns: tuple[str, ...]
    found: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What we must know of a paper. ``sid`` is its place in today's watchlist; the feed follows it in ``mode``, if ``is_followed``."""

    sid: int
    symbol: str
    instrument_key: str
    name: str
    tick_size_paise: int
    lot_size: int
    freeze_qty: int
    is_cas_eligible: bool
    is_index: bool = False
    mode: str = ""
    is_followed: bool = True


@quick
@dataclass(frozen=True, slots=True)
class Signal:
    """What a strategy saw: an observation with a score, not an order. ``reasons`` is `; `-separated."""

    ts: int
    id: str
    ts_candle: int
    symbol: str
    timeframe: str
    strategy: str
    side: Side
    strength: float
    regime: str
    outcome: str
    """``recommended`` or the code of the rule that stopped it."""
    lineage: str
    """Where the signal's candle came from: ``ticks``, ``ticks+intraday``."""
    reasons: str


@quick
@dataclass(frozen=True, slots=True)
class Recommendation:
    """A signal that passed the filter, ranked, priced and sized for confirmation."""

    ts: int
    id: str
    signal_id: str
    ts_candle: int
    rank: int
    symbol: str
    timeframe: str
    strategy: str
    side: Side
    score: float
    regime: str
    ref_paise: int
    limit_paise: int
    stop_paise: int
    target_paise: int
    expires_ms: int
    reasons: str
    trail_paise: int
    """The stop follows the best price at this distance; 0: it stays."""


@quick
@dataclass(frozen=True, slots=True)
class Confirmation:
    """One answer to one recommendation; the first wins. ``answer`` is ``confirm`` or ``reject``."""

    ts: int
    recommendation_id: str
    answer: str
    source: str


@quick
@dataclass(frozen=True, slots=True)
class OrderIntent:
    """A wish with an identity that names its cause; checked, journalled, sent at most once."""

    ts: int
    id: str
    cause: str
    symbol: str
    side: Side
    purpose: str
    """``entry`` or ``exit``."""
    order_type: str
    qty: int
    limit_paise: int
    stop_paise: int
    target_paise: int
    worst_loss_paise: int
    tag: str
    reason: str
    trail_paise: int
    """As in its recommendation."""


@quick
@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One change in an order's life; ``order_qty == cum_qty + leaves_qty`` unless it is final."""

    ts: int
    order_id: str
    intent_id: str
    symbol: str
    side: Side
    purpose: str
    status: str
    order_qty: int
    cum_qty: int
    leaves_qty: int
    limit_paise: int
    avg_px: float
    reason: str
    tag: str
    trigger_paise: int
    """Of a stop that lies at the broker; 0 without one."""


@quick
@dataclass(frozen=True, slots=True)
class Fill:
    """One execution, with the exchange's trade id."""

    ts: int
    trade_id: str
    order_id: str
    intent_id: str
    symbol: str
    side: Side
    last_qty: int
    last_paise: int
    purpose: str


@dataclass(frozen=True, slots=True)
class PortfolioMinute:
    """The account at the end of a minute, in paise."""

    ts: int
    positions: int
    realised_paise: int
    unrealised_paise: int
    charges_paise: int
    net_paise: int
    exposure_paise: int
    fills: int
    peak_paise: int
    drawdown_paise: int


@quick
@dataclass(frozen=True, slots=True)
class Alert:
    ts: int
    level: str
    code: str
    source: str
    message: str


@dataclass(frozen=True, slots=True)
class MarketStatus:
    """Segment states as the feed last told them, merged: ``NSE_EQ=NORMAL_OPEN; ...``."""

    ts: int
    statuses: tuple[tuple[str, str], ...]
    is_session_over: bool


class Record(Protocol):
    """Anything that travels in a stream: it knows its event time."""

    @property
    def ts(self) -> int: ...
