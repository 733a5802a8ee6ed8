"""Rows on the hour's boundary of the indicators' process, committed to Redis, for ``benchmarks/indicators.py``.

Wall time through the runner: bank, packed entry, digest, rows to text, MULTI, answers looked at. In every other round the bytes of the
transaction are caught on their way out and exchanged over a bare socket, and that alone is timed: what Redis needs for the same writes.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from dataclasses import replace

import numpy as np

from benchmarks._endtoend import redis_server
from benchmarks._patterns import market
from benchmarks._rounds import Row, show
from benchmarks.candles import GOAL, Aside, over_redis
from pipeline.core.candle import CANDLE
from pipeline.core.schema import Role
from pipeline.core.types import TIMEFRAMES, CandleWave, Instrument
from pipeline.jobs.indicators import job
from pipeline.run.discovery import discover
from pipeline.run.runner import Runner
from pipeline.run.sources import OutsideSource
from pipeline.run.turn import Pace
from pipeline.store.client import open_clients
from pipeline.store.streams import RedisStore
from tests.fakes.context import context
from tests.fakes.feed_rows import OPEN

HISTORY, HOUR = 210, 3_600_000


class Boundaries:
    """Waves in which all timeframes of all symbols close, one an hour."""

    def __init__(self, symbols: int) -> None:
        self.frames = np.repeat(TIMEFRAMES, symbols)
        self.sids = np.tile(np.arange(symbols), len(TIMEFRAMES))
        self._prices = market(len(self.frames), 60)
        self._rng, self._hour = np.random.default_rng(7), 0

    def next_wave(self) -> CandleWave:
        rows = np.zeros(len(self.frames), CANDLE)
        rows["sid"], rows["timeframe"] = self.sids, self.frames
        for name, values in self._prices.items():
            rows[name] = values[self._hour % len(values)]
        rows["volume"] = self._rng.integers(1, 9000, len(rows))
        self._hour += 1
        close = OPEN + self._hour * HOUR
        rows["ts"] = close - self.frames * 60_000
        return CandleWave(close, rows)


def rows_for(symbols: int, rounds: int) -> list[Row]:
    """Time boundaries, every other one by what Redis alone needs."""
    stocks = tuple(Instrument(n, f"SYM{n:04d}", f"NSE_EQ|INE{n:09d}", "", 5, 1, 1, is_cas_eligible=False) for n in range(symbols))
    waves, pending, ours, theirs = Boundaries(symbols), [], [], []
    with redis_server() as server:
        store = RedisStore(open_clients(server.urls))
        aside = Aside(store, Role.DERIVED, server.urls[Role.DERIVED])
        source = OutsideSource(lambda _n, _s: [pending.pop(0)] if pending else [], lambda: False, lambda: None)
        plain = replace(job, preload=(), reads=(), snapshot_every=1_000_000)
        runner = Runner(
            plain,
            store,
            replace(context(), instruments=stocks),
            session="bench",
            writers={"indicators": Role.DERIVED},
            pace=Pace(is_trimming=False),
            source=lambda _p: source,
        )
        for _ in range(HISTORY):  # warm, without a word to Redis
            for _ in plain.step(runner.state, waves.next_wave(), 0):
                break
        gc.collect()
        gc.freeze()
        for n in range(2 * rounds + 3):
            is_raw = n % 2 == 1
            aside.switch(is_on=is_raw)
            pending.append(waves.next_wave())
            start = time.perf_counter()
            runner.turn(0)
            runner._settle()
            taken = time.perf_counter() - start
            aside.switch(is_on=False)
            if n > 2:  # the first ones make the series and warm up
                (theirs if is_raw else ours).append(aside.took_s if is_raw else taken)
        gc.unfreeze()
    mine, raw = statistics.median(ours), statistics.median(theirs)
    note = f"Redis alone {raw * 1e3:.1f} ms for {len(aside.sent) / 1e6:.1f} MB; ours over it is at most {GOAL}"
    return [over_redis(f"hour boundary in Redis, {symbols} x 6", mine, raw, note, is_judged=symbols >= 2000)]


def main(args: list[str]) -> None:
    discover()
    show("indicators in Redis", [*rows_for(15, 8), *rows_for(200, 8), *rows_for(2000, 6)], as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
