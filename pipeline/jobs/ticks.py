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
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.feed import DepthBatch, FeedEvent
from pipeline.core.job import Context, HashWrite, Job, Output, SampleWrite
from pipeline.core.schema import DEPTH, FRAMES, LTP, MARKET_STATUS, METRIC, METRIC_NAME, TICK_LATEST, TICK_SERIES_METRICS, TICKS
from pipeline.core.session import ist_text
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import TICK, MarketStatus, TickBatch, TickFlag, TickKind
from pipeline.kernels.jit import kernel, warmer
from pipeline.market.ticks import TickState
from pipeline.market.ticks import step as step_ticks

SHOWN = [
    "ts_exch",
    "ltt",
    "ltp",
    "ltq",
    "cp",
    "atp",
    "vtt",
    "oi",
    "iv",
    "tbq",
    "tsq",
    "volume",
    "mid",
    "spread",
    "spread_bps",
    "microprice",
    "vwap",
    "session_vwap",
    "obi",
    "obi5",
    "tick_return",
    "volatility",
    "vwap_fast",
    "vwap_slow",
    "aggressor",
    "flags",
]
LEVEL_ONE = ("bid_px", "bid_qty", "ask_px", "ask_qty")
KINDS = {int(kind): kind.name.lower() for kind in TickKind}
NEVER = -(2**62)
NEED = {"mid": "mid", "spread": "mid", "vwap": "vwap", "obi": "mid", "tick_return": "ltp", "volatility": "volatility"}
"""A metric is defined where this field of the row is not zero."""


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
    due = np.empty(len(rows), np.int64)
    shown = due_k(rows, now, state.ltp_ms, state.shown, due)
    if shown > 0:
        yield from _latest(state.symbols, rows[due[:shown]], now)
    sampled = due_k(rows, now, state.series_ms, state.sampled, due)
    if sampled > 0:
        yield from _samples(state.symbols, rows[due[:sampled]], now)


def _status(record: MarketStatus) -> HashWrite:
    words: dict[str, str | int | float] = {"ts": record.ts, "time": ist_text(record.ts), "is_session_over": int(record.is_session_over)}
    words.update(record.statuses)
    return HashWrite(MARKET_STATUS, (), words)


@cache
def _marks(flags: int) -> str:
    """Put flags into words; there are few combinations, and enums are slow."""
    return " ".join(flag.name.lower() for flag in TickFlag if flag & flags and flag.name is not None)


def _latest(symbols: tuple[str, ...], rows: NDArray[np.void], now: int) -> Iterator[Output]:
    """Give hash and price of each row. Column by column: a field of a single packed row costs as much as one of a hundred."""
    columns = [rows[name].tolist() for name in SHOWN] + [rows[name][:, 0].tolist() for name in LEVEL_ONE]
    names, time = (*SHOWN, *LEVEL_ONE), ist_text(int(rows["ts_exch"][0]))
    for sid, kind, ltp, *values in zip(rows["sid"].tolist(), rows["kind"].tolist(), rows["ltp"].tolist(), *columns, strict=True):
        fields: dict[str, str | int | float] = dict(zip(names, values, strict=True))
        fields["marks"], fields["kind"], fields["time"] = _marks(int(fields["flags"])), KINDS[kind], time
        yield HashWrite(TICK_LATEST, (symbols[sid],), fields)
        if ltp > 0:
            yield SampleWrite(LTP, (symbols[sid],), now, ltp)


def _samples(symbols: tuple[str, ...], rows: NDArray[np.void], now: int) -> Iterator[SampleWrite]:
    sids = rows["sid"].tolist()
    for name in TICK_SERIES_METRICS:
        needed = rows[NEED[name]].tolist()
        for sid, value, need in zip(sids, rows[name].tolist(), needed, strict=True):
            if need != 0:
                yield SampleWrite(METRIC, (symbols[sid], METRIC_NAME[name]), now, value)


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
