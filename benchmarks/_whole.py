"""Rows on the whole of the hour's boundary, for ``benchmarks/indicators.py``: candles close, then indicators, then patterns, each committed.

The three processes run one after another here, as a wave goes through them: ``live`` closes six timeframes of all symbols, ``indicators``
reads that wave from Redis, ``chart`` the next. Wall time from the frame that closes the hour to the last commit, reading included. In every
other round the bytes of the three transactions are caught on their way out and exchanged over a bare socket, and the times of those
exchanges alone are added: what Redis needs for the same writes.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from dataclasses import dataclass, replace

import numpy as np

from benchmarks._endtoend import redis_server
from benchmarks._patterns import market
from benchmarks._rounds import Row, show
from benchmarks.candles import GOAL, HOUR, HOURS, MINUTE, Aside, over_redis
from pipeline.core.candle import CANDLE
from pipeline.core.job import Context, Job
from pipeline.core.schema import Role
from pipeline.core.session import Group, Phase, SessionDay, Window
from pipeline.core.types import TICK, TIMEFRAMES, CandleFlag, CandleWave, Instrument, TickBatch
from pipeline.jobs import chart, indicators, live
from pipeline.run.discovery import discover
from pipeline.run.runner import Runner
from pipeline.run.sources import OutsideSource
from pipeline.run.turn import Pace
from pipeline.store.client import open_clients
from pipeline.store.streams import RedisStore
from tests.fakes.context import context
from tests.fakes.feed_rows import OPEN, trade

HISTORY = 210
WRITERS = {"ticks": Role.TICKS, "live": Role.CANDLES, "indicators": Role.DERIVED, "chart": Role.DERIVED}
GRACE_MS = 4000
PRICES = ("open", "high", "low", "close")


class Market:
    """Walks of all symbols, a bar an hour: as history, and as four prints in the last minute of the hour."""

    def __init__(self, symbols: int) -> None:
        self.symbols, self._prices, self._rng = symbols, market(symbols, 60), np.random.default_rng(7)
        self._frames = np.repeat(TIMEFRAMES, symbols)

    def history(self, hour: int) -> CandleWave:
        rows = np.zeros(len(self._frames), CANDLE)
        rows["sid"], rows["timeframe"], rows["flags"] = np.tile(np.arange(self.symbols), len(TIMEFRAMES)), self._frames, CandleFlag.HISTORY
        for name in PRICES:
            rows[name] = np.tile(self._bar(name, hour), len(TIMEFRAMES))
        rows["volume"] = self._rng.integers(1, 9000, len(rows))
        close = OPEN + hour * HOUR
        rows["ts"] = close - self._frames * MINUTE
        return CandleWave(close, rows)

    def prints(self, hour: int) -> TickBatch:
        """Give the trades that make an hour's candles, before it ends."""
        last = OPEN + (hour + 1) * HOUR - 1000
        rows = np.repeat(trade(last, 100.0), self.symbols * len(PRICES)).astype(TICK)
        rows["sid"] = np.tile(np.arange(self.symbols), len(PRICES))
        rows["ltp"] = np.concatenate([self._bar(name, hour) for name in PRICES])
        rows["volume"] = self._rng.integers(1, 9000, len(rows))
        return TickBatch(last, rows)

    def _bar(self, name: str, hour: int) -> np.ndarray:
        return self._prices[name][hour % len(self._prices[name])]


@dataclass(slots=True)
class Stage:
    """One process, its runner on a connection of its own."""

    runner: Runner
    aside: Aside


def stage_of(job: Job, whole: Context, urls: dict[Role, str], pending: list[TickBatch] | None = None) -> Stage:
    """Give a process that is fed from ``pending``, or else reads its stream."""
    store = RedisStore(open_clients(urls))
    source = None
    if pending is not None:
        given = OutsideSource(lambda _n, _s: [pending.pop(0)] if pending else [], lambda: False, lambda: None)
        source = lambda _p: given  # noqa: E731 - as the runner takes it
    plain = replace(job, preload=(), snapshot_every=1_000_000)
    runner = Runner(plain, store, whole, session="bench", writers=WRITERS, pace=Pace(is_trimming=False, wait_ms=0), source=source)
    role = job.writes[0].role
    return Stage(runner, Aside(store, role, urls[role]))


def rows_for(symbols: int, rounds: int) -> list[Row]:
    """Time boundaries, every other one by what Redis alone needs."""
    stocks = tuple(Instrument(n, f"SYM{n:04d}", f"NSE_EQ|INE{n:09d}", "", 5, 1, 1, is_cas_eligible=False) for n in range(symbols))
    day = SessionDay("2025-12-15", "regular", {group: (Window(Phase.CONTINUOUS, OPEN, OPEN + HOURS * HOUR),) for group in Group})
    whole, prices, pending = replace(context(), instruments=stocks, day=day), Market(symbols), []
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    with redis_server() as server:
        stages = [stage_of(live.job, whole, server.urls, pending), *(stage_of(j, whole, server.urls) for j in (indicators.job, chart.job))]
        for hour in range(-HISTORY, 0):  # warm, without a word to Redis
            wave = prices.history(hour)
            for stage in stages[1:]:
                for _ in stage.runner.job.step(stage.runner.state, wave, 0):
                    pass
        gc.collect()
        gc.freeze()
        for hour in range(2 * rounds + 3):
            is_raw = hour % 2 == 1
            pending.append(prices.prints(hour))
            stages[0].runner.turn(0)
            pending.append(TickBatch(OPEN + (hour + 1) * HOUR - 1000 + GRACE_MS, prices.prints(hour).rows[:0]))
            taken = [boundary(stage, is_raw=is_raw) for stage in stages]
            if hour > 2:  # the first ones make the series and warm up
                (theirs if is_raw else ours).append(taken)
        gc.unfreeze()
    return [_row(symbols, ours, theirs, sum(len(stage.aside.sent) for stage in stages))]


def boundary(stage: Stage, *, is_raw: bool) -> float:
    """Take one wave through a process; give the seconds of it, or of Redis alone."""
    before = stage.runner.progress.commits
    stage.aside.switch(is_on=is_raw)
    start = time.perf_counter()
    stage.runner.turn(0)
    taken = time.perf_counter() - start
    stage.aside.switch(is_on=False)
    if stage.runner.progress.commits != before + 1:
        raise SystemExit(f"{stage.runner.job.name} did not take the wave")
    return stage.aside.took_s if is_raw else taken


def _row(symbols: int, ours: list[list[float]], theirs: list[list[float]], sent: int) -> Row:
    mine, raw = (statistics.median(map(sum, taken)) for taken in (ours, theirs))
    parts = ", ".join(
        f"{name} {statistics.median(m[n] for m in ours) * 1e3:.1f} of {statistics.median(t[n] for t in theirs) * 1e3:.1f}"
        for n, name in enumerate(("candles", "indicators", "patterns"))
    )
    note = f"Redis alone {raw * 1e3:.1f} ms for {sent / 1e6:.1f} MB ({parts} ms); ours over it is at most {GOAL}"
    return over_redis(f"whole boundary in Redis, {symbols} x 6", mine, raw, note, is_judged=symbols >= 2000)


def main(args: list[str]) -> None:
    discover()
    show("whole boundary", [*rows_for(15, 9), *rows_for(200, 9), *rows_for(2000, 6)], as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
