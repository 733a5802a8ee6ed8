"""Feed frames to rows: ours against the SDK's path and against the protobuf runtime. ``python -m benchmarks.decode [--json]``.

Ours is the production call, ``Decoder.decode(frame, ts)`` once a frame, with all fields and all checks, rows handed out. The peers:
the official SDK's path (``FeedResponse.FromString``, then ``json_format.MessageToDict``) with its own schema, protobuf parse and
reads of all attributes into a tuple an instrument (no array, no bounds), and upb's bare parse, which reads nothing out of the message.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any

from google.protobuf.json_format import MessageToDict

from benchmarks._rounds import Row, absent, compare, measure, show
from pipeline.broker.wire import Decoder
from pipeline.broker.wire_runtime import parse as parse_ours
from pipeline.broker.wire_runtime import values_of
from pipeline.core.types import Instrument
from proto.MarketDataFeedV3_pb2 import FeedResponse

TS = 1_790_308_200_123
PAPERS = 200
WATCH = [Instrument(n, f"S{n}", f"NSE_EQ|INE{n:03d}A01018", "", 5, 1, 1, is_cas_eligible=False) for n in range(PAPERS)]
SDK, READS, BARE = "SDK: parse, MessageToDict", "protobuf parse, attributes read", "upb's bare parse"
CASES: dict[tuple[str, int], float | None] = {
    ("ltpc", 1): 20.0, ("ltpc", 20): 100.0,
    ("full", 1): 80.0, ("full", 5): 200.0, ("full", 20): 200.0, ("full", 100): 200.0,
    ("option_greeks", 1): None, ("option_greeks", 20): None,
    ("full_d30", 1): None, ("full_d30", 20): None,
    ("index", 1): None,
}  # fmt: skip
"""Mode and instruments a frame, and the goal against the SDK's path."""
ROUNDS, INSTRUMENTS_A_ROUND = 15, 4_000


def _ltpc(ltpc: Any, rng: random.Random) -> None:
    ltpc.ltp, ltpc.cp = round(rng.uniform(50, 5_000), 2), round(rng.uniform(50, 5_000), 2)
    ltpc.ltt, ltpc.ltq = TS - rng.randrange(2_000), rng.randrange(1, 400)


def _bars(ohlc: Any, rng: random.Random) -> None:
    for interval in ("1d", "I1"):
        o, h, l, c = (round(rng.uniform(50, 5_000), 2) for _ in range(4))
        ohlc.ohlc.add(interval=interval, open=o, high=h, low=l, close=c, vol=rng.randrange(10**6), ts=TS - 60_000)


def _greeks(greeks: Any, rng: random.Random) -> None:
    for name in ("delta", "theta", "gamma", "vega", "rho"):
        setattr(greeks, name, rng.uniform(-9, 9))


def _full(m: Any, rng: random.Random, levels: int) -> None:
    _ltpc(m.ltpc, rng)
    for level in range(levels):
        m.marketLevel.bidAskQuote.add(
            bidQ=rng.randrange(1, 9_000), bidP=1_412.0 - level * 0.05, askQ=rng.randrange(1, 9_000), askP=1_412.05 + level * 0.05
        )
    _bars(m.marketOHLC, rng)
    m.atp, m.vtt, m.tbq, m.tsq = 1_411.53, rng.randrange(10**7), float(rng.randrange(10**6)), float(rng.randrange(10**6))


def frame_of(mode: str, count: int) -> bytes:
    """Compose a live frame of ``count`` instruments, as the feed sends them in this mode."""
    rng = random.Random(7)
    message = FeedResponse(type=1, currentTs=TS)
    for paper in WATCH[:count]:
        feed = message.feeds[paper.instrument_key]
        if mode == "ltpc":
            _ltpc(feed.ltpc, rng)
        elif mode == "option_greeks":
            first = feed.firstLevelWithGreeks
            _ltpc(first.ltpc, rng)
            first.firstDepth.bidQ, first.firstDepth.bidP, first.firstDepth.askQ, first.firstDepth.askP = 650, 112.3, 1_300, 112.4
            _greeks(first.optionGreeks, rng)
            first.vtt, first.oi, first.iv, feed.requestMode = 90_000, 35_000.0, 0.153, 2
        elif mode == "index":
            _ltpc(feed.fullFeed.indexFF.ltpc, rng)
            _bars(feed.fullFeed.indexFF.marketOHLC, rng)
            feed.requestMode = 1
        else:
            _full(feed.fullFeed.marketFF, rng, 30 if mode == "full_d30" else 5)
            feed.requestMode = 3 if mode == "full_d30" else 1
    return message.SerializeToString()


def sdk_parser() -> Callable[[bytes], Any] | None:
    """Give the parser of the SDK's own generated module; the file is the only thing of the SDK that its decode path uses."""
    try:
        from upstox_client.feeder.proto import MarketDataFeedV3_pb2 as theirs
    except ImportError:
        return None
    return theirs.FeedResponse.FromString


def times(call: Callable[[], object], frames: int) -> Callable[[], None]:
    def run() -> None:
        for _ in range(frames):
            call()

    return run


def rows_for(mode: str, count: int, goal: float | None, parse: Callable[[bytes], Any] | None) -> list[Row]:
    frame = frame_of(mode, count)
    decode, bare = Decoder(WATCH).decode, FeedResponse.FromString
    frames = max(20, INSTRUMENTS_A_ROUND // count)
    few = max(3, frames // 20)
    cases: dict[str, tuple[Callable[[], None], int]] = {
        "ours": (lambda: _decode_all(decode, frame, frames), frames * count),
        BARE: (lambda: _parse_all(bare, frame, frames), frames * count),
        READS: (times(lambda: _read_all(frame), few), few * count),
    }
    if parse is not None:
        cases[SDK] = (times(lambda: MessageToDict(parse(frame)), few), few * count)
    found = measure(cases, ROUNDS)
    name = f"decode, {mode}, {count} a frame"
    sdk = absent(name, SDK, goal, "upstox-python-sdk is not installed") if parse is None else compare(name, found, "ours", SDK, goal)
    return [sdk, compare(name, found, "ours", READS, None), compare(name, found, "ours", BARE, 1.0)]


def _read_all(frame: bytes) -> list[tuple[Any, ...]]:
    return [values_of(0, 0, feed) for _, feed in parse_ours(frame).feeds.items()]


def _decode_all(decode: Callable[[bytes, int], object], frame: bytes, frames: int) -> None:
    for _ in range(frames):
        decode(frame, TS)


def _parse_all(parse: Callable[[bytes], object], frame: bytes, frames: int) -> None:
    for _ in range(frames):
        parse(frame)


def main(args: list[str]) -> None:
    parse = sdk_parser()
    rows = [row for (mode, count), goal in CASES.items() for row in rows_for(mode, count, goal, parse)]
    show("decode", rows, as_json="--json" in args)


if __name__ == "__main__":
    main(sys.argv[1:])
