"""The kernels of the candles, and the layouts of what they keep.

Reads   TICK[n] rows with their metrics; SYMBOL[n], BAR[n, kept], windows int64[n, w, 2], marks uint8[n + 1, minutes], clock int64[7]
Writes  the state in place; CANDLE rows of a wave, or of history, into ``out``

A symbol's minutes, open and closed, lie in a ring by their number since the day's first; a longer candle is always summed
from them, so that a minute that is repaired is right in every candle from then on. ``marks`` has a row per symbol and a last
one for all. The layouts stand in this file since the compiler's cache is dated by it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.core.candle import Lineage
from pipeline.core.types import MINUTE_MS, NO_SYMBOL, CandleFlag, TickFlag, TickKind
from pipeline.kernels.jit import kernel
from pipeline.kernels.minutes import is_open_k, merge_k, span_k

AHEAD = 8
"""Minutes that may be open at once: the oldest open one and those that prints are ahead of it."""
GAP_ROW, REPAIR, LIVE = int(TickKind.GAP), int(TickKind.REPAIR), int(TickKind.LIVE)
TRADED, HAS_MINUTE, INDEX = int(TickFlag.TRADED), int(TickFlag.HAS_MINUTE), int(TickFlag.INDEX)
GAP, PARTIAL, REVISED, AFTER_GAP = (int(CandleFlag[name]) for name in ("GAP", "PARTIAL", "REVISED", "AFTER_GAP"))
TICKS, INTRADAY = int(Lineage.TICKS), int(Lineage.INTRADAY)
VOLUME_TOLERANCE = 0.05
HOUR_MS = 60 * MINUTE_MS
"""The longest candle."""

BLIND, REPAIRED, CHANGED = 1, 2, 4
"""Marks of a minute: the feed was blind in it; the broker's candle stands in its place; that candle is still to be told."""

BASE, END, OPEN, FIRST, LAST, EPOCH, HELD = range(7)
"""Places in ``clock``: first and last instant of the day's trading, start of the oldest minute that is still open, first and
newest frame seen, number of gaps of all symbols so far, number of symbols whose candles are held."""

SYMBOL = np.dtype(
    [(name, "<i8") for name in ("sid", "epoch", "late", "ahead", "auction_trades", "auction_qty")]
    + [("auction_px", "<f8"), ("i1_ts", "<i8"), ("i1_open", "<f8"), ("i1_high", "<f8"), ("i1_low", "<f8"), ("i1_close", "<f8")]
    + [("i1_vol", "<i8")]
    + [(name, "<i8") for name in ("is_checked", "minutes", "open", "high", "low", "close", "volume_minutes", "volume", "missing")]
    + [(name, "<i8") for name in ("repaired", "too_late", "refused", "held", "awaits", "awaits_to", "until")]
)
"""Per symbol: counts of prints that were not painted; the newest I1; how many of our minutes agree with it; minutes that a repair
changed, repairs of minutes no longer kept, and repairs that made no sense. ``epoch`` -1: a gap of this symbol came last. ``held``:
candles that end later are held, 0 when none are, until the minutes from ``awaits`` to ``awaits_to`` came, or the instant ``until``."""

BAR = np.dtype(
    [("ts", "<i8"), ("volume", "<i8"), ("trades", "<i4"), ("flags", "<u2"), ("lineage", "<u2")]
    + [(name, "<f8") for name in ("open", "high", "low", "close", "oi")]
)
"""One minute of a symbol, a cache line; ``trades`` is 0 in an empty one."""


