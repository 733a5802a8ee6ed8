"""Candles: tick rows in, waves of closed candles out, for six timeframes.

Reads   TICK[n] rows with their metrics (``volume``, flag TRADED), one batch per feed frame, in order of ``ts``; GAP and REPAIR rows
Writes  CandleWave, one per minute that closes and had a trade: 1-minute rows, then the 3, 5, 10, 15 and 60-minute rows that
        end with it, sorted by (timeframe, sid); its ``ts`` is the time of the frame that closed it
State   per symbol its minutes (64 bytes each) and a mark per minute of the day

A print counts where its own ``ltt`` falls, and only inside continuous trading; auction and pre-open prints are kept apart. A
minute closes at the first frame ``grace_ms`` past its end, the prints of that frame included; what comes
later is counted, not painted. Longer candles are sums of minutes, anchored at the open and cut at the
close. A symbol without a trade has no row. A gap, of one symbol or of all, is marked, never filled: the first print after it
counts with its own quantity, not with the volume that was missed. Silence counts trading
time: a pause is no gap. The feed's finished minute (I1) is compared, never copied.

A REPAIR row brings a finished minute from the broker's candle API, and that replaces ours: flag REVISED, GAP off. A minute that
was told already is told again at once, with every closed candle around it, in a wave of its own; one that is still open closes with
the repaired values; prints that come for it after are counted as late. The same repair twice does nothing. Minutes are
kept for the whole day up to some 650 symbols, and for at least two hours beyond (16 MiB); a repair from before is counted ``too_late``.

A gap before a symbol's first row (a start in mid-session, a symbol that was added late) is marked with an instant in ``i1_ts``: its
candles are held from there until its minutes came, or until that instant, and then told in their order, as on a day from the open.
Repairs of a symbol come in order: what lies before one that came has no candle at the broker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import Corrupt
from pipeline.core.params import CandleParams
from pipeline.core.snapshot import pack, unpack
from pipeline.core.types import CANDLE, MINUTE_MS, NO_SYMBOL, TICK, TIMEFRAMES, CandleWave, TickBatch, TickKind
from pipeline.kernels.jit import warmer, writable
from pipeline.market.candle_kernel import (
    AHEAD,
    BAR,
    CHANGED,
    END,
    EPOCH,
    FIRST,
    HELD,
    LAST,
    OPEN,
    SYMBOL,
    close_k,
    late_k,
    mark_gap_k,
    paint_k,
    revise_k,
)
from pipeline.market.candle_longer import longer_k

KEEP = 6
"""Minutes that stay open for the prints of a frame, however late it closes them."""
KEPT_BYTES, KEPT_LEAST = 16 * 1024 * 1024, 128
"""Closed minutes are kept for the whole day, or as many as fit in so many bytes, but never fewer than these."""
SPANS = np.array(TIMEFRAMES, np.int64)
FOREVER = 1 << 62
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
    "repaired",
    "too_late",
    "refused",
)
"""Counts of a symbol, in its row of the state."""


def windows_of(windows: Sequence[Sequence[tuple[int, int]]]) -> NDArray[np.int64]:
    """Lay out the stretches of continuous trading of each symbol as int64[n, widest, 2]; a last one is repeated."""
    widest = max((len(w) for w in windows), default=0)
    if widest == 0 or min(len(w) for w in windows) == 0:
        msg = "candles: every symbol needs a window of continuous trading on this date"
        raise ValueError(msg)
    laid = np.array([[*w, *[w[-1]] * (widest - len(w))] for w in windows], np.int64)
    if ((laid[:, :, 0] - laid[:, :, 0].min()) % MINUTE_MS).any():
        msg = "candles: windows of continuous trading must begin whole minutes apart"
        raise ValueError(msg)
    return laid


class CandleState:
    """Minutes of all symbols. ``windows`` holds, per symbol, its stretches of continuous trading as (start, end) ms."""

    __slots__ = ("bars", "clock", "marks", "out", "params", "stretches", "symbols", "windows")

    def __init__(self, windows: Sequence[Sequence[tuple[int, int]]], params: CandleParams) -> None:
        n = len(windows)
        self.params = params
        self.windows = windows_of(windows)
        self.stretches = np.unique(self.windows.reshape(-1, 2), axis=0).tolist()
        base, end = int(self.windows[:, :, 0].min()), int(self.windows[:, :, 1].max())
        minutes = (end - base) // MINUTE_MS + 1
        kept = min(minutes + AHEAD, max(KEPT_LEAST, KEPT_BYTES // (n * BAR.itemsize)))
        self.symbols = np.zeros(n, SYMBOL)
        self.symbols["sid"] = np.arange(n)
        self.bars = np.zeros((n, kept), BAR)
        self.marks = np.zeros((n + 1, minutes), np.uint8)
        self.out = np.zeros(n * len(TIMEFRAMES), CANDLE)
        self.clock = np.array([base, end, base, 0, 0, 0, 0], np.int64)

    def silent_ms(self, ts: int) -> int:
        """Give the milliseconds of continuous trading since the newest frame, of the stretch that has most: a pause is no silence."""
        last = int(self.clock[LAST])
        if ts - last <= self.params.gap_silence_ms:
            return 0
        return max(min(ts, end) - max(last, start) for start, end in self.stretches)

    def dump(self) -> bytes:
        """Save what there is: minutes without a trade are left out."""
        at = np.flatnonzero(self.bars["trades"])
        bars = self.bars.view(np.uint8).reshape(-1, BAR.itemsize)[at]
        return pack({}, {"symbols": self.symbols, "at": at, "bars": bars, "marks": self.marks, "clock": self.clock})

    def load(self, blob: bytes) -> None:
        _, arrays = unpack(blob)
        fits = all(name in arrays and arrays[name].shape == getattr(self, name).shape for name in ("symbols", "marks", "clock"))
        if not fits or "at" not in arrays or arrays["symbols"].dtype != SYMBOL:
            raise Corrupt(
                "the saved open candles have another size (watchlist or settings changed): clear the session with `ticktick clear`"
            )
        self.symbols[:], self.marks[:], self.clock[:] = arrays["symbols"], arrays["marks"], arrays["clock"]
        bars = self.bars.view(np.uint8).reshape(-1, BAR.itemsize)
        bars[:] = 0
        bars[arrays["at"]] = arrays["bars"]


def step(state: CandleState, batch: TickBatch) -> Iterator[CandleWave]:
    """Paint a batch and yield the waves that its time closes."""
    clock, ts = state.clock, batch.ts
    if clock[FIRST] == 0:
        clock[FIRST] = ts
    elif state.silent_ms(ts) > state.params.gap_silence_ms:
        clock[EPOCH] += 1
        mark_gap_k(state.marks, clock, len(state.symbols), clock[LAST], ts)
    clock[LAST] = max(clock[LAST], ts)
    yield from _close_due(state, ts - state.params.grace_ms - KEEP * MINUTE_MS, ts)
    rows = batch.rows if batch.rows.flags.carray else writable(batch.rows)
    if paint_k(rows, state.symbols, state.bars, state.windows, state.marks, clock) > 0:
        yield from _revised(state, ts)
    if clock[HELD] > 0:
        yield from _late(state, ts, ts)
    yield from _close_due(state, ts - state.params.grace_ms, ts)


def finish(state: CandleState, now: int) -> Iterator[CandleWave]:
    """Close whatever is open at the end of the input; candles whose time is not over are PARTIAL."""
    yield from _close_due(state, int(state.clock[END]), now)
    yield from _late(state, FOREVER, now)


def checks(state: CandleState, sids: NDArray[np.uint32]) -> NDArray[np.void]:
    """How the minutes of some symbols compare with the feed's own, what was kept out of them and what was repaired: the ``CHECKS``."""
    return state.symbols[sids]


