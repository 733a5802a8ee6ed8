"""The newest quote of every paper, as arrays by symbol id.

Reads   TickBatch rows (rupees, shares); only live and snapshot rows, never gap marks
Writes  Quote in paise for the one paper that is asked for; Market, the same with depth, close and volume

A frame costs a few array assignments however many papers it brings; Python objects are made only on request.
A side of the book that a row does not show is absent (0), not the last one seen: at a price band nobody stands on
the other side, and no order fills there. A row that carries no book (mode ltpc) moves the last price only. Never
invents a price.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.money import to_paise
from pipeline.core.types import FeedMode, TickBatch, TickFlag, TickKind
from pipeline.engine.matching import Quote

_GAP = int(TickKind.GAP)
_HAS_DEPTH = int(TickFlag.HAS_DEPTH)
_LTPC = int(FeedMode.LTPC)
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

    def take(self, batch: TickBatch) -> None:
        """Remember what the frame shows; of two rows of one paper the last counts."""
        self.frame += 1
        rows = batch.rows
        keep = (rows["kind"] != _GAP) & (rows["sid"] < len(self.rows))
        if not keep.all():
            rows = rows[keep]
        sids = rows["sid"].astype(np.intp)
        self.rows["frame"][sids] = self.frame
        self._take_depth(rows, sids, batch.ts)
        traded = rows["ltp"] > 0
        if not traded.all():
            rows, at = rows[traded], sids[traded]
        else:
            at = sids
        self.rows["ltp"][at] = rows["ltp"]
        self.rows["ltp_ts"][at] = batch.ts
        self._take_day(rows, at)

    def is_touched(self, sid: int) -> bool:
        """Tell whether the newest frame brought a row of this paper."""
        return bool(self.rows["frame"][sid] == self.frame)

    def quote(self, sid: int) -> Quote | None:
        """Give the newest quote of a paper, stamped by its depth; None before its first row."""
        row = self.rows[sid]
        ts, ltp_ts = int(row["ts"]), int(row["ltp_ts"])
        if ts == 0 and ltp_ts == 0:
            return None
        bid, ask, ltp = (to_paise(float(row[name])) for name in ("bid_px", "ask_px", "ltp"))
        return Quote(ts, bid, int(row["bid_qty"]), ask, int(row["ask_qty"]), ltp)

    def market(self, sid: int) -> Market:
        """Give the quote of a paper with depth, yesterday's close, volume and the age of the whole feed."""
        row = self.rows[sid]
        feed_ts = int(max(self.rows["ts"].max(), self.rows["ltp_ts"].max()))
        depth = int(row["bid_depth"]), int(row["ask_depth"])
        return Market(self.quote(sid), to_paise(float(row["close"])), *depth, int(row["volume"]), feed_ts)

    def ltp_paise(self, sid: int) -> tuple[int, int]:
        """Give the last traded price in paise and when it was seen; zeros before the first."""
        row = self.rows[sid]
        return to_paise(float(row["ltp"])), int(row["ltp_ts"])

    def _take_day(self, rows: NDArray[np.void], sids: NDArray[np.intp]) -> None:
        """Yesterday's close and today's volume; a row that leaves them out takes nothing back."""
        for name, field in (("close", "cp"), ("volume", "vtt")):
            told = rows[field] > 0
            self.rows[name][sids[told]] = rows[field][told]

    def _take_depth(self, rows: NDArray[np.void], sids: NDArray[np.intp], ts: int) -> None:
        # The flag means a two-sided book; every mode but ltpc carries the book as it is, a side missing or not.
        deep = ((rows["flags"] & _HAS_DEPTH) != 0) | (rows["mode"] != _LTPC)
        if not deep.all():
            rows, sids = rows[deep], sids[deep]
        table = self.rows
        table["bid_px"][sids] = rows["bid_px"][:, 0]
        table["bid_qty"][sids] = rows["bid_qty"][:, 0]
        table["ask_px"][sids] = rows["ask_px"][:, 0]
        table["ask_qty"][sids] = rows["ask_qty"][:, 0]
        table["bid_depth"][sids] = rows["bid_qty"].sum(axis=1)
        table["ask_depth"][sids] = rows["ask_qty"].sum(axis=1)
        table["ts"][sids] = ts