@kernel
def mark_gap_k(marks: Any, clock: Any, sid: int, start: int, end: int) -> None:
    """Mark every minute of a symbol (or of all, the last row) that touches (start, end): the feed was blind there."""
    first = max((start - clock[BASE]) // MINUTE_MS, 0)
    last = min((end - clock[BASE]) // MINUTE_MS, marks.shape[1] - 1)
    for m in range(first, last + 1):
        marks[sid, m] |= BLIND


@kernel
def told_k(s: Any, clock: Any) -> int:
    """Give the instant up to which the candles of a symbol are told."""
    return s["held"] if s["held"] != 0 else clock[OPEN]


@kernel
def hold_k(row: Any, s: Any, windows: Any, clock: Any) -> None:
    """Hold a symbol's candles from a gap on that is to be repaired: ``i1_ts`` of its mark is the instant until which they may wait."""
    first, end = 0, 0
    for k in range(len(windows)):
        start = max(row["ltt"] - (row["ltt"] - clock[BASE]) % MINUTE_MS, windows[k, 0])
        stop = min(row["ts_exch"] - (row["ts_exch"] - clock[BASE]) % MINUTE_MS + MINUTE_MS, windows[k, 1])
        if start < stop:
            first, end = start if first == 0 else first, max(end, stop)
    if first == 0:
        return
    if s["held"] == 0:
        clock[HELD] += 1
        s["held"], s["awaits"], s["awaits_to"], s["until"] = clock[OPEN], first, end, 0
    s["held"], s["awaits"] = min(s["held"], first), min(s["awaits"], first)
    s["awaits_to"], s["until"] = max(s["awaits_to"], end), max(s["until"], row["i1_ts"])


@kernel
def print_k(row: Any, s: Any, bars: Any, windows: Any, marks: Any, clock: Any) -> None:
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
    m = (ltt - clock[BASE]) // MINUTE_MS
    start = clock[BASE] + m * MINUTE_MS
    if start < clock[OPEN] or marks[m] & REPAIRED != 0:
        s["late"] += 1
        return
    if start >= clock[OPEN] + AHEAD * MINUTE_MS:
        s["ahead"] += 1
        return
    bar = bars[m % len(bars)]
    if bar["ts"] != start or bar["trades"] == 0:
        bar["ts"], bar["open"], bar["high"], bar["low"] = start, px, px, px
        bar["volume"], bar["trades"], bar["flags"], bar["lineage"] = 0, 0, 0, TICKS
    bar["high"] = max(bar["high"], px)
    bar["low"] = min(bar["low"], px)
    bar["close"], bar["oi"] = px, row["oi"]
    bar["volume"] += volume
    bar["trades"] += 1


@kernel
def is_sound_k(row: Any, windows: Any, clock: Any) -> bool:
    """Tell a repair that can be true: a whole minute of trading that is over, with a price range that holds its prices."""
    start, low, high = row["i1_ts"], row["i1_low"], row["i1_high"]
    is_over = start + MINUTE_MS <= clock[LAST] and start < clock[OPEN] + AHEAD * MINUTE_MS
    is_minute = (start - clock[BASE]) % MINUTE_MS == 0 and is_open_k(windows, start)
    is_range = low > 0.0 and low <= min(row["i1_open"], row["i1_close"]) and max(row["i1_open"], row["i1_close"]) <= high
    return is_over and is_minute and is_range and row["i1_vol"] >= 0


@kernel
def is_kept_k(start: int, bars: Any, windows: Any, clock: Any) -> bool:
    """Tell whether every minute of the longest candle around ``start`` is still in the ring."""
    hour, _ = span_k(windows, start, HOUR_MS)
    return (clock[OPEN] - hour) // MINUTE_MS + AHEAD <= len(bars)


@kernel
def is_same_k(row: Any, bar: Any, oi: float) -> bool:
    """Tell whether a repair says what we have."""
    is_price = bar["open"] == row["i1_open"] and bar["high"] == row["i1_high"] and bar["low"] == row["i1_low"]
    return is_price and bar["close"] == row["i1_close"] and bar["volume"] == row["i1_vol"] and bar["oi"] == oi


@kernel
def repair_k(row: Any, s: Any, bars: Any, windows: Any, marks: Any, everyone: Any, clock: Any) -> int:
    """Put the broker's candle in the place of a minute; return 1 when that minute had been told already, and changed."""
    start = row["i1_ts"]
    if not is_sound_k(row, windows, clock):
        s["refused"] += 1
        return 0
    if s["held"] != 0 and start >= s["awaits"]:
        s["awaits"] = start + MINUTE_MS  # they come in order: what lies before it has no candle
    if not is_kept_k(start, bars, windows, clock):
        s["too_late"] += 1
        return 0
    m = (start - clock[BASE]) // MINUTE_MS
    bar = bars[m % len(bars)]
    has_ours = bar["ts"] == start and bar["trades"] > 0
    if has_ours and bar["volume"] > 0 and row["i1_vol"] == 0:
        s["refused"] += 1
        return 0
    has_trades = has_ours or row["i1_vol"] > 0 or row["flags"] & INDEX != 0
    oi = bar["oi"] if has_ours and row["oi"] == 0.0 else row["oi"]
    is_same = is_same_k(row, bar, oi) if has_ours else not has_trades
    if is_same and (marks[m] & REPAIRED != 0 or (marks[m] | everyone[m]) & BLIND == 0):
        return 0
    s["repaired"] += 1
    if has_trades:
        bar["trades"] = bar["trades"] if has_ours else 1
        bar["ts"], bar["flags"], bar["oi"], bar["lineage"] = start, REVISED, oi, INTRADAY
        bar["open"], bar["high"], bar["low"], bar["close"] = row["i1_open"], row["i1_high"], row["i1_low"], row["i1_close"]
        bar["volume"] = row["i1_vol"]
    is_told = start < told_k(s, clock)
    marks[m] |= REPAIRED | CHANGED if is_told else REPAIRED
    return 1 if is_told else 0


@kernel
def minute_k(row: Any, s: Any, bars: Any, windows: Any, clock: Any) -> None:
    """Take in the feed's own finished minute, for comparison."""
    if row["i1_ts"] > s["i1_ts"] or (row["i1_ts"] == s["i1_ts"] and s["is_checked"] == 0):
        s["is_checked"] = 0
        s["i1_ts"] = row["i1_ts"]
        s["i1_open"], s["i1_high"], s["i1_low"], s["i1_close"] = row["i1_open"], row["i1_high"], row["i1_low"], row["i1_close"]
        s["i1_vol"] = row["i1_vol"]
        if s["i1_ts"] + MINUTE_MS <= told_k(s, clock):
            check_k(s, bars, windows, clock)


@kernel
def paint_k(rows: Any, symbols: Any, bars: Any, windows: Any, marks: Any, clock: Any) -> int:
    """Take in one batch: prints, gaps, repairs and the feed's finished minutes; return how many told minutes changed."""
    n, changed = len(symbols), 0
    for i in range(len(rows)):
        row = rows[i]
        sid: Any = np.int64(row["sid"])
        kind = row["kind"]
        if kind == GAP_ROW and sid == NO_SYMBOL:
            clock[EPOCH] += 1
            mark_gap_k(marks, clock, n, row["ltt"], row["ts_exch"])
        if sid >= n:
            continue
        s = symbols[sid]
        if kind == GAP_ROW:
            s["epoch"] = -1
            mark_gap_k(marks, clock, sid, row["ltt"], row["ts_exch"])
            if row["i1_ts"] > row["ts_exch"]:
                hold_k(row, s, windows[sid], clock)
        elif kind == REPAIR:
            changed += repair_k(row, s, bars[sid], windows[sid], marks[sid], marks[n], clock)
        else:
            if kind == LIVE and row["flags"] & TRADED != 0 and row["ltp"] > 0.0:
                print_k(row, s, bars[sid], windows[sid], marks[sid], clock)
            if row["flags"] & HAS_MINUTE != 0:
                minute_k(row, s, bars[sid], windows[sid], clock)
    return changed


@kernel
def check_k(s: Any, bars: Any, windows: Any, clock: Any) -> None:
    """Compare our closed minute with the feed's own.

    A minute that we joined late or that was repaired does not count, nor does the volume of one with a gap: what was missed is
    marked, not filled.
    """
    s["is_checked"] = 1
    if not is_open_k(windows, s["i1_ts"]):
        return
    bar = bars[(s["i1_ts"] - clock[BASE]) // MINUTE_MS % len(bars)]
    if bar["ts"] != s["i1_ts"] or bar["trades"] == 0:
        s["missing"] += 1
        return
    if bar["flags"] & (PARTIAL | REVISED) != 0:
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
def flags_k(windows: Any, marks: Any, everyone: Any, clock: Any, start: int, end: int, cut: int) -> int:
    """Flags of a candle. ``cut``: where its input ends. A repaired minute is neither blind nor joined late, nor is one of a pause."""
    flags = PARTIAL if end > cut else 0
    for m in range((start - clock[BASE]) // MINUTE_MS, min((end - clock[BASE]) // MINUTE_MS, len(marks))):
        if marks[m] & REPAIRED != 0:
            flags |= REVISED
            continue
        if not is_open_k(windows, clock[BASE] + m * MINUTE_MS):
            continue
        if (marks[m] | everyone[m]) & BLIND != 0:
            flags |= GAP
        if clock[FIRST] > clock[BASE] + m * MINUTE_MS and clock[FIRST] > clock[BASE]:
            flags |= PARTIAL
    return flags


@kernel
def before_k(row: Any, bars: Any, windows: Any, marks: Any, everyone: Any, clock: Any, minute: int) -> None:
    """Look back from a candle's first trade: ``quiet`` counts minutes without one, AFTER_GAP says that some were lost."""
    oldest = max((clock[OPEN] - clock[BASE]) // MINUTE_MS - len(bars) + AHEAD, 0)
    row["quiet"] = 0
    for m in range(minute - 1, oldest - 1, -1):
        start = clock[BASE] + m * MINUTE_MS
        bar = bars[m % len(bars)]
        if not is_open_k(windows, start) or (bar["ts"] == start and bar["trades"] > 0):
            return
        if marks[m] & REPAIRED == 0:
            if clock[FIRST] > start and clock[FIRST] > clock[BASE]:
                return
            if (marks[m] | everyone[m]) & BLIND != 0:
                row["flags"] |= AFTER_GAP
                continue
        row["quiet"] += 1


@kernel
def emit_k(row: Any, bars: Any, windows: Any, marks: Any, clock: Any, sid: int, timeframe: int, start: int, cut: int) -> int:
    """Sum a closed candle of a symbol from its minutes into ``row``; return 1, or 0 when nothing was traded in it."""
    row["minutes"] = 0
    end = start + timeframe * MINUTE_MS
    first = (start - clock[BASE]) // MINUTE_MS
    traded = first
    for m in range(first, (min(end, clock[OPEN]) - clock[BASE]) // MINUTE_MS):
        bar = bars[sid, m % bars.shape[1]]
        if bar["ts"] == clock[BASE] + m * MINUTE_MS and bar["trades"] > 0:
            if row["minutes"] == 0:
                traded = m
            merge_k(row, bar)
    if row["minutes"] == 0:
        return 0
    row["sid"], row["timeframe"], row["ts"] = sid, timeframe, start
    row["flags"] = flags_k(windows[sid], marks[sid], marks[-1], clock, start, end, cut)
    if timeframe == 1:
        bars[sid, first % bars.shape[1]]["flags"] = row["flags"]
    before_k(row, bars[sid], windows[sid], marks[sid], marks[-1], clock, traded)
    return 1


@kernel
def ended_k(out: Any, s: Any, bars: Any, windows: Any, marks: Any, clock: Any, timeframe: int, start: int, seen_to: int) -> int:
    """Sum the candle of one timeframe that ends with a symbol's minute, if one does; return the number of rows."""
    sid = s["sid"]
    first, end = span_k(windows[sid], start, timeframe * MINUTE_MS)
    close = windows[sid, -1, 1]
    if windows[sid, 0, 0] <= start < close and end <= start + MINUTE_MS:
        return emit_k(out, bars, windows, marks, clock, sid, timeframe, first, min(close, seen_to))
    return 0


@kernel
def checked_k(s: Any, bars: Any, windows: Any, clock: Any, start: int) -> None:
    """Compare the minute that was just told, if the feed's own is here."""
    if s["i1_ts"] == start and s["is_checked"] == 0:
        check_k(s, bars[s["sid"]], windows[s["sid"]], clock)


@kernel
def close_k(out: Any, symbols: Any, bars: Any, windows: Any, marks: Any, clock: Any, timeframes: Any, seen_to: int) -> int:
    """Close the oldest open minute and every longer candle that ends with it, but of held symbols; return the number of rows."""
    start = clock[OPEN]
    clock[OPEN] = start + MINUTE_MS
    count = 0
    for k in range(len(timeframes)):
        for sid in range(len(symbols)):
            if symbols[sid]["held"] == 0:
                count += ended_k(out[count], symbols[sid], bars, windows, marks, clock, timeframes[k], start, seen_to)
    for sid in range(len(symbols)):
        if symbols[sid]["held"] == 0:
            checked_k(symbols[sid], bars, windows, clock, start)
    return count


@kernel
def bound_k(s: Any, clock: Any, now: int) -> int:
    """Give the instant up to which a held symbol's candles may be told."""
    is_over = s["awaits"] >= s["awaits_to"] or now >= s["until"]
    return clock[OPEN] if is_over else min(s["awaits"], clock[OPEN])


@kernel
def late_k(out: Any, symbols: Any, bars: Any, windows: Any, marks: Any, clock: Any, timeframes: Any, now: int, seen_to: int) -> int:
    """Tell the oldest minute of the symbols that were held and need not be, and what ends with it; return the rows, -1 at the end."""
    start = clock[OPEN]
    for sid in range(len(symbols)):
        s = symbols[sid]
        if s["held"] != 0 and bound_k(s, clock, now) > s["held"]:
            start = min(start, s["held"])
    count = 0 if start < clock[OPEN] else -1
    for k in range(len(timeframes)):
        for sid in range(len(symbols)):
            s = symbols[sid]
            if s["held"] == start and bound_k(s, clock, now) > start and is_kept_k(start, bars[sid], windows[sid], clock):
                count += ended_k(out[count], s, bars, windows, marks, clock, timeframes[k], start, seen_to)
    for sid in range(len(symbols)):
        s = symbols[sid]
        if s["held"] == start and bound_k(s, clock, now) > start:
            s["held"] += MINUTE_MS
            checked_k(s, bars, windows, clock, start)
        if s["held"] != 0 and s["held"] >= clock[OPEN] and (s["awaits"] >= s["awaits_to"] or now >= s["until"]):
            s["held"] = 0
            clock[HELD] -= 1
    return count


@kernel
def revise_k(out: Any, symbols: Any, bars: Any, windows: Any, marks: Any, clock: Any, timeframes: Any, minute: int) -> int:
    """Tell again a minute that repairs changed, and the told candles around it; return the number of rows.

    A candle in which a later minute changed too waits for that one's wave, so that it is told once, and right.
    """
    start, count, n = clock[BASE] + minute * MINUTE_MS, 0, len(windows)
    for k in range(len(timeframes)):
        for sid in range(n):
            if marks[sid, minute] & CHANGED == 0:
                continue
            first, end = span_k(windows[sid], start, timeframes[k] * MINUTE_MS)
            is_due = end <= told_k(symbols[sid], clock)
            for m in range(minute + 1, (end - clock[BASE]) // MINUTE_MS):
                is_due = is_due and marks[sid, m] & CHANGED == 0
            if is_due:
                count += emit_k(out[count], bars, windows, marks, clock, sid, timeframes[k], first, windows[sid, -1, 1])
    for sid in range(n):
        marks[sid, minute] &= BLIND | REPAIRED
    return count
