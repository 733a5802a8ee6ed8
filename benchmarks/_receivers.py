"""Ways to take in a feed: ours, a plain Python pipeline (``dicts``: that keeps a dict a tick), and the official SDK's streamer with pandas.

``python -m benchmarks._receivers NAME '{"http": ..., "ws": ..., "symbols": ..., "redis": {role: url}, "committed": "/tmp/y.npy", ...}'`` reads
one play of ``_sender`` to its end and prints {ticks, wall_s, cpu_s, redis_s}; ``committed`` gets the monotonic instant at which
each frame was acknowledged by Redis. All write one stream entry a frame and, told to, every tick's metrics to TimeSeries.
"""

from __future__ import annotations

import asyncio
import gc
import json
import struct
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import redis
import redis.asyncio

from benchmarks._sender import DATE, keys
from benchmarks.metrics import PARAMS, WINDOW
from benchmarks.metrics import plain as plain_metrics

SERIES = ("ltp", "mid", "spread", "spread_bps", "obi", "obi5", "return", "vwap")
EVERY_TICK = 1
"""Milliseconds between two samples of a series when every tick is to be written."""


class Clock:
    """What a receiver used, on its side and on Redis's."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url)
        self._server = self._used()
        self._start, self._cpu = time.monotonic(), time.process_time()

    def _used(self) -> float:
        used: Any = self._redis.info("cpu")
        return used["used_cpu_user"] + used["used_cpu_sys"]

    def result(self, ticks: int) -> dict[str, float]:
        cpu, wall = time.process_time() - self._cpu, time.monotonic() - self._start
        return {"ticks": ticks, "wall_s": wall, "cpu_s": cpu, "redis_s": self._used() - self._server}


def ours(order: dict) -> dict:
    """The processes' own runner, feed source and job, in this process."""
    from dataclasses import replace

    from pipeline.broker.feed import Access, FeedConfig, FeedSource
    from pipeline.broker.link import LinkConfig
    from pipeline.core.schema import TICKS, Role
    from pipeline.core.session import Calendar
    from pipeline.core.types import Instrument
    from pipeline.run.discovery import job_named
    from pipeline.run.outside import warm_family
    from pipeline.run.runner import Runner
    from pipeline.run.sources import OutsideSource
    from pipeline.run.turn import Pace
    from pipeline.store.client import open_clients
    from pipeline.store.streams import RedisStore
    from tests.fakes.context import context

    warm_family()
    instruments = tuple(
        Instrument(n, f"SYM{n:04d}", key, "", 5, 1, 1, is_cas_eligible=False) for n, key in enumerate(keys(order["symbols"]))
    )
    day = Calendar.from_rows(json.loads(Path("config/holidays.json").read_text())).day(DATE)
    if day is None:
        raise SystemExit(f"{DATE} is no trading day in config/holidays.json")
    interval = {"series_interval_ms": EVERY_TICK, "ltp_interval_ms": EVERY_TICK} if order["every_tick"] else {}
    params = replace(PARAMS, **interval)
    whole = context()
    ready = replace(whole, instruments=instruments, day=day, params=replace(whole.params, ticks=params))
    store = RedisStore(open_clients({Role(name): url for name, url in order["redis"].items()}))
    committed: list[tuple[int, int]] = []
    begun: list[int] = []
    begin, settle = store.begin, store.settle

    def begin_counted(what: Any, wall_ms: int) -> None:
        begun.append(sum(1 for entry in what.entries if entry[0] is TICKS))
        begin(what, wall_ms)

    def settle_timed() -> None:
        settle()
        committed.extend((time.monotonic_ns(), count) for count in begun)
        begun.clear()

    store.begin, store.settle = begin_counted, settle_timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        config = FeedConfig(Path(folder), LinkConfig(order["http"]), **order.get("feed", {}))
        feed = FeedSource(config, instruments, Access(lambda: "token", lambda _t: None), day)
        source = OutsideSource(feed.read, lambda: feed.is_over, feed.close)
        pace = Pace(until_drained=True)
        runner = Runner(
            job_named("ticks"), store, ready, session="bench", writers={"ticks": Role.TICKS}, pace=pace, source=lambda _p: source
        )
        gc.collect()
        gc.freeze()
        clock = Clock(order["redis"]["ticks"])
        runner.run(lambda: False)
        result = clock.result(runner.progress.rows["ticks"])
    np.save(order["committed"], np.repeat([at for at, _ in committed], [n for _, n in committed]))
    return {**result, "status": feed.status(), "hops": runner._hops.fields()}


