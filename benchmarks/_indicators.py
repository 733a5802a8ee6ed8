"""Rows on indicators, for ``benchmarks/indicators.py``; alone: ``python -m benchmarks._indicators [--json]``.

A boundary is the hour's: all six timeframes of all symbols close together, ours steps the bank once. Like is compared with like: the ratio
to a peer is of the indicators that both have. TA-Lib's stream handles (O(1), its strongest form) are opened for every slot, so that
they too live beyond the cache; peers that recompute, and talipp, are timed on some slots and reckoned up.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks._patterns import market
from benchmarks._rounds import Row, absent, compare, measure, show
from pipeline.core.registry import INDICATORS
from pipeline.core.types import CANDLE, TIMEFRAMES
from pipeline.indicators.bank import Bank
from pipeline.run.discovery import discover

HISTORY = 250
WAVES = 60
"""Waves in one turn of ours: more than the longest window, as a window has one dear step in its length (see ``kernels/windows.py``)."""
SAMPLE = {"recompute": 60, "talipp": 60, "pandas": 2}
"""Slots that a peer is timed on."""
HANDLES, RECOMPUTE, TALIPP, PANDAS = "TA-Lib stream handles", "TA-Lib recompute on 250 rows", "talipp", "pandas on 250 rows"
GOALS = {HANDLES: 15.0, RECOMPUTE: 250.0}
CALLS: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    *(("EMA", "c", (n,)) for n in (9, 20, 21, 50, 200)),
    *(("BBANDS", "c", (n, float(k), float(k))) for n, k in ((20, 1), (50, 1), (20, 2))),
    *(("SMA", "v", (20,)), ("RSI", "c", (14,)), ("ATR", "hlc", (14,)), ("MACD", "c", (12, 26, 9)), ("STOCH", "hlc", (14, 3, 0, 3, 0))),
    *(("ADX", "hlc", (14,)), ("PLUS_DI", "hlc", (14,)), ("MINUS_DI", "hlc", (14,)), ("SUPERTREND", "hlc", (10, 3.0)), ("MOM", "c", (10,))),
    *(("ROC", "c", (10,)), ("OBV", "cv", ()), ("CCI", "hlc", (20,)), ("WILLR", "hlc", (14,)), ("MFI", "hlcv", (14,))),
    *(("KC", "hlc", (20, 10, 2.0)), ("DONCHIAN", "hl", (20,))),
)
"""TA-Lib's functions, their inputs and options: what the indicators of SHARED need."""
SHARED = (
    *("adx", "atr", "average_volume", "bollinger", "cci", "donchian", "ema", "keltner", "macd", "mfi", "momentum", "obv", "roc", "rsi"),
    *("sma", "stochastic", "supertrend", "williams_r"),
)
IN_TALIPP = (
    *("adx", "atr", "average_volume", "bollinger", "cci", "donchian", "ema", "keltner", "macd", "obv", "roc", "rsi", "sma", "stochastic"),
    *("supertrend", "williams_r", "ichimoku"),
)
IN_PANDAS = tuple(name for name in SHARED if name != "supertrend")


class Ours:
    """A bank of some indicators that is fed wave after wave, round and round."""

    def __init__(self, prices: dict[str, np.ndarray], names: tuple[str, ...]) -> None:
        count, slots = prices["open"].shape
        self.slots, self.bank = np.arange(slots, dtype=np.int64), Bank(slots, tuple(INDICATORS.get(name) for name in names))
        self.waves = np.zeros((count, slots), CANDLE)
        for name, values in prices.items():
            self.waves[name] = values
        self.waves["volume"] = np.random.default_rng(3).integers(1, 9000, (count, slots))
        self.turn = 0
        self.run(count)

    def run(self, waves: int = WAVES) -> None:
        for _ in range(waves):
            rows = self.waves[self.turn % len(self.waves)]
            rows["ts"] = 1_763_000_000_000 + self.turn * 60_000
            self.turn += 1
            self.bank.step(self.slots, rows)

    def letters(self, slot: int, count: int = HISTORY) -> dict[str, np.ndarray]:
        """Columns of one slot as a library wants them."""
        names = ("open", "high", "low", "close", "volume")
        column = np.resize(self.waves[:, slot], count)
        return {name[0]: np.ascontiguousarray(column[name], np.float64) for name in names}


