"""The newest quote of every paper, as arrays by symbol id.

Reads   TickBatch rows (rupees, shares); only live and snapshot rows, never gap marks
Writes  Quote in paise for the one paper that is asked for; Market, the same with depth, close and volume

A frame costs one kernel call however many papers it brings; Python objects are made only on request, once a frame.
A side of the book that a row does not show is absent (0), not the last one seen: at a price band nobody stands on
the other side, and no order fills there. A row that carries no book (mode ltpc) moves the last price only. Never
invents a price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.frozen import quick
from pipeline.core.money import to_paise
from pipeline.core.types import TICK, FeedMode, TickBatch, TickFlag, TickKind
from pipeline.engine.matching import Quote
from pipeline.kernels.jit import kernel, warmer, writable

GAP, HAS_DEPTH, LTPC = int(TickKind.GAP), int(TickFlag.HAS_DEPTH), int(FeedMode.LTPC)
QUOTE_ROW = np.dtype(
    [
        ("ts", "<i8"),
        ("bid_px", "<f8"),
        ("bid_qty", "<i8"),
        ("ask_px", "<f8"),
        ("ask_qty", "<i8"),
        ("bid_depth", "<i8"),
        ("ask_depth", "<i8"),
        ("ltp", "<f8"),
        ("ltp_ts", "<i8"),
        ("close", "<f8"),
        ("volume", "<i8"),
        ("frame", "<i8"),
    ]
)


@quick
@dataclass(frozen=True, slots=True)
class Market:
    """A paper's quote with what is around it; 0 is "the feed has not told"."""

    quote: Quote | None
    close_paise: int
    """Yesterday's."""
    bid_depth_qty: int
    """Shares on the displayed levels of a side."""
    ask_depth_qty: int
    volume: int
    """Shares traded today."""
    feed_ts: int
    """Newest frame of any paper."""


class QuoteTable:
    """One row per symbol id."""

    def __init__(self, size: int) -> None:
        self.rows: NDArray[np.void] = np.zeros(size, QUOTE_ROW)
        self.frame = 0
        self._made: dict[int, Quote | None] = {}

    def take(self, batch: TickBatch) -> None:
        """Remember what the frame shows; of two rows of one paper the last counts."""
        self.frame += 1
        self._made.clear()
        rows = batch.rows if batch.rows.flags.writeable else writable(batch.rows)
        take_k(rows, self.rows, self.frame, batch.ts)

    def put(self, rows: NDArray[np.void], frame: int) -> None:
        """Take over a copy of another table's rows."""
        self.rows, self.frame = writable(rows), frame
        self._made.clear()

    def is_touched(self, sid: int) -> bool:
        """Tell whether the newest frame brought a row of this paper."""
        return bool(self.rows["frame"][sid] == self.frame)

    def quote(self, sid: int) -> Quote | None:
        """Give the newest quote of a paper, stamped by its depth; None before its first row."""
        if sid in self._made:
            return self._made[sid]
        ts, bid, bid_qty, ask, ask_qty, _, _, ltp, ltp_ts, *_ = self.rows[sid].item()
        quote = None if ts == 0 == ltp_ts else Quote(ts, to_paise(bid), bid_qty, to_paise(ask), ask_qty, to_paise(ltp))
        self._made[sid] = quote
        return quote

    def market(self, sid: int) -> Market:
        """Give the quote of a paper with depth, yesterday's close, volume and the age of the whole feed."""
        row = self.rows[sid]
        feed_ts = int(max(self.rows["ts"].max(), self.rows["ltp_ts"].max()))
        depth = int(row["bid_depth"]), int(row["ask_depth"])
        return Market(self.quote(sid), to_paise(float(row["close"])), *depth, int(row["volume"]), feed_ts)

    def ltp_paise(self, sid: int) -> tuple[int, int]:
        """Give the last traded price in paise and when it was seen; zeros before the first."""
        quote = self.quote(sid)
        return (0, 0) if quote is None else (quote.ltp_paise, int(self.rows["ltp_ts"][sid]))


@kernel
def take_k(rows: Any, table: Any, frame: int, ts: int) -> None:
    """Put TICK[n] into the table; a row that leaves out price, close or volume takes nothing back."""
    for i in range(len(rows)):
        row = rows[i]
        if row.kind == GAP or row.sid >= len(table):
            continue
        mine = table[row.sid]
        mine.frame = frame
        # The flag means a two-sided book; every mode but ltpc carries the book as it is, a side missing or not.
        if (row.flags & HAS_DEPTH) != 0 or row.mode != LTPC:
            mine.bid_px, mine.bid_qty, mine.ask_px, mine.ask_qty = row.bid_px[0], row.bid_qty[0], row.ask_px[0], row.ask_qty[0]
            mine.bid_depth, mine.ask_depth = row.bid_qty.sum(), row.ask_qty.sum()
            mine.ts = ts
        if row.ltp > 0.0:
            mine.ltp, mine.ltp_ts = row.ltp, ts
            if row.cp > 0.0:
                mine.close = row.cp
            if row.vtt > 0:
                mine.volume = row.vtt


@warmer
def _warm() -> None:
    QuoteTable(1).take(TickBatch(1, np.zeros(1, TICK)))
