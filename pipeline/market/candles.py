"""Candles: tick rows in, waves of closed candles out, for six timeframes.

Reads   TICK[n] rows with their metrics (``volume``, flag TRADED), one batch per feed frame, in order of ``ts``
Writes  CandleWave, one per minute that closes and had a trade: 1-minute rows, then the 3, 5, 10, 15 and 60-minute rows that
        end with it, sorted by (timeframe, sid); its ``ts`` is the time of the frame that closed it
State   eight minutes per symbol, one open candle per symbol and longer timeframe, one gap mark per minute of the day

A print counts where its own ``ltt`` falls, and only inside continuous trading; auction and pre-open prints are kept apart. A
minute closes at the first frame ``grace_ms`` past its end, the prints of that frame included; what comes
later is counted, not painted. Longer candles are sums of minutes, anchored at the open and cut at the
close. A symbol without a trade has no row. A gap is marked, never filled: the first print after it counts with its own quantity,
not with the volume that was missed. The feed's finished minute (I1) is compared, never copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.core.errors import Corrupt
from pipeline.core.params import CandleParams
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CANDLE, MINUTE_MS, TICK, TIMEFRAMES, CandleFlag, CandleWave, TickBatch, TickFlag, TickKind
from pipeline.kernels.jit import kernel, warmer, writable

RING = 8
"""Minutes that may be open, or still be compared, at once."""
KEEP = 6
"""Minutes that stay open for the prints of a frame, however late it closes them."""
LONGER = np.array(TIMEFRAMES[1:], np.int64)
GAP_ROW, LIVE = int(TickKind.GAP), int(TickKind.LIVE)
TRADED, HAS_MINUTE = int(TickFlag.TRADED), int(TickFlag.HAS_MINUTE)
GAP, PARTIAL = int(CandleFlag.GAP), int(CandleFlag.PARTIAL)
VOLUME_TOLERANCE = 0.05

SYMBOL = np.dtype(
    [("epoch", "<i8"), ("late", "<i8"), ("ahead", "<i8"), ("auction_trades", "<i8"), ("auction_qty", "<i8"), ("auction_px", "<f8")]
    + [("i1_ts", "<i8"), ("i1_open", "<f8"), ("i1_high", "<f8"), ("i1_low", "<f8"), ("i1_close", "<f8"), ("i1_vol", "<i8")]
    + [(name, "<i8") for name in ("is_checked", "minutes", "open", "high", "low", "close", "volume_minutes", "volume", "missing")]
)
"""Per symbol: counts of prints that were not painted; the newest I1; how many of our minutes agree with it."""
CHECKS = (
    "minutes",
    "open",
    "high",
    "low",
    "close",
    "volume_minutes",
    "volume",
    "missing",
    "late",
    "ahead",
    "auction_trades",
    "auction_qty",
    "auction_px",
)


class CandleState:
    """Open minutes of all symbols. ``windows`` holds, per symbol, its stretches of continuous trading as (start, end) ms."""

    __slots__ = ("bars", "clock", "gaps", "longer", "out", "params", "symbols", "windows")

    def __init__(self, windows: Sequence[Sequence[tuple[int, int]]], params: CandleParams) -> None:
        widest = max((len(w) for w in windows), default=0)
        if widest == 0 or min(len(w) for w in windows) == 0:
            msg = "candles: every symbol needs a window of continuous trading on this date"
            raise ValueError(msg)
        n = len(windows)
        self.params = params
        self.windows = np.array([[*w, *[w[-1]] * (widest - len(w))] for w in windows], np.int64)
        base, end = int(self.windows[:, :, 0].min()), int(self.windows[:, :, 1].max())
        self.symbols = np.zeros(n, SYMBOL)
        self.bars = np.zeros((n, RING), CANDLE)
        self.longer = np.zeros((n, len(LONGER)), CANDLE)
        self.gaps = np.zeros((end - base) // MINUTE_MS + 1, np.int64)
        self.out = np.zeros(n * len(TIMEFRAMES), CANDLE)
        self.clock = np.array([base, end, base, 0, 0, 0], np.int64)

    def dump(self) -> bytes:
        return pack({}, {"symbols": self.symbols, "bars": self.bars, "longer": self.longer, "gaps": self.gaps, "clock": self.clock})

    def load(self, blob: bytes) -> None:
        _, arrays = unpack(blob)
        for name, array in arrays.items():
            if array.shape != getattr(self, name).shape:
                raise Corrupt(
                    "the saved open candles have another size (watchlist or settings changed): clear the session with `ticktick clear`"
                )
            getattr(self, name)[:] = array


# Places in ``clock``: first and last instant of the day's trading, start of the oldest minute that is still
# open, first and newest frame seen, number of gaps so far.
BASE, END, OPEN, FIRST, LAST, EPOCH = range(6)


def step(state: CandleState, batch: TickBatch) -> Iterator[CandleWave]:
    """Paint a batch and yield the waves that its time closes."""
    clock, ts = state.clock, batch.ts
    if clock[FIRST] == 0:
        clock[FIRST] = ts
    elif min(ts, clock[END]) - max(clock[LAST], clock[BASE]) > state.params.gap_silence_ms:
        mark_gap_k(state.gaps, clock, clock[LAST], ts)
    clock[LAST] = max(clock[LAST], ts)
    yield from _close_due(state, ts - state.params.grace_ms - KEEP * MINUTE_MS, ts)
    paint_k(writable(batch.rows), state.symbols, state.bars, state.windows, state.gaps, clock)
    yield from _close_due(state, ts - state.params.grace_ms, ts)


def finish(state: CandleState, now: int) -> Iterator[CandleWave]:
    """Close whatever is open at the end of the input; candles whose time is not over are PARTIAL."""
    yield from _close_due(state, int(state.clock[END]), now)


def checks(state: CandleState, sid: int) -> Mapping[str, int | float]:
    """How the minutes of a symbol compare with the feed's own, and what was kept out of them."""
    row = state.symbols[sid]
    return {name: row[name].item() for name in CHECKS}


