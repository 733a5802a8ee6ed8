"""The recorded full_d5 day of 2025-12-15 as tick batches, one per stored update, in order of reception."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.core.session import IST
from pipeline.core.types import TICK, FeedMode, TickFlag, TickKind

FOLDER = Path("feed") / "upstox_v3_full_d5_2025-12-15"
RECEIVER_IS_SLOW_MS = 5_000
"""The receiver's clock ran this much behind the exchange's (README of the data)."""
SANE_MS = 2_000


def rows_of(shared: Path, instruments: tuple[str, ...] = ()) -> np.ndarray:
    """Give every update of the instruments (by the beginning of their file's name; none means all); sid is the file's place.

    The recording has no server time. The receiver stalled for 10 to 45 s now and then and stamped what had
    queued up afterwards, so ``ts_exch`` is the newest trade seen so far: what the server can have been at least.
    """
    out = []
    for sid, path in enumerate(_files(shared, instruments)):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            records = [json.loads(line) for line in lines]
        rows = np.zeros(len(records), TICK)
        rows["sid"] = sid
        for row, record in zip(rows, records, strict=True):
            _fill(row, record)
        out.append(rows)
    merged = np.concatenate(out)
    merged = merged[np.argsort(merged["ts_exch"], kind="stable")]
    sane = merged["ltt"] <= merged["ts_exch"] + SANE_MS
    merged["ts_exch"] = np.maximum.accumulate(np.where(sane, merged["ltt"], 0))
    return merged


def names(shared: Path, instruments: tuple[str, ...] = ()) -> list[str]:
    return [path.name.partition(".")[0] for path in _files(shared, instruments)]


def _files(shared: Path, instruments: tuple[str, ...]) -> list[Path]:
    return [p for p in sorted((shared / FOLDER).glob("*.jsonl.gz")) if not instruments or p.name.startswith(instruments)]


def _fill(row: np.void, record: dict) -> None:
    feed = record["fullFeed"]["marketFF"]
    received = datetime.fromisoformat(record["_insertion_time"]).replace(tzinfo=IST)
    row["kind"], row["mode"] = TickKind.LIVE, FeedMode.FULL_D5
    row["ts_exch"] = round(received.timestamp() * 1000) + RECEIVER_IS_SLOW_MS
    trade = feed.get("ltpc", {})
    row["ltp"], row["ltt"], row["ltq"], row["cp"] = (float(trade.get(k, 0)) for k in ("ltp", "ltt", "ltq", "cp"))
    row["vtt"], row["atp"], row["oi"], row["iv"] = (float(feed.get(k, 0)) for k in ("vtt", "atp", "oi", "iv"))
    for i, level in enumerate(feed.get("marketLevel", {}).get("bidAskQuote", [])[:5]):
        row["flags"] |= int(TickFlag.HAS_DEPTH)
        row["bid_px"][i], row["ask_px"][i] = level.get("bidP", 0.0), level.get("askP", 0.0)
        row["bid_qty"][i], row["ask_qty"][i] = int(level.get("bidQ", 0)), int(level.get("askQ", 0))
    for bar in feed.get("marketOHLC", {}).get("ohlc", []):
        if bar.get("interval") == "I1" and "ts" in bar:
            row["flags"] |= int(TickFlag.HAS_MINUTE)
            row["i1_ts"], row["i1_vol"] = int(bar["ts"]), int(bar.get("vol", 0))
            for name in ("open", "high", "low", "close"):
                row[f"i1_{name}"] = bar.get(name, 0.0)
