"""Tick metrics: ours against pandas on a deque, and against a deque with running sums. ``python -m benchmarks.metrics [--json]``.

Per tick: mid, spread, imbalance at one and five levels, tick return, VWAP over 60 s, volatility over 300
rows, two averages of VWAP. The peers do less (no flags, no aggressor, no late packets, no session VWAP) and are handed
plain numbers, while ours takes packed feed rows and gives packed rows back.
"""

from __future__ import annotations

import math
import sys
from collections import deque

import numpy as np

from benchmarks._rounds import Row, absent, compare, measure, show
from pipeline.core.params import TickParams
from pipeline.core.types import TICK, FeedMode, TickKind
from pipeline.market.ticks import TickState, step

WINDOW, VWAP_MS, FAST, SLOW = 300, 60_000, 20, 60
PARAMS = TickParams(WINDOW, VWAP_MS // 1000, FAST, SLOW, 8.0, 6.0, 1.25, 60, 0.2, 1000, 250)
START = 1_765_770_300_000
PER_FRAME = 20
PANDAS, PLAIN = "deque(300) -> DataFrame -> rolling", "deque with running sums"


def feed(symbols: int, ticks: int, seed: int = 7) -> np.ndarray:
    """A synthetic feed: every symbol in turn, a walk of 0.05, five levels."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(ticks, TICK)
    rows["sid"], rows["kind"], rows["mode"] = np.arange(ticks) % symbols, TickKind.LIVE, FeedMode.FULL_D5
    turn = np.arange(ticks) // symbols
    rows["ts_exch"] = rows["ltt"] = START + turn * 300
    steps = rng.integers(-1, 2, (ticks // symbols + 1, symbols))
    rows["ltp"] = np.round(1000 + np.cumsum(steps, axis=0) * 0.05, 2)[turn, rows["sid"]]
    rows["vtt"] = np.cumsum(rng.integers(0, 90, (ticks // symbols + 1, symbols)), axis=0)[turn, rows["sid"]]
    for level in range(5):
        rows["bid_px"][:, level] = rows["ltp"] - 0.05 * (level + 1)
        rows["ask_px"][:, level] = rows["ltp"] + 0.05 * (level + 1)
    rows["bid_qty"], rows["ask_qty"] = rng.integers(1, 900, (2, ticks, 5))
    return rows


def plain_rows(rows: np.ndarray) -> list[tuple]:
    return list(
        zip(
            *(rows[n].tolist() for n in ("sid", "ts_exch", "ltp", "vtt")),
            *(rows[n][:, 0].tolist() for n in ("bid_px", "ask_px", "bid_qty", "ask_qty")),
            *(rows[n].sum(axis=1).tolist() for n in ("bid_qty", "ask_qty")),
            strict=True,
        )
    )


class Plain:
    """The best plain Python we know: deques, and sums that are kept up to date."""

    def __init__(self) -> None:
        self.returns, self.vwaps, self.trades = deque(), deque(), deque()
        self.s1 = self.s2 = self.qty = self.worth = self.fast = self.slow = 0.0
        self.ltp = self.vtt = None
        self.vwap = 0.0

    def step(self, tick: tuple) -> tuple:
        _, ts, ltp, vtt, bid, ask, bid_qty, ask_qty, bids, asks = tick
        mid, spread = (bid + ask) / 2, ask - bid
        obi, obi5 = (bid_qty - ask_qty) / (bid_qty + ask_qty), (bids - asks) / (bids + asks)
        volume = 0 if self.vtt is None else max(vtt - self.vtt, 0)
        ret = 0.0 if self.ltp is None else ltp / self.ltp - 1
        self.ltp, self.vtt = ltp, vtt
        self.returns.append(ret)
        self.s1, self.s2 = self.s1 + ret, self.s2 + ret * ret
        if len(self.returns) >= WINDOW:
            old = self.returns.popleft()
            self.s1, self.s2 = self.s1 - old, self.s2 - old * old
        self.trades.append((ts, ltp * volume, volume))
        self.qty, self.worth = self.qty + volume, self.worth + ltp * volume
        while self.trades[0][0] <= ts - VWAP_MS:
            _, worth, qty = self.trades.popleft()
            self.qty, self.worth = self.qty - qty, self.worth - worth
        if self.qty > 0:
            self.vwap = self.worth / self.qty
        self.vwaps.append(self.vwap)
        self.fast, self.slow = self.fast + self.vwap, self.slow + self.vwap
        if len(self.vwaps) > FAST:
            self.fast -= self.vwaps[-FAST - 1]
        if len(self.vwaps) > SLOW:
            self.slow -= self.vwaps.popleft()
        n = len(self.returns)
        volatility = math.sqrt(max((self.s2 - self.s1 * self.s1 / n) / (n - 1), 0)) if n > 2 else 0.0
        return mid, spread, spread / mid * 1e4, obi, obi5, volume, ret, volatility, self.vwap, self.fast / FAST, self.slow / SLOW


def run_plain(ticks: list[tuple], symbols: int) -> None:
    states = [Plain() for _ in range(symbols)]
    for tick in ticks:
        states[tick[0]].step(tick)


def run_pandas(ticks: list[tuple], warm: list[tuple], symbols: int) -> None:
    import pandas as pd

    windows = [deque(maxlen=WINDOW) for _ in range(symbols)]
    for tick in warm:
        windows[tick[0]].append(tick)
    for tick in ticks:
        windows[tick[0]].append(tick)
        frame = pd.DataFrame(windows[tick[0]], columns=["sid", "ts", "ltp", "vtt", "bid", "ask", "bid_qty", "ask_qty", "bids", "asks"])
        (frame["bid"] + frame["ask"]).iloc[-1] / 2
        volume = frame["vtt"].diff().clip(lower=0).fillna(0)
        recent = frame["ts"] > frame["ts"].iloc[-1] - VWAP_MS
        (frame["ltp"] * volume)[recent].sum() / max(volume[recent].sum(), 1)
        ((frame["bid_qty"] - frame["ask_qty"]) / (frame["bid_qty"] + frame["ask_qty"])).iloc[-1]
        ((frame["bids"] - frame["asks"]) / (frame["bids"] + frame["asks"])).iloc[-1]
        frame["ltp"].pct_change().rolling(WINDOW - 1, min_periods=2).std().iloc[-1]
        vwap = (frame["ltp"] * volume).rolling(FAST).sum() / volume.rolling(FAST).sum()
        vwap.rolling(FAST).mean().iloc[-1] - vwap.rolling(SLOW).mean().iloc[-1]


def run_ours(rows: np.ndarray, symbols: int, size: int) -> None:
    state = TickState(symbols, PARAMS)
    for at in range(0, len(rows), size):
        step(state, rows[at : at + size])


def rows_for(symbols: int, ticks: int, rounds: int) -> list[Row]:
    packed = feed(symbols, ticks)
    ticks_plain = plain_rows(packed)
    cases = {
        "ours": (lambda: run_ours(packed, symbols, PER_FRAME), ticks),
        PLAIN: (lambda: run_plain(ticks_plain, symbols), ticks),
    }
    name = f"metrics, {symbols} symbols, {PER_FRAME} a frame"
    goal = 15.0 if symbols <= 200 else 10.0
    try:
        import pandas as pd  # noqa: F401
    except ImportError:
        times = measure(cases, rounds)
        return [compare(name, times, "ours", PLAIN, goal), absent(name, PANDAS, 4000.0, "pandas is not installed")]
    few = 60
    cases[PANDAS] = (lambda: run_pandas(ticks_plain[-few:], ticks_plain[-few - WINDOW * symbols : -few], symbols), few)
    times = measure(cases, rounds)
    return [compare(name, times, "ours", PLAIN, goal), compare(name, times, "ours", PANDAS, 4000.0)]


def main(args: list[str]) -> None:
    rows = [*rows_for(15, 60_000, 5), *rows_for(2000, 120_000, 3)]
    rows.append(Row("state per symbol", float(state_bytes()), "bytes", "8 KB", round(8192 / state_bytes(), 2), 1.0, state_bytes() <= 8192))
    show("metrics", rows, as_json="--json" in args)


def state_bytes() -> int:
    one = TickState(1, PARAMS)
    return sum(a.nbytes for a in (one.state, one.px, one.vwap, one.ts, one.vol))


if __name__ == "__main__":
    main(sys.argv[1:])
