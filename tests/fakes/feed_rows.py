"""Hand-made feed rows and parameters for tests of the pure half."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.core.params import CandleParams, TickParams
from pipeline.core.types import NO_SYMBOL, TICK, FeedMode, TickBatch, TickFlag, TickKind

OPEN = 1_765_770_300_000
"""09:15 IST of 2025-12-15."""
CLOSE = OPEN + 375 * 60_000
TICKS = TickParams(
    window=300, vwap_s=60, vwap_fast=20, vwap_slow=60, liquid_spread_bps=8.0, volatile_bps=6.0, hysteresis=1.25,
    iv_window_s=60, iv_jump_ratio=0.2, series_interval_ms=1000, ltp_interval_ms=250,
)  # fmt: skip
CANDLES = CandleParams(grace_ms=2000, gap_silence_ms=30_000)


def tick(ts: int, ltp: float, **fields: Any) -> np.ndarray:
    """One raw live row, full mode; ``bid`` and ``ask`` are (price, quantity) of the first level; ltt is ts unless given."""
    row = np.zeros(1, TICK)
    row["kind"], row["mode"], row["ts_exch"], row["ltt"], row["ltp"] = TickKind.LIVE, FeedMode.FULL_D5, ts, ts, ltp
    for side in ("bid", "ask"):
        if side in fields:
            px, qty = fields.pop(side)
            row[f"{side}_px"][0, 0], row[f"{side}_qty"][0, 0] = px, qty
            row["flags"] |= int(TickFlag.HAS_DEPTH)
    for name, value in fields.items():
        row[name] = value
    return row


def trade(ts: int, ltp: float, volume: int = 1, sid: int = 0, **fields: Any) -> np.ndarray:
    """One row as the ticks process leaves it: something traded."""
    fields = {"ltq": volume, "flags": TickFlag.TRADED} | fields
    return tick(ts, ltp, sid=sid, volume=volume, **fields)


def gap(last: int, first: int, sid: int = NO_SYMBOL, until: int = 0) -> np.ndarray:
    """The mark of a gap; ``until`` is the instant up to which candles may wait for its repair."""
    row = np.zeros(1, TICK)
    row["sid"], row["kind"], row["ltt"], row["ts_exch"], row["i1_ts"] = sid, TickKind.GAP, last, first, until
    return row


def repair(
    ts: int, sid: int, minute: int, open_px: float, high: float, low: float, close: float, volume: int, oi: float = 0.0
) -> np.ndarray:
    """A minute as the broker's candle API gives it."""
    row = np.zeros(1, TICK)
    row["sid"], row["kind"], row["ts_exch"], row["ltt"], row["oi"] = sid, TickKind.REPAIR, ts, ts, oi
    row["i1_ts"], row["i1_open"], row["i1_high"], row["i1_low"], row["i1_close"] = minute, open_px, high, low, close
    row["i1_vol"] = volume
    return row


def batch(*rows: np.ndarray, ts: int | None = None) -> TickBatch:
    joined = np.concatenate(rows) if rows else np.zeros(0, TICK)
    return TickBatch(int(joined["ts_exch"].max()) if ts is None else ts, joined)
