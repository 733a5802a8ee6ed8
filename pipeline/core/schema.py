"""Every stream, series, hash and plain key of the house, declared once. No other file spells a key.

The three Redis databases are three roles. A job's outputs lie in one role, so that they and its cursor
commit in one MULTI. Key names are unique across roles, because the label index of RedisTimeSeries is
server-wide. ``keep`` is a value, so that trimming is one function; a durable stream is never trimmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from pipeline.core import broker as b
from pipeline.core import feed as f
from pipeline.core import trading as tr
from pipeline.core import types as t
from pipeline.core.hits import PatternHit

VERSION = 4
"""Leads every record; a reader refuses what it does not know."""


class Role(StrEnum):
    CANDLES = "candles"
    TICKS = "ticks"
    DERIVED = "derived"


DEFAULT_DATABASE = {Role.CANDLES: 0, Role.TICKS: 1, Role.DERIVED: 2}

FOREVER = 0
"""``keep`` of a stream that is never trimmed."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An ordered log with one writer. ``keep`` is the number of entries that trimming leaves at least."""

    name: str
    role: Role
    record: type
    writer: str
    keep: int
    packed: bool = False
    about: str = ""

    @property
    def is_durable(self) -> bool:
        return self.keep == FOREVER


@dataclass(frozen=True, slots=True)
class Series:
    """A family of RedisTimeSeries. ``labels`` name the holes of the template, in order."""

    template: str
    role: Role
    labels: tuple[str, ...]
    retention_ms: int
    about: str = ""

    def key(self, *values: str) -> str:
        return _fill(self.template, self.labels, values)


@dataclass(frozen=True, slots=True)
class HashKey:
    """A family of hashes: those that people read, and those of the machinery."""

    template: str
    role: Role | None
    labels: tuple[str, ...] = ()
    about: str = ""

    def key(self, *values: str) -> str:
        return _fill(self.template, self.labels, values)


@dataclass(frozen=True, slots=True)
class ListKey:
    """A list of the machinery: not of a run, so `ticktick clear` leaves it alone."""

    name: str
    role: Role
    about: str = ""


@lru_cache(maxsize=65_536)
def _fill(template: str, labels: tuple[str, ...], values: tuple[str, ...]) -> str:
    if len(labels) != len(values):
        msg = f"key {template!r} needs {labels}, got {values}"
        raise ValueError(msg)
    return template.format(**dict(zip(labels, values, strict=True)))


DAY_MS = 86_400_000
C, T, D = Role.CANDLES, Role.TICKS, Role.DERIVED

# Streams, in the order a tick travels.
TICKS = Stream("ticks", T, t.TickBatch, "ticks", 300_000, packed=True, about="one entry per feed frame: raw fields and metrics")
DEPTH = Stream("depth", T, f.DepthBatch, "ticks", 50_000, packed=True, about="deep books (30 levels), of papers in mode full_d30")
FRAMES = Stream(
    "frames", T, f.FeedEvent, "ticks", 10_000, packed=True, about="the feed as received, for the recorder (when [recorder] is on)"
)
HISTORY = Stream("history", C, t.CandleWave, "history", 5_000, packed=True, about="candles fetched from the broker at start")
CANDLES = Stream("candles", C, t.CandleWave, "live", 20_000, packed=True, about="one entry per close wave, six timeframes")
INDICATORS = Stream(
    "indicators", D, t.IndicatorWave, "indicators", 5_000, packed=True, about="one entry per wave: indicators of each candle"
)
CHARTS = Stream("charts", D, t.ChartWave, "chart", 5_000, packed=True, about="one entry per wave: indicators and patterns, for the filter")
PATTERNS = Stream("patterns", D, PatternHit, "chart", 100_000, about="candlestick patterns as they are found, with their record so far")
SIGNALS = Stream("signals", D, t.Signal, "filtering", 100_000, about="what a strategy saw, and what became of it")
RECOMMENDATIONS = Stream("recommendations", D, t.Recommendation, "filtering", FOREVER, about="ranked proposals to confirm")
CONFIRM_TERMINAL = Stream("confirmations:terminal", D, t.Confirmation, "terminal", FOREVER, about="answers typed at the prompt")
CONFIRM_PAGE = Stream("confirmations:page", D, t.Confirmation, "page", FOREVER, about="answers clicked on the dashboard")
CONFIRM_AUTO = Stream("confirmations:auto", D, t.Confirmation, "orders", FOREVER, about="answers of the headless policy (paper only)")
INTENTS = Stream("intents", D, t.OrderIntent, "orders", FOREVER, about="wishes with an identity, journalled before anything is sent")
ORDERS = Stream("orders", D, t.OrderEvent, "orders", FOREVER, about="each change in an order's life")
DENIALS = Stream("denials", D, tr.Denial, "orders", FOREVER, about="orders that a pre-trade check stopped: which check, and what it saw")
FILLS = Stream("fills", D, t.Fill, "orders", FOREVER, about="executions, by the exchange's trade id")
REQUESTS = Stream("requests", D, b.OrderRequest, "orders", FOREVER, about="what is to be asked of the broker, each at most once")
BROKER = Stream("broker", D, b.BrokerReport, "orders", FOREVER, about="what the broker answered, listed or pushed, as it was taken in")
ALERTS = Stream("alerts", D, t.Alert, "orders", FOREVER, about="what a person must look at: books that differ, exits that fail")
PORTFOLIO_MINUTES = Stream("portfolio:minutes", D, t.PortfolioMinute, "portfolio", 20_000, about="the account, minute by minute")

SUBSCRIPTIONS = Stream(
    "subscriptions", D, f.SubscriptionChange, "people", FOREVER, about="symbols to follow or to leave while running; anyone may append"
)

