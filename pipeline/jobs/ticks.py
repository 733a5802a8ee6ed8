"""Tick metrics: each feed frame in, the same frame with its metrics out, and the newest values where people look.

Reads   nothing from a stream: raw TickBatch and MarketStatus records of the feed session (metrics zero)
Writes  TICKS          one packed entry per frame
        tick:<symbol>  hash, and symbol:<symbol>: at most one per ``ltp_interval_ms`` of event time
        symbol:<symbol>:<metric>  at most one sample per ``series_interval_ms``; a metric that is not defined has none
        market:status  hash, as the feed tells it
State   market/ticks.py's windows, and when each symbol was last shown
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
from pipeline.core.views import Column, RowsWrite, RowView, Sampled
from pipeline.kernels.jit import kernel, warmer
from pipeline.market.ticks import TickState
from pipeline.market.ticks import step as step_ticks

SHOWN = (
    *("ts_exch", "ltt", "ltp", "ltq", "cp", "atp", "vtt", "oi", "iv", "tbq", "tsq", "volume", "mid", "spread", "spread_bps", "microprice"),
    *("vwap", "session_vwap", "obi", "obi5", "tick_return", "volatility", "vwap_fast", "vwap_slow", "iv_change", "aggressor", "flags"),
)
LEVEL_ONE = ("bid_px", "bid_qty", "ask_px", "ask_qty")
NEVER = -(2**62)
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
LATEST = RowView(TICK, TICK_LATEST, COLUMNS, (Sampled(LTP, (), "ltp", "ltp"),))
METRICS = RowView(TICK, series=tuple(Sampled(METRIC, (METRIC_NAME[name],), name, NEED[name]) for name in TICK_SERIES_METRICS))


@dataclass(slots=True)
class State:
    symbols: tuple[str, ...]
    ltp_ms: int
    series_ms: int
    windows: TickState
    shown: NDArray[np.int64]
    """When the hash and the price of each symbol were last written."""
    sampled: NDArray[np.int64]
    """When its metrics were."""


def initial(context: Context) -> State:
    params, n = context.params.ticks, len(context.instruments)
    return State(
        symbols=tuple(i.symbol for i in context.instruments),
        ltp_ms=params.ltp_interval_ms,
        series_ms=params.series_interval_ms,
        windows=TickState(n, params),
        shown=np.full(n, NEVER, np.int64),
        sampled=np.full(n, NEVER, np.int64),
    )


@kernel
def due_k(rows: Any, ts: int, interval: int, last: Any, due: Any) -> int:
    """Put into ``due`` the places of the rows whose symbol was last shown ``interval`` ago or more; return how many."""
    count = 0
    for i in range(len(rows)):
        sid = np.int64(rows[i]["sid"])
        if sid < len(last) and ts - last[sid] >= interval:
            last[sid] = ts
            due[count] = i
            count += 1
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
    for view, interval, last in ((LATEST, state.ltp_ms, state.shown), (METRICS, state.series_ms, state.sampled)):
        due = np.empty(len(rows), np.int64)
        count = due_k(rows, now, interval, last, due)
        if count > 0:
            yield RowsWrite(view, state.symbols, now, rows, due[:count])


def _status(record: MarketStatus) -> HashWrite:
    words: dict[str, str | int | float] = {"ts": record.ts, "time": ist_text(record.ts), "is_session_over": int(record.is_session_over)}
    words.update(record.statuses)
    return HashWrite(MARKET_STATUS, (), words)


def dump(state: State) -> bytes:
    blob = np.frombuffer(state.windows.dump(), np.uint8)
    return pack({}, {"windows": blob, "shown": state.shown, "sampled": state.sampled})


def load(state: State, blob: bytes) -> None:
    _, arrays = unpack(blob)
    state.windows.load(arrays["windows"].tobytes())
    state.shown[:], state.sampled[:] = arrays["shown"], arrays["sampled"]


@warmer
def _warm() -> None:
    due_k(np.zeros(1, TICK), 0, 1, np.zeros(1, np.int64), np.zeros(1, np.int64))


job = Job(
    name="ticks",
    reads=(),
    writes=(TICKS, DEPTH, FRAMES),
    initial=initial,
    step=step,
    dump=dump,
    load=load,
    snapshot_every=2000,
    rebuild_from=TICKS,
    script="websocket_client",
    about="feed frames -> decoded ticks with metrics",
)
