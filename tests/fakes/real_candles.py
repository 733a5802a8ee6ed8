"""The candles of the shared market data, symbol by symbol, as rows that a bank or a scan takes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline.core.types import CANDLE
from tests.fakes.feed_rows import OPEN

FOLDERS = ("candles_1m", "candles_15m", "candles_1h", "candles_1d")
PRICES = ("open", "high", "low", "close")


def files(shared: Path) -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((shared / folder).glob("*.parquet"))]


def by_symbol(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Give each symbol's candles in order of time, prices as they stand in the file; times are made up, so that doubles stay in."""
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path, columns=["timestamp", "symbol", *PRICES]).sort_by(
        [("symbol", "ascending"), ("timestamp", "ascending")]
    )
    symbols = np.asarray(table["symbol"].to_pylist(), dtype=object)
    starts = [0, *(np.flatnonzero(symbols[1:] != symbols[:-1]) + 1).tolist(), len(symbols)]
    columns = {name: table[name].to_numpy() for name in PRICES}
    for start, end in itertools.pairwise(starts):
        rows = np.zeros(end - start, CANDLE)
        rows["timeframe"], rows["ts"] = 1, OPEN + np.arange(len(rows)) * 60_000
        for name, column in columns.items():
            rows[name] = column[start:end]
        yield str(symbols[start]), rows