class PlainStore:
    """What both plain pipelines keep: states of plain Python, and keys made before."""

    def __init__(self, symbols: int, url: str) -> None:
        self.sids = {key: n for n, key in enumerate(keys(symbols))}
        self.states = [plain_metrics() for _ in range(symbols)]
        for state in self.states:
            next(state)
        self.names = [[f"symbol:SYM{n:04d}:{name}" for name in SERIES] for n in range(symbols)]
        client = redis.Redis.from_url(url)
        pipe = client.pipeline(transaction=False)
        for names in self.names:
            for name in names:
                pipe.execute_command("TS.CREATE", name, "RETENTION", 172_800_000, "CHUNK_SIZE", 1024, "DUPLICATE_POLICY", "LAST")
        pipe.execute(raise_on_error=False)
        self.kept = [deque(maxlen=WINDOW) for _ in range(symbols)]
        self.ticks = 0
        self.committed: list[int] = []


def dicts(order: dict) -> dict:
    """As plain; each tick is kept, too, as a dict with its levels and metrics, 300 of each symbol: objects that the collector has to visit."""
    return plain(order, is_keeping=True)


def plain(order: dict, *, is_keeping: bool = False) -> dict:
    """websockets, protobuf and attribute reads, running sums, TS.MADD and XADD in one pipeline a frame."""
    from websockets.asyncio.client import connect

    from proto import MarketDataFeedV3_pb2 as pb

    store = PlainStore(order["symbols"], order["redis"]["ticks"])

    async def run() -> dict:
        client = redis.asyncio.Redis.from_url(order["redis"]["ticks"])
        await client.ping()
        clock = Clock(order["redis"]["ticks"])
        async with connect(order["ws"], ping_interval=None, compression=None, max_size=None, close_timeout=1) as socket:
            await socket.send(b"{}")
            async for payload in socket:
                message = pb.FeedResponse.FromString(payload)
                if not message.feeds:
                    continue
                flat: list[Any] = []
                packed = bytearray()
                for key, feed in message.feeds.items():
                    values = _plain_tick(store, key, feed, message.currentTs)
                    if is_keeping:
                        store.kept[store.sids[key]].append(_tick_dict(feed.fullFeed.marketFF, message.currentTs, values))
                    store.ticks += 1
                    packed += struct.pack("<16d", *values, *([0.0] * (16 - len(values))))
                    if order["every_tick"]:
                        for name, value in zip(store.names[store.sids[key]], values, strict=False):
                            flat += (name, message.currentTs, value)
                pipe = client.pipeline(transaction=False)
                pipe.xadd("plain:ticks", {"b": bytes(packed)}, maxlen=300_000, approximate=True)
                if flat:
                    pipe.execute_command("TS.MADD", *flat)
                await pipe.execute()
                store.committed.append(time.monotonic_ns())
        return clock.result(store.ticks)

    result = asyncio.run(run())
    np.save(order["committed"], np.array(store.committed))
    return result


def _plain_tick(store: PlainStore, key: str, feed: Any, ts: int) -> tuple[float, ...]:
    part = feed.fullFeed.marketFF
    levels = part.marketLevel.bidAskQuote
    best = levels[0]
    bids, asks = sum(level.bidQ for level in levels), sum(level.askQ for level in levels)
    sid = store.sids[key]
    tick = (sid, ts, part.ltpc.ltp, part.vtt, part.ltpc.ltt, best.bidP, best.askP, best.bidQ, best.askQ, bids, asks)
    mid, spread, bps, microprice, obi, obi5, _, ret, _, vwap, *rest = store.states[sid].send(tick)
    return part.ltpc.ltp, mid, spread, bps, obi, obi5, ret, vwap, microprice, *rest


