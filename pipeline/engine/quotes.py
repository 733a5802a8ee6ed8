"""The newest quote of every paper, as arrays by symbol id.

Reads   TickBatch rows (rupees, shares); only live and snapshot rows, never gap marks
Writes  Quote in paise for the one paper that is asked for

A frame costs a few array assignments however many papers it brings; Python objects are made only on request.
A side of the book that a row does not show is absent (0), not the last one seen: at a price band nobody stands on
the other side, and no order fills there. A row that carries no book (mode ltpc) moves the last price only. Never
invents a price.
"""

from __future__ import annotations

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
        ("ltp", "<f8"),
        ("ltp_ts", "<i8"),
        ("frame", "<i8"),
    ]
)


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

    def is_touched(self, sid: int) -> bool:
        """Tell whether the newest frame brought a row of this paper."""
        return bool(self.rows["frame"][sid] == self.frame)

    def quote(self, sid: int) -> Quote | None:
        """Give the newest quote of a paper, stamped by its depth; None before its first row."""
        ts, bid, bid_qty, ask, ask_qty, ltp, ltp_ts, _ = self.rows[sid].item()
        if ts == 0 and ltp_ts == 0:
            return None
        return Quote(ts, to_paise(bid), bid_qty, to_paise(ask), ask_qty, to_paise(ltp))

    def ltp_paise(self, sid: int) -> tuple[int, int]:
        """Give the last traded price in paise and when it was seen; zeros before the first."""
        row = self.rows[sid]
        return to_paise(float(row["ltp"])), int(row["ltp_ts"])

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
        table["ts"][sids] = ts
