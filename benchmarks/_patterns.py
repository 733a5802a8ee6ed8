"""Rows on candlestick patterns, for ``benchmarks/indicators.py``; alone: ``python -m benchmarks._patterns [--json]``.

One item is one candle of one symbol and timeframe when all six timeframes close together; ours scans the whole wave in one call. TA-Lib
computes the same numbers with its 61 CDL functions slot by slot, in two ways: on the last 250 rows, as a process without state must, and by
its stream handles, which are O(1) and its strongest form. Both are timed on some of the slots: 61 handles take 18 KB a slot.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks._rounds import Row, absent, compare, measure, show
from pipeline.core.types import CANDLE, TIMEFRAMES
from pipeline.patterns.scan import Scan
from pipeline.run.discovery import discover

HISTORY = 250
WAVES = 4
"""Waves in one turn of ours."""
SAMPLE = 60
"""Slots that TA-Lib is timed on."""
RECOMPUTE, HANDLES = "TA-Lib 61 CDL on 250 rows", "TA-Lib 61 stream handles"
GOALS = {RECOMPUTE: 100.0, HANDLES: 10.0}
STATE_GOAL = 2048


def market(slots: int, count: int, seed: int = 7) -> dict[str, np.ndarray]:
    """Walks on a grid of 0.05 with gaps, one for each slot: float64[count, slots] by price."""
    rng = np.random.default_rng(seed)
    body, gap = np.rint(rng.normal(0, 6, (count, slots))), rng.integers(-3, 4, (count, slots))
    close = 20_000 + np.cumsum(body + gap, axis=0)
    open_ = close - body
    high = np.maximum(open_, close) + np.rint(rng.exponential(2, (count, slots)))
    low = np.minimum(open_, close) - np.rint(rng.exponential(2, (count, slots)))
    return {name: np.round(ticks * 0.05, 2) for name, ticks in (("open", open_), ("high", high), ("low", low), ("close", close))}


class Ours:
    """A scan that is fed wave after wave, round and round."""

    def __init__(self, prices: dict[str, np.ndarray]) -> None:
        count, slots = prices["open"].shape
        self.slots, self.scan = np.arange(slots, dtype=np.int64), Scan(slots)
        self.waves = np.zeros((count, slots), CANDLE)
        for name, values in prices.items():
            self.waves[name] = values
        self.turn = 0
        self.run(count)

    def run(self, waves: int = WAVES) -> None:
        for _ in range(waves):
            rows = self.waves[self.turn % len(self.waves)]
            self.turn += 1
            rows["ts"] = self.turn
            self.scan.step(self.slots, rows)

    @property
    def state(self) -> float:
        """Bytes of state a slot."""
        return (self.scan.views.nbytes + self.scan.counts.nbytes + self.scan.last.nbytes) / len(self.slots)


def peers(prices: dict[str, np.ndarray]) -> dict[str, object]:
    """Give what runs TA-Lib once over the sampled slots, by name."""
    import talib

    names = sorted(name for name in dir(talib) if name.startswith("CDL"))
    bars = [[np.ascontiguousarray(prices[n][:HISTORY, s]) for n in ("open", "high", "low", "close")] for s in range(SAMPLE)]
    newest = [[float(prices[n][HISTORY, s]) for n in ("open", "high", "low", "close")] for s in range(SAMPLE)]
    functions = [getattr(talib, name) for name in names]
    handles = [[getattr(talib.stream, name)(*bars[s]) for name in names] for s in range(SAMPLE)]

    def recompute() -> None:
        for bar in bars:
            for function in functions:
                function(*bar)

    def update() -> None:
        for row, bar in zip(handles, newest, strict=True):
            for handle in row:
                handle.update(*bar)

    return {RECOMPUTE: recompute, HANDLES: update}


def rows_for(symbols: int, rounds: int) -> list[Row]:
    """Compare at so many symbols; goals are for the whole market, where a wave outgrows the cache."""
    prices = market(symbols * len(TIMEFRAMES), HISTORY + 1 if symbols <= 200 else 40)
    ours, sample = Ours(prices), market(SAMPLE, HISTORY + 1, seed=8)
    name, goals = f"{len(ours.scan.patterns)} patterns, {symbols} x 6", GOALS if symbols >= 2000 else dict.fromkeys(GOALS)
    cases = {"scan": (ours.run, WAVES * len(ours.slots))}
    try:
        cases |= {peer: (run, SAMPLE) for peer, run in peers(sample).items()}
    except ImportError:
        return [absent(name, peer, goal, "TA-Lib is not installed") for peer, goal in goals.items()]
    times = measure(cases, rounds)
    rows = [compare(name, times, "scan", peer, goal) for peer, goal in goals.items()]
    if symbols < 2000:
        return rows
    within = STATE_GOAL / ours.state
    return [*rows, Row("state of all patterns, a slot", ours.state, "bytes", "2 KB", round(within, 2), 1.0, within >= 1.0)]


def main(args: list[str]) -> None:
    discover()
    show("patterns", [*rows_for(15, 9), *rows_for(200, 9), *rows_for(2000, 5)], as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