def _tick_dict(part: Any, ts: int, values: tuple[float, ...]) -> dict[str, Any]:
    """Lay a tick out in the way of the SDK's messages, its metrics beside."""
    fields = {name: getattr(part, name) for name in ("atp", "vtt", "oi", "iv", "tbq", "tsq")}
    levels = [{"bidQ": x.bidQ, "bidP": x.bidP, "askQ": x.askQ, "askP": x.askP} for x in part.marketLevel.bidAskQuote]
    trade = {"ltp": part.ltpc.ltp, "ltt": part.ltpc.ltt, "ltq": part.ltpc.ltq, "cp": part.ltpc.cp}
    return {"ts": ts, "ltpc": trade, "bidAskQuote": levels, **fields, **dict(zip(SERIES, values, strict=False))}


def sdk(order: dict) -> dict:
    """The official streamer (MessageToDict), a DataFrame of a deque for each tick, TS.ADD in a pipeline."""
    import pandas as pd
    import upstox_client
    import websocket

    store = PlainStore(order["symbols"], order["redis"]["ticks"])
    client = redis.Redis.from_url(order["redis"]["ticks"])
    windows = [deque(maxlen=WINDOW) for _ in range(order["symbols"])]
    done = threading.Event()
    real = websocket.WebSocketApp
    websocket.WebSocketApp = lambda _url, **more: real(order["ws"], **more)  # it builds wss://api.upstox.com itself

    def take(message: dict) -> None:
        pipe = client.pipeline(transaction=False)
        ts = int(message["currentTs"])
        for key, feed in message.get("feeds", {}).items():
            store.ticks += 1
            sid = store.sids[key]
            for name, value in zip(store.names[sid], _pandas_tick(pd, windows[sid], feed, ts), strict=True):
                if order["every_tick"]:
                    pipe.execute_command("TS.ADD", name, ts, value)
        if message.get("feeds"):
            pipe.xadd("sdk:ticks", {"b": json.dumps(message)}, maxlen=300_000, approximate=True)
            pipe.execute()
            store.committed.append(time.monotonic_ns())

    configuration = upstox_client.Configuration()
    configuration.access_token = "token"  # noqa: S105 - of a loopback server
    streamer = upstox_client.MarketDataStreamerV3(upstox_client.ApiClient(configuration), list(store.sids), "full")
    streamer.auto_reconnect(False)
    streamer.on("message", take)
    streamer.on("close", lambda *_: done.set())
    clock = Clock(order["redis"]["ticks"])
    streamer.connect()
    done.wait(300)
    result = clock.result(store.ticks)
    np.save(order["committed"], np.array(store.committed))
    return result


def _pandas_tick(pd: Any, window: deque, feed: dict, ts: int) -> tuple[float, ...]:
    part = feed["fullFeed"]["marketFF"]
    levels = part["marketLevel"]["bidAskQuote"]
    bids, asks = sum(int(level["bidQ"]) for level in levels), sum(int(level["askQ"]) for level in levels)
    first = levels[0]
    window.append(
        (ts, part["ltpc"]["ltp"], int(part["vtt"]), first["bidP"], first["askP"], int(first["bidQ"]), int(first["askQ"]), bids, asks)
    )
    frame = pd.DataFrame(window, columns=["ts", "ltp", "vtt", "bid", "ask", "bid_qty", "ask_qty", "bids", "asks"])
    mid, spread = (frame["bid"] + frame["ask"]).iloc[-1] / 2, (frame["ask"] - frame["bid"]).iloc[-1]
    volume = frame["vtt"].diff().clip(lower=0).fillna(0)
    recent = frame["ts"] > ts - 60_000
    vwap = float((frame["ltp"] * volume)[recent].sum() / max(volume[recent].sum(), 1))
    ret = frame["ltp"].pct_change().fillna(0)
    ret.rolling(299, min_periods=2).std().iloc[-1]
    obi = ((frame["bid_qty"] - frame["ask_qty"]) / (frame["bid_qty"] + frame["ask_qty"])).iloc[-1]
    obi5 = ((frame["bids"] - frame["asks"]) / (frame["bids"] + frame["asks"])).iloc[-1]
    return (
        float(frame["ltp"].iloc[-1]),
        float(mid),
        float(spread),
        float(spread / mid * 1e4),
        float(obi),
        float(obi5),
        float(ret.iloc[-1]),
        vwap,
    )


RECEIVERS = {"ours": ours, "plain": plain, "dicts": dicts, "sdk": sdk}

if __name__ == "__main__":
    print(json.dumps(RECEIVERS[sys.argv[1]](json.loads(sys.argv[2]))), flush=True)
