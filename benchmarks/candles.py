"""Candles: an hour's boundary committed to Redis, and a day of minutes summed. ``python -m benchmarks.candles [--json]``.

1. The boundary at which all six timeframes close, wall time, through the runner: close, rows to text, digest, MULTI, answers
   looked at. In every other round the bytes of the transaction are caught on their way out and exchanged over a bare socket,
   and that alone is timed: what Redis needs for the same writes. Both kinds of round write to the same series, in turn.
2. Five longer timeframes from a day of one-minute rows, CPU time, against pandas' grouped resample of the same columns.
"""

from __future__ import annotations

import gc
import socket
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hiredis
import numpy as np
import redis

from benchmarks._endtoend import redis_server
from benchmarks._rounds import Row, absent, compare, measure, show
from pipeline.core.candle import CANDLE
from pipeline.core.schema import Role
from pipeline.core.session import Group, Phase, SessionDay, Window
from pipeline.core.types import TIMEFRAMES, Instrument, TickBatch
from pipeline.jobs.live import job
from pipeline.market import candles
from pipeline.run.runner import Runner
from pipeline.run.sources import OutsideSource
from pipeline.run.turn import Pace
from pipeline.store.client import open_clients
from pipeline.store.resp import command
from pipeline.store.streams import RedisStore
from tests.fakes.context import context
from tests.fakes.feed_rows import OPEN, trade

HOUR, MINUTE = 3_600_000, 60_000
HOURS = 48
GOAL = 1.5
RAW, PANDAS = "Redis alone, the same bytes", "pandas groupby.resample"


class Exchange:
    """A bare socket that sends a transaction and waits for all answers."""

    def __init__(self, url: str) -> None:
        self._connection: Any = redis.Redis.from_url(url).connection_pool.get_connection()
        self._socket: socket.socket = self._connection._sock
        self._reader = hiredis.Reader()

    def answers(self, sent: bytes, count: int) -> list:
        self._socket.sendall(sent)
        out: list = []
        while len(out) < count:
            found = self._reader.gets()
            if found is False:
                self._reader.feed(self._socket.recv(1 << 20))
            else:
                out.append(found)
        return out


class Aside:
    """Takes the transactions of a store's pipe for itself: exchanges their very bytes over a bare socket, and times that alone."""

    def __init__(self, store: RedisStore, role: Role, url: str) -> None:
        self._pipe, self._raw = store._pipes[role], Exchange(url)
        self._own = self._pipe.send, self._pipe.answers
        self.sent = b""
        self.took_s = 0.0

    def switch(self, *, is_on: bool) -> None:
        self._pipe.send, self._pipe.answers = (self._send, self._answers) if is_on else self._own

    def _send(self, commands: list[bytes]) -> None:
        self.sent = b"".join((command(b"MULTI"), *commands, command(b"EXEC")))

    def _answers(self, count: int) -> list:
        start = time.perf_counter()
        found = self._raw.answers(self.sent, count + 2)[-1]
        self.took_s = time.perf_counter() - start
        return list(found)


def boundary(symbols: int, rounds: int) -> Row:
    """Time hour boundaries, every other one by what Redis alone needs."""
    stocks = tuple(Instrument(n, f"SYM{n:04d}", f"NSE_EQ|INE{n:09d}", "", 5, 1, 1, is_cas_eligible=False) for n in range(symbols))
    day = SessionDay("2025-12-15", "regular", {group: (Window(Phase.CONTINUOUS, OPEN, OPEN + HOURS * HOUR),) for group in Group})
    rng, ours, theirs = np.random.default_rng(7), [], []
    pending: list[TickBatch] = []
    with redis_server() as server:
        store = RedisStore(open_clients(server.urls))
        aside = Aside(store, Role.CANDLES, server.urls[Role.CANDLES])
        source = OutsideSource(lambda _n, _s: [pending.pop(0)] if pending else [], lambda: False, lambda: None)
        whole = replace(context(), instruments=stocks, day=day)
        writers = {"ticks": Role.TICKS, "live": Role.CANDLES}
        runner = Runner(job, store, whole, session="bench", writers=writers, pace=Pace(is_trimming=False), source=lambda _p: source)
        gc.collect()
        gc.freeze()
        for n in range(2 * rounds + 3):
            last = OPEN + (n + 1) * HOUR - 1000
            prints = trade(last, 100.0)
            rows = np.repeat(prints, symbols)
            rows["sid"], rows["ltp"], rows["volume"] = (
                np.arange(symbols),
                rng.integers(2000, 60_000, symbols) / 20,
                rng.integers(1, 9000, symbols),
            )
            pending.append(TickBatch(last, rows))
            runner.turn(0)
            is_raw = n % 2 == 1
            aside.switch(is_on=is_raw)
            pending.append(TickBatch(last + 4000, rows[:0]))
            start = time.perf_counter()
            runner.turn(0)
            taken = time.perf_counter() - start
            aside.switch(is_on=False)
            if n > 2:  # the first ones make the series and warm up
                (theirs if is_raw else ours).append(aside.took_s if is_raw else taken)
        gc.unfreeze()
    samples, mine, raw = symbols * len(TIMEFRAMES) * 6, statistics.median(ours), statistics.median(theirs)
    note = f"Redis alone {raw * 1e3:.1f} ms; the figure is ours over it, at most {GOAL}"
    return over_redis(f"hour boundary, {symbols} x 6, {samples} samples", mine, raw, note)