def handles(ours: Ours) -> Callable[[], None]:
    from talib import stream

    before = [ours.letters(slot) for slot in range(min(len(ours.slots), 64))]
    opened = [
        [
            (getattr(stream, name)(*(before[slot % len(before)][x] for x in inputs), *options).update, inputs)
            for name, inputs, options in CALLS
        ]
        for slot in range(len(ours.slots))
    ]

    def run() -> None:
        bars = ours.waves[0][["high", "low", "close", "volume"]].tolist()
        for row, (h, l, c, v) in zip(opened, bars, strict=True):
            for update, inputs in row:
                if inputs == "c":
                    update(c)
                elif inputs == "hlc":
                    update(h, l, c)
                elif inputs == "hl":
                    update(h, l)
                elif inputs == "v":
                    update(v)
                elif inputs == "cv":
                    update(c, v)
                else:
                    update(h, l, c, v)

    return run


def recompute(ours: Ours) -> Callable[[], None]:
    import talib

    columns = [ours.letters(slot) for slot in range(SAMPLE["recompute"])]
    calls = [(getattr(talib, name), inputs, options) for name, inputs, options in CALLS]

    def run() -> None:
        for arrays in columns:
            for function, inputs, options in calls:
                function(*(arrays[x] for x in inputs), *options)

    return run


def talipp(ours: Ours) -> Callable[[], None]:
    from talipp import indicators as t
    from talipp.ohlcv import OHLCV

    def opened() -> tuple[list[object], list[object], list[object]]:
        closes = [*(t.EMA(n) for n in (9, 20, 21, 50, 200)), t.BB(20, 1), t.BB(50, 1), t.BB(20, 2), t.RSI(14), t.MACD(12, 26, 9), t.ROC(10)]
        bars = [t.ATR(14), t.Stoch(14, 3), t.ADX(14, 14), t.SuperTrend(10, 3), t.OBV(), t.CCI(20), t.Williams(14), t.DonchianChannels(20)]
        return closes, [*bars, t.KeltnerChannels(20, 10, 2, 2), t.Ichimoku(26, 9, 52, 26, 26)], [t.SMA(20)]

    slots = []
    for slot in range(SAMPLE["talipp"]):
        kinds, arrays = opened(), ours.letters(slot)
        for row in zip(*(arrays[x].tolist() for x in "ohlcv"), strict=True):
            _feed(kinds, row, OHLCV)
        slots.append((kinds, tuple(float(arrays[x][0]) for x in "ohlcv")))

    def run() -> None:
        for kinds, row in slots:
            _feed(kinds, row, OHLCV)

    return run


def _feed(kinds: tuple, row: tuple, bar: type) -> None:
    closes, bars, volumes = kinds
    candle = bar(*row)
    for one in closes:
        one.add(row[3])
    for one in bars:
        one.add(candle)
    for one in volumes:
        one.add(row[4])


def with_pandas(ours: Ours) -> Callable[[], None]:
    import pandas as pd

    frames = [pd.DataFrame(ours.letters(slot)) for slot in range(SAMPLE["pandas"])]
    return lambda: [_pandas(frame) for frame in frames] and None


