"""Tick metrics: each feed frame in, the same frame with its metrics out, and the newest values where people look.

Reads   nothing from a stream: raw TickBatch and MarketStatus records of the feed session (metrics zero)
Writes  TICKS          one packed entry per frame
        DEPTH, FRAMES  deep books and the feed's own events, as they come
        tick:<symbol>  hash of the newest row (the store writes it a few times a second, on our clock)
        symbol:<symbol>  the price: at most one sample per ``ltp_interval_ms``
        symbol:<symbol>:<metric>  at most one sample per ``series_interval_ms``; a metric that is not defined has none
        market:status  hash, as the feed tells it
State   market/ticks.py's windows, and when each symbol was last sampled
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.feed import DepthBatch, FeedEvent
from pipeline.core.job import Context, HashWrite, Job, Output
from pipeline.core.schema import DEPTH, FRAMES, LTP, MARKET_STATUS, METRIC, METRIC_NAME, TICK_LATEST, TICK_SERIES_METRICS, TICKS
from pipeline.core.session import ist_text
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import TICK, MarketStatus, TickBatch, TickFlag, TickKind
from pipeline.core.views import HASH_BIT, Column, RowsWrite, RowView, Sampled
from pipeline.kernels.jit import kernel, warmer
from pipeline.market.ticks import TickState
from pipeline.market.ticks import step as step_ticks

SHOWN = (
    *("ts_exch", "ltt", "ltp", "ltq", "cp", "atp", "vtt", "oi", "iv", "tbq", "tsq", "volume", "mid", "spread", "spread_bps", "microprice"),
    *("vwap", "session_vwap", "obi", "obi5", "tick_return", "volatility", "vwap_fast", "vwap_slow", "iv_change", "aggressor", "flags"),
)
LEVEL_ONE = ("bid_px", "bid_qty", "ask_px", "ask_qty")
NEVER = -(2**62)
GAP = int(TickKind.GAP)
NEED = {"mid": "mid", "spread": "mid", "vwap": "vwap", "obi": "mid", "tick_return": "ltp", "volatility": "volatility"}
"""A metric is defined where this field of the row is not zero."""
FLAG_NAMES = tuple(name.lower() for name in TickFlag.__members__)
KIND_NAMES = tuple(name.lower() for name in TickKind.__members__)
COLUMNS = (
    *(Column(name, name) for name in (*SHOWN, *LEVEL_ONE)),
    Column("marks", "flags", words=FLAG_NAMES, is_flags=True),
    Column("kind", "kind", words=KIND_NAMES),
    Column("time"),
)
PRICE_BIT, METRICS_BIT = 1, 2
VIEW = RowView(
    TICK,
    TICK_LATEST,
    COLUMNS,
    (
        Sampled(LTP, (), "ltp", "ltp", PRICE_BIT),
        *(Sampled(METRIC, (METRIC_NAME[name],), name, NEED[name], METRICS_BIT) for name in TICK_SERIES_METRICS),
    ),
)


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    windows: TickState
    intervals: NDArray[np.int64]
    """Milliseconds of event time between two showings, of the price, and of the metrics."""
    sampled: NDArray[np.int64]
    """int64[2, symbols]: when each symbol was last sampled."""


def initial(context: Context) -> State:
    params, n = context.params.ticks, len(context.instruments)
    return State(
        symbols=tuple(i.symbol for i in context.instruments),
        windows=TickState(n, params),
        intervals=np.array([params.ltp_interval_ms, params.series_interval_ms]),
        sampled=np.full((2, n), NEVER, np.int64),
    )


@kernel
def due_k(rows: Any, ts: int, intervals: Any, sampled: Any, due: Any) -> int:
    """Say what is to be shown of each row: the hash always, price and metrics when the symbol's interval is over; of a gap nothing.

    Returns how many rows are shown.
    """
    count = 0
    for i in range(len(rows)):
        sid = np.int64(rows[i]["sid"])
        due[i] = 0
        if sid >= sampled.shape[1] or rows[i]["kind"] >= GAP:
            continue
        due[i] = 1 << HASH_BIT
        count += 1
        for k in range(len(intervals)):
            if ts - sampled[k, sid] >= intervals[k]:
                sampled[k, sid] = ts
                due[i] |= 1 << (PRICE_BIT + k)
    return count


def step(state: State, record: TickBatch | MarketStatus | DepthBatch | FeedEvent, now: int) -> Iterator[Output]:
    if isinstance(record, MarketStatus):
        yield _status(record)
        return
    if isinstance(record, DepthBatch | FeedEvent):
        yield record
        return
    rows = step_ticks(state.windows, record.rows)
    yield TickBatch(record.ts, rows, record.recv_ms)
    due = np.empty(len(rows), np.uint8)
    if due_k(rows, now, state.intervals, state.sampled, due) > 0:
        yield RowsWrite(VIEW, state.symbols, now, rows, due)


def _status(record: MarketStatus) -> HashWrite:
    words: dict[str, str | int | float] = {"ts": record.ts, "time": ist_text(record.ts), "is_session_over": int(record.is_session_over)}
    words.update(record.statuses)
    return HashWrite(MARKET_STATUS, (), words)


def dump(state: State) -> bytes:
    blob = np.frombuffer(state.windows.dump(), np.uint8)
    return pack({}, {"windows": blob, "sampled": state.sampled})


def load(state: State, blob: bytes) -> None:
    _, arrays = unpack(blob)
    state.windows.load(arrays["windows"].tobytes())
    state.sampled[:] = arrays["sampled"]


@warmer
def _warm() -> None:
    due_k(np.zeros(1, TICK), 0, np.ones(1, np.int64), np.zeros((1, 1), np.int64), np.zeros(1, np.uint8))


job = Job(
    name="ticks",
    reads=(),
    writes=(TICKS, DEPTH, FRAMES),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    snapshot_every=10_000,  # stepping through that many frames again takes about a second; a state of 2,000 symbols is 15 MB
    rebuild_from=TICKS,
    script="websocket_client",
    about="feed frames -> decoded ticks with metrics",
)
