"""Kernels of minutes and of the candles around them: is it trading, where does the longer candle lie, what is its sum?

Reads   windows int64[w, 2], the stretches of a symbol's continuous trading; minutes as records with prices and volume
Writes  the longer candle, a record that begins with ``minutes`` 0
"""

from __future__ import annotations

from typing import Any

from pipeline.kernels.jit import kernel


@kernel
def is_open_k(windows: Any, at: int) -> bool:
    """Tell whether an instant lies in one of a symbol's windows."""
    for k in range(len(windows)):
        if windows[k, 0] <= at < windows[k, 1]:
            return True
    return False


@kernel
def merge_k(row: Any, bar: Any) -> None:
    """Add a minute (of the ring, or a row) to a longer candle; ``minutes`` is zero in an empty one."""
    if row["minutes"] == 0:
        row["open"], row["high"], row["low"], row["volume"] = bar["open"], bar["high"], bar["low"], 0
        row["trades"], row["lineage"] = 0, 0
    row["high"] = max(row["high"], bar["high"])
    row["low"] = min(row["low"], bar["low"])
    row["close"], row["oi"] = bar["close"], bar["oi"]
    row["volume"] += bar["volume"]
    row["trades"] += bar["trades"]
    row["minutes"] += 1
    row["lineage"] |= bar["lineage"]


@kernel
def span_k(windows: Any, start: int, span: int) -> tuple[int, int]:
    """Give the (start, end) of the longer candle around a minute: counted from the day's open, cut at its last close."""
    anchor = windows[0, 0]
    first = anchor + (start - anchor) // span * span
    return first, min(first + span, windows[-1, 1])