CONTROLS = Stream(
    "controls", D, b.Control, "people", FOREVER, about="emergency words: pause, halt, flatten, kill, resume; anyone may append"
)

STREAMS: tuple[Stream, ...] = tuple(v for v in globals().values() if isinstance(v, Stream))
FEEDS_NO_ORDERS = (SUBSCRIPTIONS,)
"""Durable streams that say nothing of orders: the audit leaves them out."""

# RedisTimeSeries.
LTP = Series("symbol:{symbol}", T, ("symbol",), 2 * DAY_MS, "last traded price")
METRIC = Series("symbol:{symbol}:{metric}", T, ("symbol", "metric"), 2 * DAY_MS, "tick metrics, conflated")
CANDLE_FIELD = Series("candle:{symbol}:{timeframe}:{field}", C, ("symbol", "timeframe", "field"), 400 * DAY_MS, "closed candles")
INDICATOR = Series("indicator:{symbol}:{timeframe}:{column}", D, ("symbol", "timeframe", "column"), 30 * DAY_MS, "indicator history")
PORTFOLIO_PNL = Series("portfolio:pnl", D, (), 400 * DAY_MS, "net profit and loss of the day, rupees")

SERIES: tuple[Series, ...] = tuple(v for v in globals().values() if isinstance(v, Series))

# Hashes that people read.
TICK_LATEST = HashKey("tick:{symbol}", T, ("symbol",), "the newest tick with all metrics and flags")
WANTED = HashKey("feed:wanted", T, (), "symbol -> mode, connection and state of each subscription")
LATENCY = HashKey("latency:{process}", D, ("process",), "p50, p99 and p99.9 of each hop, microseconds")
MARKET_STATUS = HashKey("market:status", T, (), "segment states as the feed told them")
FEED_STATUS = HashKey("feed:status", T, (), "connection state, frames, gaps, subscriptions, data maker")
CANDLE_CHECK = HashKey("candle:check:{symbol}", C, ("symbol",), "our minutes against the feed's own (I1)")
INDICATOR_LATEST_1M = HashKey("indicators:{symbol}", D, ("symbol",), "newest one-minute indicators")
INDICATOR_LATEST = HashKey("indicators:{symbol}:{timeframe}", D, ("symbol", "timeframe"), "newest indicators of another timeframe")
PATTERN_RECORD = HashKey(
    "patterns:{symbol}:{timeframe}", D, ("symbol", "timeframe"), "how often each pattern was followed by what it speaks for"
)
REGIME = HashKey("regime:{symbol}", D, ("symbol",), "trending, ranging or volatile, and since when")
POSITION = HashKey(
    "position:{symbol}",
    D,
    ("symbol",),
    "one position: opening or open, what guards it at the broker, naked since, quantity, average, stop, target, profit, age of the mark",
)
PORTFOLIO = HashKey("portfolio", D, (), "the account now")
EXTERNAL = HashKey(
    "external",
    D,
    (),
    "what people hold beside us; rows: JSON of [symbol or key, name, quantity, worth, profit of the day, in our watchlist]",
)
EQUITY = HashKey(
    "equity:{account}", D, ("account",), "profit carried from the sessions before, of this one, and the high-water mark over all of them"
)

# Hashes of the machinery.
INSTRUMENTS = HashKey("reg:instruments", C, (), "symbol id -> symbol and instrument key of today's watchlist")
AUDIT = HashKey("audit", D, (), "file, lines and head of the audit: its end, kept outside it")
PAPERS = HashKey("instruments:{segment}", C, ("segment",), "trading symbol -> key, lot, tick in paise, freeze, of every paper of the day")
SESSION = HashKey("session", D, (), "mode, data maker, session date, start, speed")
AUTH_STATUS = HashKey("auth:status", D, (), "token state and expiry; never the token")
FACTS = HashKey("facts", D, (), "token, versions, clocks, instruments and funds, as the pre-trade checks last saw them (broker outside)")
READS = HashKey("quota:reads", D, (), "when the broker was read lately, so that all processes keep one quota")
HEALTH = HashKey("health:{process}", D, ("process",), "version, pid, mode, cursor, lag, last error; expires")
LEASE = HashKey("lease:{job}", D, ("job",), "which process may commit for the job: its fencing number, host, process id, since when")
PROGRESS = HashKey("progress:{job}", None, ("job",), "cursor, watermark, last ids, counts and digests; in the role of the job's outputs")
SNAPSHOT = HashKey("snapshot:{job}", None, ("job",), "the job's state at its snapshot cursor; in the role of its outputs")

ORDER_CALLS = ListKey("throttle:orders", D, "instants of the order calls that the broker still counts, of all processes")

LISTS: tuple[ListKey, ...] = tuple(v for v in globals().values() if isinstance(v, ListKey))
HASHES: tuple[HashKey, ...] = tuple(v for v in globals().values() if isinstance(v, HashKey))
KEPT = (EQUITY, READS)
"""Hashes that outlive a session: `ticktick clear` leaves them alone."""

TICK_SERIES_METRICS = ("mid", "spread", "vwap", "obi", "tick_return", "volatility")
"""Tick metrics that go to TimeSeries, by their field in ``TICK``."""
METRIC_NAME = {
    "mid": "mid",
    "spread": "spread",
    "vwap": "vwap",
    "obi": "imbalance",
    "tick_return": "return",
    "volatility": "volatility",
}
"""The name in the key, as promised to people who type it."""
CANDLE_FIELDS = ("open", "high", "low", "close", "volume", "oi")


def timeframe_label(minutes: int) -> str:
    """Name a timeframe as it stands in keys: ``1m`` ... ``60m``."""
    return f"{minutes}m"
