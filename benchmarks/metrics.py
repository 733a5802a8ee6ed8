"""Tick metrics: ours against pandas on a deque, and against a deque with running sums. ``python -m benchmarks.metrics [--json]``.

Per tick: mid, spread (and bps), microprice, imbalance at one and five levels, volume, tick return, aggressor, VWAP over 60 s and of
the session, volatility over 300 rows, two averages of VWAP and their cross, liquid and volatile with hysteresis. Windows are
full before the first round, and all rows until then are checked to agree with the plain version's. The peers do less: no late
packet, gap, snapshot, change of day or implied volatility; pandas has no microprice, session, aggressor nor flags. They are
handed plain numbers; ours takes packed feed rows and fills them in place, as the ticks job does.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator
from itertools import pairwise

import numpy as np

from benchmarks._rounds import Row, absent, compare, show
from pipeline.core.params import TickParams
from pipeline.core.types import TICK, FeedMode, TickFlag, TickKind
from pipeline.market.ticks import TickState, step

WINDOW, VWAP_MS, FAST, SLOW = 300, 60_000, 20, 60
LIQUID, VOLATILE, HYSTERESIS = 8.0, 6e-4, 1.25
PARAMS = TickParams(WINDOW, VWAP_MS // 1000, FAST, SLOW, LIQUID, 6.0, HYSTERESIS, 60, 0.2, 1000, 250)
START = 1_765_770_300_000
STEP_MS = 250
PER_FRAME = 20
PANDAS, PLAIN = "deque(300) -> DataFrame -> rolling", "deque with running sums"
FEW = 60
"""Ticks that pandas is given a round."""
PASSES = 15
"""Passes of 2,000 ticks in a round."""


class Feed:
    """A synthetic session: every symbol in turn, a walk of 0.05, five levels."""

    def __init__(self, symbols: int, seed: int = 7) -> None:
        self.rng, self.turn = np.random.default_rng(seed), 0
        self.px, self.vtt = np.full(symbols, 20_000), np.ones(symbols, np.int64)

    def rows(self, turns: int) -> np.ndarray:
        """Give the next ``turns`` rows of every symbol."""
        symbols = len(self.px)
        ticks, rng = symbols * turns, self.rng
        rows, turn = np.zeros(ticks, TICK), self.turn + np.arange(ticks) // symbols
        rows["sid"], rows["kind"], rows["mode"] = np.arange(ticks) % symbols, TickKind.LIVE, FeedMode.FULL_D5
        rows["flags"], rows["ts_exch"], rows["ltq"] = TickFlag.HAS_DEPTH, START + turn * STEP_MS, 5
        rows["ltt"] = rows["ts_exch"]
        px = self.px + np.cumsum(rng.integers(-1, 2, (turns, symbols)), axis=0)
        vtt = self.vtt + np.cumsum(rng.integers(0, 90, (turns, symbols)), axis=0)
        self.px, self.vtt, self.turn = px[-1], vtt[-1], self.turn + turns
        rows["ltp"], rows["vtt"] = np.round(px.ravel() * 0.05, 2), vtt.ravel()
        bid = px.ravel() - rng.integers(0, 2, ticks)
        for level in range(5):
            rows["bid_px"][:, level] = np.round((bid - level) * 0.05, 2)
            rows["ask_px"][:, level] = np.round((bid + 1 + level) * 0.05, 2)
        rows["bid_qty"], rows["ask_qty"] = rng.integers(1, 900, (2, ticks, 5))
        return rows


def plain_rows(rows: np.ndarray) -> list[tuple]:
    return list(
        zip(
            *(rows[n].tolist() for n in ("sid", "ts_exch", "ltp", "vtt", "ltt")),
            *(rows[n][:, 0].tolist() for n in ("bid_px", "ask_px", "bid_qty", "ask_qty")),
            *(rows[n].sum(axis=1).tolist() for n in ("bid_qty", "ask_qty")),
            strict=True,
        )
    )


COLUMNS = ["sid", "ts", "ltp", "vtt", "ltt", "bid", "ask", "bid_qty", "ask_qty", "bids", "asks"]
OUTPUTS = (
    *("mid", "spread", "spread_bps", "microprice", "obi", "obi5", "volume", "tick_return", "aggressor", "vwap", "session_vwap"),
    *("volatility", "vwap_fast", "vwap_slow", "flags"),
)


def plain() -> Generator[tuple, tuple, None]:
    """The best plain Python we know: deques, sums that are kept up to date, and all state in local variables. Send it ticks."""
    returns, vwaps, trades = deque(), deque(), deque()
    s1 = s2 = vwap = fast = slow = worth = session_worth = quoted_bid = quoted_ask = 0.0
    qty = session_qty = averaged = side = move = last_ltt = 0
    ltp = vtt = None
    is_liquid = is_volatile = False
    out = ()
    while True:
        _, ts, px, total, ltt, bid, ask, bid_qty, ask_qty, bids, asks = yield out
        mid, spread, size = (bid + ask) / 2, ask - bid, bid_qty + ask_qty
        bps = spread / mid * 1e4
        flags = 1
        volume = ret = aggressor = 0
        if ltp is not None:
            volume = max(total - vtt, 0)
            ret = px / ltp - 1
            if px != ltp:
                move = 1 if px > ltp else -1
            if ltt > last_ltt or volume > 0:
                flags = 5
                middle = (quoted_bid + quoted_ask) / 2
                aggressor = 1 if px > middle else -1 if px < middle else move
            returns.append(ret)
            s1 += ret
            s2 += ret * ret
            if len(returns) >= WINDOW:
                old = returns.popleft()
                s1 -= old
                s2 -= old * old
        ltp, vtt, last_ltt, quoted_bid, quoted_ask = px, total, ltt, bid, ask
        turnover = px * volume
        session_qty += volume
        session_worth += turnover
        trades.append((ts, turnover, volume))
        qty += volume
        worth += turnover
        while trades[0][0] <= ts - VWAP_MS:
            _, old, gone = trades.popleft()
            qty -= gone
            worth -= old
        if qty > 0:
            vwap = worth / qty
            averaged += 1
        vwaps.append(vwap)
        fast += vwap
        slow += vwap
        if len(vwaps) > FAST:
            fast -= vwaps[-FAST - 1]
        if len(vwaps) > SLOW:
            slow -= vwaps.popleft()
        fast_mean = slow_mean = volatility = 0.0
        if averaged >= SLOW:
            fast_mean, slow_mean = fast / FAST, slow / SLOW
            gap = fast_mean - slow_mean
            if abs(gap) > 1e-9 * slow_mean:
                now = 1 if gap > 0 else -1
                if now == -side:
                    flags |= 32 if now == 1 else 64
                side = now
        is_liquid = bps <= LIQUID or (is_liquid and bps <= LIQUID * HYSTERESIS)
        if is_liquid:
            flags |= 8
        n = len(returns)
        if n >= SLOW - 1:
            volatility = math.sqrt(max((s2 - s1 * s1 / n) / (n - 1), 0.0))
            is_volatile = volatility >= VOLATILE or (is_volatile and volatility >= VOLATILE / HYSTERESIS)
            flags |= 528 if is_volatile else 512
        out = (
            *(mid, spread, bps, (bid * ask_qty + ask * bid_qty) / size, (bid_qty - ask_qty) / size, (bids - asks) / (bids + asks)),
            *(volume, ret, aggressor, vwap, session_worth / session_qty if session_qty else 0.0, volatility, fast_mean, slow_mean, flags),
        )


class Peers:
    """All sides over one session. Each pass is made right before it is timed: rows and tuples lie in the cache, as a decoder leaves them."""

    def __init__(self, symbols: int) -> None:
        self.feed, self.turns = Feed(symbols), max(2000 // symbols, 1)
        self.plain = [plain() for _ in range(symbols)]
        for one in self.plain:
            next(one)
        self.windows = [deque(maxlen=WINDOW) for _ in range(min(symbols, FEW))]
        self.states = {size: TickState(symbols, PARAMS) for size in (1, PER_FRAME)}
        while self.feed.turn < WINDOW + self.turns:
            self.warm()

    def warm(self) -> None:
        """Take all sides a pass further, and see that they agree."""
        rows = self.feed.rows(self.turns)
        ticks = plain_rows(rows)
        for tick in ticks:
            if tick[0] < len(self.windows):
                self.windows[tick[0]].append(tick)
        theirs = np.array([self.plain[tick[0]].send(tick) for tick in ticks])
        for state in self.states.values():
            ours = step(state, rows)
            for k, name in enumerate(OUTPUTS):
                tolerance = 1e-6 if name == "volatility" else 1e-9
                if not np.allclose(ours[name], theirs[:, k], rtol=tolerance, atol=1e-9):
                    raise SystemExit(f"metrics: {name} differs from the plain version's")

    def round(self, passes: int, *, with_pandas: bool) -> dict[str, float]:
        """CPU nanoseconds per tick of each side over so many passes."""
        spent, count, few = Counter[str](), 0, 0
        for _ in range(passes):
            rows = self.feed.rows(self.turns)
            count += len(rows)
            for size, state in self.states.items():
                frames = [rows[a : a + size] for a in range(0, len(rows), size)]
                spent[f"ours, {size}"] += timed(run_ours, state, frames)
            ticks = plain_rows(rows)
            spent[PLAIN] += timed(run_plain, self.plain, ticks)
            if with_pandas and few < FEW:
                few += len(ticks[:FEW])
                spent[PANDAS] += timed(run_pandas, self.windows, ticks[:FEW])
        return {name: total / (few if name == PANDAS else count) for name, total in spent.items()}


def timed(run: Callable[..., None], *args: object) -> int:
    start = time.process_time_ns()
    run(*args)
    return time.process_time_ns() - start


def run_ours(state: TickState, frames: list[np.ndarray]) -> None:
    for rows in frames:
        step(state, rows)


def run_plain(sides: list[Generator[tuple, tuple, None]], ticks: list[tuple]) -> None:
    send = [one.send for one in sides]
    for tick in ticks:
        send[tick[0]](tick)


def run_pandas(windows: list[deque], ticks: list[tuple]) -> None:
    import pandas as pd

    for tick in ticks:
        windows[tick[0]].append(tick)
        frame = pd.DataFrame(windows[tick[0]], columns=COLUMNS)
        (frame["bid"] + frame["ask"]).iloc[-1] / 2
        volume = frame["vtt"].diff().clip(lower=0).fillna(0)
        recent = frame["ts"] > frame["ts"].iloc[-1] - VWAP_MS
        (frame["ltp"] * volume)[recent].sum() / max(volume[recent].sum(), 1)
        ((frame["bid_qty"] - frame["ask_qty"]) / (frame["bid_qty"] + frame["ask_qty"])).iloc[-1]
        ((frame["bids"] - frame["asks"]) / (frame["bids"] + frame["asks"])).iloc[-1]
        frame["ltp"].pct_change().rolling(WINDOW - 1, min_periods=2).std().iloc[-1]
        vwap = (frame["ltp"] * volume).rolling(FAST).sum() / volume.rolling(FAST).sum()
        vwap.rolling(FAST).mean().iloc[-1] - vwap.rolling(SLOW).mean().iloc[-1]


def rows_for(symbols: int, rounds: int) -> list[Row]:
    peers, why = Peers(symbols), ""
    try:
        import pandas as pd  # noqa: F401
    except ImportError:
        why = "pandas is not installed"
    figures = [peers.round(PASSES, with_pandas=not why) for _ in range(rounds + 1)][1:]
    times = {name: [figure[name] for figure in figures] for name in figures[0]}
    name, goal = f"metrics, {symbols} symbols", 15.0 if symbols <= 200 else 10.0
    many, ours = f"{name}, {PER_FRAME} a frame", f"ours, {PER_FRAME}"
    return [
        compare(many, times, ours, PLAIN, goal),
        absent(many, PANDAS, 4000.0, why) if why else compare(many, times, ours, PANDAS, 4000.0),
        compare(f"{name}, 1 a frame", times, "ours, 1", PLAIN, None),
    ]


def error_after(ticks: int) -> float:
    """Largest relative error of the running sums of one symbol after a day of so many ticks, against exact sums of its window."""
    feed, state = Feed(1), TickState(1, PARAMS)
    for _ in range(ticks // 100_000):
        out = step(state, feed.rows(100_000))
    last, px = out[-1], out["ltp"][-WINDOW:].tolist()
    returns = [b / a - 1 for a, b in pairwise(px)]
    mean = math.fsum(returns) / len(returns)
    recent = out[-WINDOW:][out["ts_exch"][-WINDOW:] > last["ts_exch"] - VWAP_MS]
    exact = {
        "volatility": math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (len(returns) - 1)),
        "vwap_fast": math.fsum(out["vwap"][-FAST:]) / FAST,
        "vwap_slow": math.fsum(out["vwap"][-SLOW:]) / SLOW,
        "vwap": math.fsum(recent["ltp"] * recent["volume"]) / int(recent["volume"].sum()),
    }
    return max(abs(float(last[name]) / value - 1) for name, value in exact.items())


def main(args: list[str]) -> None:
    rows = [*rows_for(15, 5), *rows_for(2000, 5)]
    size = TickState(1, PARAMS).memory.nbytes
    rows.append(Row("state per symbol", float(size), "bytes", "8 KB", round(8192 / size, 2), 1.0, size <= 8192))
    error = error_after(1_000_000)
    rows.append(Row("error after 1,000,000 ticks", error, "relative", "1e-12", round(1e-12 / error, 1), 1.0, error <= 1e-12))
    show("metrics", rows, as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
