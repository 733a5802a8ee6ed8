"""The kernel that builds longer candles of history from one-minute rows, as live candles are summed.

Reads   CANDLE rows of one day ordered by (sid, ts), windows int64[n, w, 2]
Writes  CANDLE rows into ``out``
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.core.types import MINUTE_MS, CandleFlag
from pipeline.kernels.jit import kernel
from pipeline.kernels.minutes import is_open_k, merge_k, span_k

GAP, PARTIAL, AFTER_GAP = (int(CandleFlag[name]) for name in ("GAP", "PARTIAL", "AFTER_GAP"))


@kernel
def longer_k(out: Any, rows: Any, windows: Any, timeframe: int) -> int:
    """Sum one-minute rows, ordered by (sid, ts), into candles of one timeframe; return how many.

    The candle's flags are those of its minutes, and PARTIAL when the close cuts it; a row outside the stretches of trading is left out.
    """
    count, ends = 0, 0
    for i in range(len(rows)):
        minute = rows[i]
        sid: Any = np.int64(minute["sid"])
        if not is_open_k(windows[sid], minute["ts"]):
            continue
        first, end = span_k(windows[sid], minute["ts"], timeframe * MINUTE_MS)
        if count == 0 or out[count - 1]["sid"] != sid or minute["ts"] >= ends:
            row, ends = out[count], end
            row["minutes"], row["flags"] = 0, PARTIAL if first + timeframe * MINUTE_MS > end else 0
            row["sid"], row["timeframe"], row["ts"], row["quiet"] = sid, timeframe, first, minute["quiet"]
            count += 1
        row = out[count - 1]
        lost = minute["flags"] & AFTER_GAP
        row["flags"] |= minute["flags"] & ~np.int64(AFTER_GAP)
        if lost != 0:
            row["flags"] |= AFTER_GAP if row["minutes"] == 0 else GAP
        merge_k(row, minute)
    return count