def longer(minutes: NDArray[np.void], windows: NDArray[np.int64], timeframes: Sequence[int] = TIMEFRAMES[1:]) -> NDArray[np.void]:
    """Build the longer candles of one day from its one-minute rows, by the code that builds them live.

    Args:
        minutes: CANDLE[n] of one day, any order, each (sid, ts) once.
        windows: of ``windows_of``, by sid.
        timeframes: in minutes.

    Returns:
        CANDLE rows by (timeframe, sid, ts).
    """
    order = np.lexsort((minutes["ts"], minutes["sid"]))
    rows = (
        np.ascontiguousarray(minutes).view(f"V{CANDLE.itemsize}")[order].view(CANDLE)
    )  # by whole rows: field by field takes five times as long
    out = np.zeros(len(rows) * len(timeframes), CANDLE)
    count = 0
    for timeframe in timeframes:
        count += longer_k(out[count:], rows, windows, timeframe)
    return out[:count]


def _close_due(state: CandleState, until: int, now: int) -> Iterator[CandleWave]:
    """Close every minute that ends at or before ``until``, oldest first."""
    clock = state.clock
    until = min(until, int(clock[END]))
    while clock[OPEN] + MINUTE_MS <= until:
        seen_to = now if now < clock[END] and until == clock[END] else clock[END]
        count = close_k(state.out, state.symbols, state.bars, state.windows, state.marks, clock, SPANS, seen_to)
        if count > 0:
            yield CandleWave(now, writable(state.out[:count]))


def _revised(state: CandleState, now: int) -> Iterator[CandleWave]:
    """Tell again the minutes that repairs changed, oldest first, one wave each."""
    for minute in np.flatnonzero((state.marks & CHANGED).any(axis=0)).tolist():
        count = revise_k(state.out, state.symbols, state.bars, state.windows, state.marks, state.clock, SPANS, minute)
        if count > 0:
            yield CandleWave(now, writable(state.out[:count]))


def _late(state: CandleState, until: int, now: int) -> Iterator[CandleWave]:
    """Tell the candles that were held, as far as their repairs came or ``until`` is past their time; oldest first, one wave a minute."""
    clock, seen_to = state.clock, now if until == FOREVER and now < state.clock[END] else int(state.clock[END])
    count = 0
    while count >= 0 and clock[HELD] > 0:
        count = late_k(state.out, state.symbols, state.bars, state.windows, state.marks, clock, SPANS, until, seen_to)
        if count > 0:
            yield CandleWave(now, writable(state.out[:count]))


@warmer
def _warm() -> None:
    state = CandleState([[(0, 3 * MINUTE_MS)]], CandleParams(1000, 30_000))
    rows = np.zeros(3, TICK)
    rows["kind"][:2], rows["sid"][0], rows["i1_ts"][1] = TickKind.GAP, NO_SYMBOL, 8 * MINUTE_MS
    for ts in (1, 9 * MINUTE_MS):
        for _ in step(state, TickBatch(ts, rows)):
            pass
    rows["kind"][2], rows["i1_vol"][2] = TickKind.REPAIR, 1
    rows["i1_open"][2] = rows["i1_high"][2] = rows["i1_low"][2] = rows["i1_close"][2] = 1.0
    told = [wave.rows for wave in step(state, TickBatch(9 * MINUTE_MS, rows))]
    longer(np.concatenate([*told, state.out[:1]]), state.windows)
