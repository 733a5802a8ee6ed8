"""Indicators and patterns per closed candle: ours against TA-Lib on the last 250 rows. ``python -m benchmarks.indicators [--json]``.

One item is one candle of one symbol and timeframe at an hour boundary, when all six timeframes close together. Ours steps
the bank (all registered columns) for the whole wave at once; TA-Lib recomputes 17 calls (22 of our 26
columns), or its 8 CDL functions, slot by slot, as a process without state must. TA-Lib is timed on some of the slots.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks._rounds import Row, absent, compare, measure, show
from pipeline.core.types import CANDLE, TIMEFRAMES
from pipeline.indicators.bank import Bank
from pipeline.patterns.scan import Scan
from pipeline.run.discovery import discover

HISTORY = 250
SAMPLE = 60
"""Slots that TA-Lib is timed on."""
RECOMPUTE, CDL = "TA-Lib recompute on 250 rows", "TA-Lib CDL on 250 rows"


def walk(count: int, seed: int = 7) -> np.ndarray:
    """Candles on a grid of 0.05, oldest first."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, CANDLE)
    body, gap = rng.integers(-10, 11, count), rng.integers(-3, 4, count)
    close = 20_000 + np.cumsum(body + gap)
    rows["open"], rows["close"] = (close - body) * 0.05, close * 0.05
    rows["high"] = np.maximum(rows["open"], rows["close"]) + rng.integers(0, 6, count) * 0.05
    rows["low"] = np.minimum(rows["open"], rows["close"]) - rng.integers(0, 6, count) * 0.05
    rows["volume"] = rng.integers(1, 9000, count)
    return rows


def talib_indicators(c: np.ndarray, h: np.ndarray, l: np.ndarray, v: np.ndarray) -> None:
    import talib

    for n in (9, 21, 50, 200):
        talib.EMA(c, n)
    talib.SMA(c, 20), talib.SMA(c, 50), talib.SMA(v, 20), talib.RSI(c, 14), talib.ATR(h, l, c, 14), talib.MACD(c), talib.BBANDS(c, 20)
    talib.STOCH(h, l, c, 14, 3, 0, 3, 0), talib.MOM(c, 10), talib.ROC(c, 10)
    talib.ADX(h, l, c, 14), talib.PLUS_DI(h, l, c, 14), talib.MINUS_DI(h, l, c, 14)


def talib_patterns(o: np.ndarray, h: np.ndarray, l: np.ndarray, c: np.ndarray) -> None:
    import talib

    for name in ("DOJI", "HAMMER", "INVERTEDHAMMER", "ENGULFING", "MORNINGSTAR", "EVENINGSTAR", "3BLACKCROWS", "3WHITESOLDIERS"):
        getattr(talib, f"CDL{name}")(o, h, l, c)


def rows_for(symbols: int, rounds: int) -> list[Row]:
    slots = np.arange(symbols * len(TIMEFRAMES), dtype=np.int64)
    bank, scan, history = Bank(len(slots)), Scan(len(slots)), walk(HISTORY + 1)
    wave = np.zeros(len(slots), CANDLE)
    at = [0]

    def next_wave() -> np.ndarray:
        wave[:] = history[at[0] % len(history)]
        wave["ts"] = at[0] = at[0] + 1
        return wave

    for _ in range(HISTORY):
        bank.step(slots, next_wave())
        scan.step(slots, wave)
    cases = {
        "bank": (lambda: [bank.step(slots, next_wave()) for _ in range(20)] and None, 20 * len(slots)),
        "scan": (lambda: [scan.step(slots, next_wave()) for _ in range(20)] and None, 20 * len(slots)),
    }
    indicators, patterns = f"{len(bank.columns)} columns, {symbols} x 6", f"{len(scan.patterns)} patterns, {symbols} x 6"
    try:
        import talib  # noqa: F401
    except ImportError:
        measure(cases, rounds)
        return [absent(indicators, RECOMPUTE, 250.0, "TA-Lib is not installed"), absent(patterns, CDL, 100.0, "TA-Lib is not installed")]
    o, h, l, c, v = (history[n][-HISTORY:].astype(np.float64) for n in ("open", "high", "low", "close", "volume"))
    cases[RECOMPUTE] = (lambda: [talib_indicators(c, h, l, v) for _ in range(SAMPLE)] and None, SAMPLE)
    cases[CDL] = (lambda: [talib_patterns(o, h, l, c) for _ in range(SAMPLE)] and None, SAMPLE)
    times = measure(cases, rounds)
    # The goals are for the whole market; a small wave is ruled by the price of calling a kernel.
    goals = (250.0, 100.0) if symbols >= 2000 else (None, None)
    return [compare(indicators, times, "bank", RECOMPUTE, goals[0]), compare(patterns, times, "scan", CDL, goals[1])]


def main(args: list[str]) -> None:
    discover()
    show("indicators", [*rows_for(15, 9), *rows_for(200, 9), *rows_for(2000, 3)], as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