def over_redis(name: str, ours_s: float, raw_s: float, note: str, *, is_judged: bool = True) -> Row:
    """Tell a boundary's seconds as a row, over what Redis alone needs for the same bytes."""
    ratio = ours_s / raw_s
    goal, is_met = (GOAL, ratio <= GOAL) if is_judged else (None, None)
    return Row(name, round(ours_s * 1e3, 1), "ms wall", RAW, round(ratio, 2), goal, is_met, note)


def minutes_of(symbols: int) -> np.ndarray:
    """One regular day of every symbol, a walk on a grid of 0.05."""
    rng, rows = np.random.default_rng(7), np.zeros((symbols, 375), CANDLE)
    steps = rng.integers(-5, 6, (symbols, 375))
    close = 20_000 + np.cumsum(steps, axis=1)
    rows["sid"], rows["timeframe"], rows["minutes"] = np.arange(symbols)[:, None], 1, 1
    rows["ts"] = OPEN + np.arange(375) * MINUTE
    rows["open"], rows["close"] = (close - steps) * 0.05, close * 0.05
    rows["high"], rows["low"] = np.maximum(rows["open"], rows["close"]) + 0.1, np.minimum(rows["open"], rows["close"]) - 0.1
    rows["volume"] = rng.integers(1, 9000, (symbols, 375))
    return rows.ravel()


def summed(symbols: int, rounds: int) -> Row:
    """Time the longer timeframes of a day."""
    rows, windows = minutes_of(symbols), candles.windows_of([[(OPEN, OPEN + 375 * MINUTE)]] * symbols)
    name = f"longer candles of a day, {symbols} x 375 minutes"
    cases: dict[str, tuple[Callable[[], None], int]] = {"ours": (lambda: candles.longer(rows, windows) is None, len(rows))}
    try:
        import pandas as pd
    except ImportError:
        measure(cases, rounds)
        return absent(name, PANDAS, None, "pandas is not installed")
    columns = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({n: rows[n] for n in ("sid", *columns)}, index=pd.to_datetime(rows["ts"], unit="ms"))
    how = dict(zip(columns, ("first", "max", "min", "last", "sum"), strict=True))
    origin = pd.Timestamp(OPEN, unit="ms")

    def pandas_longer() -> list:
        return [frame.groupby(["sid", pd.Grouper(freq=f"{tf}min", origin=origin)]).agg(how) for tf in TIMEFRAMES[1:]]

    built, theirs = candles.longer(rows, windows), pandas_longer()
    for timeframe, want in zip(TIMEFRAMES[1:], theirs, strict=True):
        mine = built[built["timeframe"] == timeframe]
        if not all(np.array_equal(mine[n], want[n].to_numpy()) for n in columns):
            raise SystemExit(f"{timeframe} minutes: ours and pandas' differ")
    cases[PANDAS] = (lambda: pandas_longer() and None, len(rows))
    return compare(name, measure(cases, rounds), "ours", PANDAS, None)


def main(args: list[str]) -> None:
    show("candles", [boundary(200, 8), boundary(2000, 8), summed(2000, 3)], as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
