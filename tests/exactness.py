"""Exactness of every indicator over real candles: ``python -m tests.exactness [--sessions N]`` prints a table in Markdown.

For each column the largest difference to its oracle (TA-Lib, or the slow definition in ``fakes/slow_columns.py``) over all symbols of
``candles_1m`` and ``candles_1d``, relative to the oracle's value, or to a thousandth of the column's median size where the value is smaller:
an oscillator that crosses zero has no relative error there. Also whether both are defined at the same candles. Everything
goes to TA-Lib; the slow ones get the first N sessions of a symbol (8 unless told; of days, 40 times as many; 0: all).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.core.registry import INDICATORS
from pipeline.core.types import CANDLE
from pipeline.run.discovery import discover
from tests.fakes.bars import run
from tests.fakes.slow_columns import slow_columns
from tests.fakes.talib_columns import talib_columns

GOAL = 1e-9
KINDS = ("candles_1m", "candles_1d")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(slots=True)
class Worst:
    """The largest difference of a column seen so far."""

    oracle: str
    count: int = 0
    relative: float = 0.0
    is_same_nan: bool = True
    symbols: set[str] = field(default_factory=set)


def series_of(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Give (file and symbol, candles) of every symbol of a folder; candles that repeat a start are left out, as the bank does."""
    for path in sorted(folder.glob("*.parquet")):
        table = pd.read_parquet(path)
        for symbol, part in table.groupby("symbol", sort=True):
            mine = part.sort_values("timestamp", kind="stable").drop_duplicates("timestamp")
            rows = np.zeros(len(mine), CANDLE)
            rows["ts"] = mine["timestamp"].astype("datetime64[ns, Asia/Kolkata]").astype("int64") // 1_000_000
            for name in ("open", "high", "low", "close", "volume"):
                rows[name] = mine.get(name, 0)
            yield f"{path.stem} {symbol}", rows


def head(rows: np.ndarray, sessions: int) -> np.ndarray:
    days = (rows["ts"] + 19_800_000) // 86_400_000
    starts = np.unique(days)
    return rows if sessions <= 0 or len(starts) <= sessions else rows[days < starts[sessions]]


def compare(table: dict[str, Worst], symbol: str, rows: np.ndarray, sessions: int) -> None:
    """Hold all columns of one symbol to their oracles."""
    some = head(rows, sessions)
    for oracle, those, theirs in (("TA-Lib", rows, talib_columns(rows)), ("slow", some, slow_columns(some))):
        ours = {column: values for name in INDICATORS.names() for column, values in run(name, those).items()}
        for column, wanted in theirs.items():
            worst = table.setdefault(column, Worst(oracle))
            known = ~np.isnan(wanted)
            worst.is_same_nan &= bool((np.isnan(ours[column]) == ~known).all())
            worst.symbols.add(symbol)
            worst.count += int(known.sum())
            if known.any():
                size = np.abs(wanted[known])
                scale = np.maximum(size, max(np.median(size) / 1000, 1e-300))
                worst.relative = max(worst.relative, float((np.abs(ours[column][known] - wanted[known]) / scale).max()))


def measured(place: Path, kinds: tuple[str, ...] = KINDS, sessions: int = 8, most: int | None = None) -> dict[str, dict[str, Worst]]:
    """Give the table of each folder; ``most`` limits the symbols."""
    discover()
    found: dict[str, dict[str, Worst]] = {}
    for kind in kinds:
        table = found[kind] = {}
        for n, (symbol, rows) in enumerate(series_of(place / kind)):
            if most is not None and n >= most:
                break
            compare(table, symbol, rows, sessions if kind == "candles_1m" else 40 * sessions)
    return found


def lines(found: dict[str, dict[str, Worst]]) -> Iterator[str]:
    """Write the tables as Markdown, in the order of the registry."""
    yield "| indicator | column | oracle | " + " | ".join(f"{kind}: values | largest difference" for kind in found) + " |"
    yield "| --- | --- | --- |" + " --- | --- |" * len(found)
    for name, spec in INDICATORS.items():
        for column in spec.columns:
            cells = [f"{t[column].count:,} | {shown(t[column])}" for t in found.values()]
            yield f"| {name} | {column} | {next(iter(found.values()))[column].oracle} | " + " | ".join(cells) + " |"


def shown(worst: Worst) -> str:
    size = "0" if worst.relative == 0 else f"{worst.relative:.1e}"
    return size if worst.is_same_nan else f"{size}, NaN elsewhere"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.exactness")
    parser.add_argument("--sessions", type=int, default=8, help="sessions of a symbol for the slow definitions; 0: all, which takes long")
    place = Path(os.environ.get("TICKTICK_DATA", SHARED))
    if not place.is_dir():
        raise SystemExit(f"no recorded market data at {place}: set TICKTICK_DATA to its folder")
    found = measured(place, sessions=parser.parse_args().sessions)
    print("\n".join(lines(found)))
    counts = ", ".join(f"{kind}: {len(next(iter(table.values())).symbols)} series" for kind, table in found.items())
    worst = max((w for table in found.values() for w in table.values()), key=lambda w: w.relative)
    is_held = all(w.relative <= GOAL and w.is_same_nan for table in found.values() for w in table.values())
    print(f"\n{counts}. Largest of all: {worst.relative:.1e}; goal {GOAL:g}: {'held' if is_held else 'NOT held'}.")


if __name__ == "__main__":
    main()