def _close_due(state: CandleState, until: int, now: int) -> Iterator[CandleWave]:
    """Close every minute that ends at or before ``until``, oldest first."""
    clock = state.clock
    until = min(until, int(clock[END]))
    while clock[OPEN] + MINUTE_MS <= until:
        seen_to = now if now < clock[END] and until == clock[END] else clock[END]
        count = close_k(state.out, state.symbols, state.bars, state.longer, state.windows, state.gaps, clock, LONGER, seen_to)
        if count > 0:
            yield CandleWave(now, writable(state.out[:count]))


@kernel
def mark_gap_k(gaps: Any, clock: Any, start: int, end: int) -> None:
    """Mark every minute that touches (start, end): the feed was blind there."""
    clock[EPOCH] += 1
    first = max((start - clock[BASE]) // MINUTE_MS, 0)
    last = min((end - clock[BASE]) // MINUTE_MS, len(gaps) - 1)
    for m in range(first, last + 1):
        gaps[m] = 1


@kernel
def is_open_k(windows: Any, at: int) -> bool:
    """Tell whether an instant lies in one of a symbol's windows."""
    for k in range(len(windows)):
        if windows[k, 0] <= at < windows[k, 1]:
            return True
    return False


@kernel
def merge_k(bar: Any, ts: int, open_px: float, high: float, low: float, close: float, volume: int, trades: int) -> None:
    """Add a print, or a shorter candle, to a candle; ``trades`` is zero in an empty one."""
    if bar["trades"] == 0:
        bar["ts"] = ts
        bar["open"] = open_px
        bar["high"] = high
        bar["low"] = low
        bar["volume"] = 0
        bar["flags"] = 0
    bar["high"] = max(bar["high"], high)
    bar["low"] = min(bar["low"], low)
    bar["close"] = close
    bar["volume"] += volume
    bar["trades"] += trades


@kernel
def print_k(row: Any, s: Any, bars: Any, windows: Any, clock: Any) -> None:
    """Book one print: into its minute, or among those kept apart."""
    ltt, volume, px = row["ltt"], row["volume"], row["ltp"]
    if s["epoch"] != clock[EPOCH]:
        s["epoch"] = clock[EPOCH]
        volume = min(volume, row["ltq"])
    if not is_open_k(windows, ltt):
        s["auction_trades"] += 1
        s["auction_qty"] += volume
        s["auction_px"] = px
        return
    start = clock[BASE] + (ltt - clock[BASE]) // MINUTE_MS * MINUTE_MS
    if start < clock[OPEN]:
        s["late"] += 1
        return
    if start >= clock[OPEN] + RING * MINUTE_MS:
        s["ahead"] += 1
        return
    bar = bars[(start // MINUTE_MS) % RING]
    if bar["ts"] != start:
        bar["trades"] = 0
    merge_k(bar, start, px, px, px, px, volume, 1)
    bar["oi"] = row["oi"]


@kernel
def paint_k(rows: Any, symbols: Any, bars: Any, windows: Any, gaps: Any, clock: Any) -> None:
    """Take in one batch: prints, gap marks and the feed's finished minutes."""
    for i in range(len(rows)):
        row = rows[i]
        if row["kind"] == GAP_ROW:
            mark_gap_k(gaps, clock, row["ltt"], row["ts_exch"])
            continue
        sid = np.int64(row["sid"])
        if sid >= len(symbols):
            continue
        s = symbols[sid]
        if row["kind"] == LIVE and row["flags"] & TRADED != 0 and row["ltp"] > 0.0:
            print_k(row, s, bars[sid], windows[sid], clock)
        if row["flags"] & HAS_MINUTE != 0 and (row["i1_ts"] > s["i1_ts"] or (row["i1_ts"] == s["i1_ts"] and s["is_checked"] == 0)):
            s["is_checked"] = 0
            s["i1_ts"] = row["i1_ts"]
            s["i1_open"], s["i1_high"], s["i1_low"], s["i1_close"] = row["i1_open"], row["i1_high"], row["i1_low"], row["i1_close"]
            s["i1_vol"] = row["i1_vol"]
            if s["i1_ts"] + MINUTE_MS <= clock[OPEN]:
                check_k(s, bars[sid], windows[sid])


@kernel
def check_k(s: Any, bars: Any, windows: Any) -> None:
    """Compare our closed minute with the feed's own.

    A minute that we joined late does not count, nor does the volume of one with a gap: what was missed is
    marked, not filled.
    """
    s["is_checked"] = 1
    if not is_open_k(windows, s["i1_ts"]):
        return
    bar = bars[(s["i1_ts"] // MINUTE_MS) % RING]
    if bar["ts"] != s["i1_ts"] or bar["trades"] == 0:
        s["missing"] += 1
        return
    if bar["flags"] & PARTIAL != 0:
        return
    s["minutes"] += 1
    s["open"] += 1 if bar["open"] == s["i1_open"] else 0
    s["high"] += 1 if bar["high"] == s["i1_high"] else 0
    s["low"] += 1 if bar["low"] == s["i1_low"] else 0
    s["close"] += 1 if bar["close"] == s["i1_close"] else 0
    if bar["flags"] & GAP != 0:
        return
    s["volume_minutes"] += 1
    s["volume"] += 1 if abs(bar["volume"] - s["i1_vol"]) <= VOLUME_TOLERANCE * s["i1_vol"] else 0


@kernel
def emit_k(out: Any, at: int, bar: Any, sid: int, timeframe: int, gaps: Any, clock: Any, cut: int) -> None:
    """Write a closed candle with its flags to ``out[at]``. ``cut``: where its data ends."""
    start, end = bar["ts"], bar["ts"] + timeframe * MINUTE_MS
    flags = PARTIAL if end > cut or (start < clock[FIRST] and clock[FIRST] > clock[BASE]) else 0
    for m in range((start - clock[BASE]) // MINUTE_MS, min((end - clock[BASE]) // MINUTE_MS, len(gaps))):
        if gaps[m] == 1:
            flags |= GAP
    bar["flags"] = flags
    row = out[at]
    row["sid"], row["timeframe"], row["flags"], row["ts"] = sid, timeframe, flags, start
    row["open"], row["high"], row["low"], row["close"] = bar["open"], bar["high"], bar["low"], bar["close"]
    row["volume"], row["oi"], row["trades"] = bar["volume"], bar["oi"], bar["trades"]


@kernel
def close_k(out: Any, symbols: Any, bars: Any, longer: Any, windows: Any, gaps: Any, clock: Any, timeframes: Any, seen_to: int) -> int:
    """Close the oldest open minute and every longer candle that ends with it; return the number of rows."""
    start = clock[OPEN]
    end = start + MINUTE_MS
    clock[OPEN] = end
    count = 0
    for sid in range(len(symbols)):
        bar = bars[sid, (start // MINUTE_MS) % RING]
        if bar["ts"] == start and bar["trades"] > 0:
            emit_k(out, count, bar, sid, 1, gaps, clock, seen_to)
            count += 1
            for k in range(len(timeframes)):
                span = timeframes[k] * MINUTE_MS
                anchor = windows[sid, 0, 0]
                long = longer[sid, k]
                merge_k(
                    long,
                    anchor + (start - anchor) // span * span,
                    bar["open"],
                    bar["high"],
                    bar["low"],
                    bar["close"],
                    bar["volume"],
                    bar["trades"],
                )
                long["oi"] = bar["oi"]
        if symbols[sid]["i1_ts"] == start and symbols[sid]["is_checked"] == 0:
            check_k(symbols[sid], bars[sid], windows[sid])
    for k in range(len(timeframes)):
        for sid in range(len(symbols)):
            long = longer[sid, k]
            close = windows[sid, -1, 1]
            if long["trades"] > 0 and (end >= close or long["ts"] + timeframes[k] * MINUTE_MS <= end):
                emit_k(out, count, long, sid, timeframes[k], gaps, clock, min(close, seen_to))
                long["trades"] = 0
                count += 1
    return count


@warmer
def _warm() -> None:
    state = CandleState([[(0, 2 * MINUTE_MS)]], CandleParams(1000, 30_000))
    rows = np.zeros(1, TICK)
    for ts in (1, 5 * MINUTE_MS):
        for _ in step(state, TickBatch(ts, rows)):
            pass
    mark_gap_k(state.gaps, state.clock, 0, 1)