def _pandas(f) -> None:
    h, l, c, v = f["h"], f["l"], f["c"], f["v"]
    for n in (9, 20, 21, 50, 200):
        c.ewm(span=n, adjust=False).mean()
    for n in (20, 50, 20):
        mean, std = c.rolling(n).mean(), c.rolling(n).std(ddof=0)
        mean + std, mean - std
    move, before, typical = c.diff(), c.shift(1), (h + l + c) / 3
    gain, loss = (x.ewm(alpha=1 / 14, adjust=False).mean() for x in (move.clip(lower=0), -move.clip(upper=0)))
    100 * gain / (gain + loss)
    true = np.maximum(h - l, np.maximum((h - before).abs(), (l - before).abs()))
    atr, v20, mid = true.ewm(alpha=1 / 14, adjust=False).mean(), v.rolling(20).mean(), typical.ewm(span=20, adjust=False).mean()
    macd = c.ewm(span=12, adjust=False).mean() - c.ewm(span=26, adjust=False).mean()
    macd - macd.ewm(span=9, adjust=False).mean()
    high, low = h.rolling(14).max(), l.rolling(14).min()
    k = (100 * (c - low) / (high - low)).rolling(3).mean()
    k.rolling(3).mean(), -100 * (high - c) / (high - low)
    up, down = h.diff(), -l.diff()
    plus, minus = (
        x.where(is_more, 0.0).ewm(alpha=1 / 14, adjust=False).mean() / atr for x, is_more in ((up, up > down), (down, down > up))
    )
    ((plus - minus).abs() / (plus + minus)).ewm(alpha=1 / 14, adjust=False).mean()
    c.diff(10), c.pct_change(10), (np.sign(move) * v).cumsum(), v20
    off = typical - typical.rolling(20).mean()
    off / (0.015 * typical.rolling(20).apply(lambda w: np.abs(w - w.mean()).mean(), raw=True))
    flow, rise = typical * v, typical.diff()
    100 * flow.where(rise > 0, 0.0).rolling(14).sum() / flow.where(rise != 0, 0.0).rolling(14).sum()
    width = 2 * true.ewm(alpha=0.1, adjust=False).mean()
    mid + width, mid - width, h.rolling(20).max(), l.rolling(20).min()


PEERS: dict[str, tuple[Callable[[Ours], Callable[[], None]], tuple[str, ...], str]] = {
    HANDLES: (handles, SHARED, ""),
    RECOMPUTE: (recompute, SHARED, "recompute"),
    TALIPP: (talipp, IN_TALIPP, "talipp"),
    PANDAS: (with_pandas, IN_PANDAS, "pandas"),
}
"""Each peer: what opens it, the indicators that it has, and how many slots it is timed on (empty: all)."""


def rows_for(symbols: int, rounds: int) -> list[Row]:
    """Compare at so many symbols; goals are for the whole market, where a wave outgrows the cache."""
    prices = market(symbols * len(TIMEFRAMES), HISTORY + 1 if symbols <= 200 else 60)
    slots = prices["open"].shape[1]
    whole = Ours(prices, INDICATORS.names())
    columns = len(whole.bank.columns)
    times = measure({"bank": (whole.run, WAVES * slots)}, rounds)
    name = f"all {columns} columns, {symbols} x 6"
    state = whole.bank.states.shape[1] * 8 / 1024
    rows = [_boundary(Row(name, float(np.median(times["bank"])), "", "-", None, None, None, f"state {state:.1f} KiB a slot"), slots)]
    for peer, (opener, names, sample) in PEERS.items():
        goal = GOALS.get(peer) if symbols >= 2000 else None
        ours = Ours(prices, names)
        name = f"{len(ours.bank.columns)} columns, {symbols} x 6"
        try:
            run = opener(ours)
        except ImportError:
            rows.append(absent(name, peer, goal, f"{peer.split()[0]} is not installed"))
            continue
        cases = {"bank": (ours.run, WAVES * slots), peer: (run, SAMPLE.get(sample, slots))}
        rows.append(_boundary(compare(name, measure(cases, rounds), "bank", peer, goal), slots))
    return rows


def _boundary(row: Row, slots: int) -> Row:
    """Tell the price of the whole boundary instead of one item's."""
    return replace(row, value=round((row.value or 0.0) * slots / 1e6, 3), unit="ms a boundary")


def main(args: list[str]) -> None:
    discover()
    show("indicators", [*rows_for(15, 9), *rows_for(200, 7), *rows_for(2000, 5)], as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
