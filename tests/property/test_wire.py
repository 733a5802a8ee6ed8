"""Mutated frames: no crash, and what is accepted equals an independent reading by the protobuf runtime."""

import random

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError

from pipeline.broker.wire import Decoder, FrameRefused
from pipeline.core.types import Instrument
from proto.MarketDataFeedV3_pb2 import FeedResponse

TS = 1_790_308_200_123
KEYS = ("NSE_EQ|INE002A01018", "NSE_EQ|INE009A01021", "NSE_INDEX|Nifty 50", "NSE_FO|51460")
WATCH = [Instrument(n, f"S{n}", key, key, 5, 1, 1, is_cas_eligible=False) for n, key in enumerate(KEYS)]


def seeds() -> list[bytes]:
    found = []
    for kind in (0, 1):
        message = FeedResponse(type=kind, currentTs=TS)
        for n, key in enumerate(KEYS[:2]):
            m = message.feeds[key].fullFeed.marketFF
            m.ltpc.ltp, m.ltpc.ltt, m.ltpc.ltq, m.ltpc.cp = 1412.35 + n, TS - 20, 10, 1400.0
            for level in range(5):
                m.marketLevel.bidAskQuote.add(bidQ=10 + level, bidP=1412.0 - level, askQ=20 + level, askP=1413.0 + level)
            for interval in ("1d", "I1"):
                m.marketOHLC.ohlc.add(interval=interval, open=1410, high=1415, low=1409, close=1412, vol=999, ts=TS - 60_000)
            m.atp, m.vtt, m.tbq, m.tsq, m.iiqTotal, m.casEligible = 1411.5, 100_000, 5e5, 6e5, -50, n == 0
        message.feeds[KEYS[2]].fullFeed.indexFF.ltpc.ltp = 25_010.5
        greeks = message.feeds[KEYS[3]].firstLevelWithGreeks
        greeks.ltpc.ltp, greeks.optionGreeks.delta, greeks.firstDepth.bidP, greeks.firstDepth.askP = 120.5, -0.4, 120.0, 121.0
        found.append(message.SerializeToString())
    status = FeedResponse(type=2, currentTs=TS)
    status.marketInfo.segmentStatus["NSE_EQ"] = 2
    status.marketInfo.casMarketStatus["NSE_EQ"].status = "CTS_CLOSE"
    return [*found, status.SerializeToString()]


def mutate(rng: random.Random, frame: bytes) -> bytes:
    out = bytearray(frame)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1) if out else 0
        what = rng.randrange(6)
        if what == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif what == 1 and out:
            out[at % len(out)] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif what == 2:
            del out[at:]
        elif what == 3:
            del out[at : at + rng.randrange(1, 9)]
        elif what == 4:
            out[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            out[at : at + 8] = rng.choice((b"\xff" * 8, b"\0\0\0\0\0\0\xf8\x7f", b"\0\0\0\0\0\0\xf0\x7f", b"\0\0\0\0\0\0\xf0\xff"))
    return bytes(out)


def number(plain, *names):
    for name in names:
        plain = plain.get(name) if isinstance(plain, dict) else None
    return 0.0 if plain is None else float(plain)


def check_row(row, feed) -> None:
    """Compare with MessageToDict, which shares no line with the decoder."""
    full = feed.get("fullFeed", {})
    m = full.get("marketFF") or full.get("indexFF") or feed.get("firstLevelWithGreeks") or {}
    ltpc = feed.get("ltpc") or m.get("ltpc") or {}
    for name in ("ltp", "ltt", "ltq", "cp"):
        assert row[name] == number(ltpc, name)
    for name in ("vtt", "oi", "iv", "atp", "tbq", "tsq", "rp", "ieq"):
        assert row[name] == number(m, name)
    assert row["iiq_total"] == number(m, "iiqTotal")
    for name in ("delta", "theta", "gamma", "vega", "rho"):
        assert row[name] == number(m, "optionGreeks", name)
    levels = ([m["firstDepth"]] if "firstDepth" in m else m.get("marketLevel", {}).get("bidAskQuote", []))[:5]
    levels = levels + [{}] * (5 - len(levels))
    for ours, theirs in (("bid_px", "bidP"), ("bid_qty", "bidQ"), ("ask_px", "askP"), ("ask_qty", "askQ")):
        assert row[ours].tolist() == [number(level, theirs) for level in levels]


def fuzz(count: int, seed: int) -> dict[str, int]:
    rng = random.Random(seed)
    decoder = Decoder(WATCH)
    pool = seeds()
    told: dict[str, int] = {"accepted": 0}
    for _ in range(count):
        frame = mutate(rng, rng.choice(pool))
        try:
            found = decoder.decode(frame, TS)
        except FrameRefused as refusal:
            told[refusal.reason] = told.get(refusal.reason, 0) + 1
            continue
        told["accepted"] += 1
        for _, why in found.refused:
            told[f"row {why}"] = told.get(f"row {why}", 0) + 1
        message = FeedResponse.FromString(frame)
        plain = MessageToDict(message)
        assert found.ts == message.currentTs
        rows = found.batch.rows if found.batch is not None else ()
        for row in rows:
            check_row(row, plain["feeds"][KEYS[row["sid"]]])
            floats = np.concatenate([np.atleast_1d(row[n]) for n in row.dtype.names if row.dtype[n].base.kind == "f"])
            assert np.isfinite(floats).all()
        assert len(rows) + len(found.refused) + len(found.unknown) == len(message.feeds)
    return told


def test_mutated_frames_are_refused_or_equal():
    told = fuzz(20_000, 7)
    assert told["accepted"] > 1_000
    assert told["not_protobuf"] > 1_000
    assert sum(reason.startswith("row bad_") for reason in told) > 10


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("seed", range(10))
def test_a_million_mutated_frames(seed):
    assert fuzz(100_000, seed)["accepted"] > 0


def test_pure_noise_is_refused_or_read_as_the_runtime_reads_it():
    rng = random.Random(11)
    decoder = Decoder(WATCH)
    for _ in range(5_000):
        noise = rng.randbytes(rng.randrange(200))
        try:
            decoder.decode(noise, TS)
        except FrameRefused:
            continue
        try:
            FeedResponse.FromString(noise)
        except DecodeError:
            pytest.fail("the runtime refuses what we accepted")
