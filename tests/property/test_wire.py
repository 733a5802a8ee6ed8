"""Composed and mutated frames: what the wire decoder takes, the protobuf runtime takes with equal values."""

import random
import resource
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.broker import wire
from pipeline.broker.wire import Decoder, FrameRefused
from pipeline.broker.wire_runtime import read
from proto.MarketDataFeedV3_pb2 import FeedResponse
from tests.fakes.wire_frames import KEYS, STRANGERS, TS, WATCH, Composer, mutate, seeds

KNOWN = Decoder(WATCH)._known
GUARD = 0x5AFE_5AFE_5AFE_5AFE


class Watched:
    """A decoder that counts the frames that go the runtime's way, in memory with guards on both sides."""

    def __init__(self) -> None:
        self.decoder = Decoder(WATCH)
        memory = self.decoder._memory
        self.words = np.full(len(memory) + 128, GUARD)
        self.words[64:-64] = memory
        self.decoder._memory = self.words[64:-64]
        self.decoder._address = self.decoder._memory.ctypes.data
        self.decoder._told = self.decoder._memory[wire.k.FOUND : wire.k.TS + 1]
        self.rooms = [
            self.decoder._rooms.setdefault(what, wire.Room(row, 96)) for what, row in ((0, wire.TICK), (2, wire.TICK), (4, wire.DEPTH))
        ]
        self.guards = []
        for what, room in zip((0, 2, 4), self.rooms, strict=True):
            size = room.words.size
            guarded = np.full(size + 128, GUARD)
            room.words = guarded[64:-64]
            room.rows = np.ndarray((96,), room.rows.dtype, guarded, offset=64 * 8)
            room.address = room.words.ctypes.data
            self.guards.append(guarded)
            self.decoder._memory[what : what + 2] = room.address, 96
        self.decoder._rows, self.decoder._books = self.rooms[1].rows, self.rooms[2].rows
        self.decoder._ones = iter(self.rooms[0].rows.reshape(-1, 1))
        self.tables = self.decoder._memory[wire.k.FREE :].tobytes()

    def is_whole(self) -> bool:
        """Say whether nothing was written outside, nor over the table of keys (the bitmap behind it may change)."""
        ends = [self.words[:64], self.words[-64:]] + [part for g in self.guards for part in (g[:64], g[-64:])]
        kept = self.tables[: -16 * int(self.decoder._memory[wire.k.BITMAP_WORDS])]
        return all((end == GUARD).all() for end in ends) and self.decoder._memory[wire.k.FREE :].tobytes().startswith(kept)


def paths(monkeypatch) -> Counter:
    """Count the frames that are read by the runtime."""
    count = Counter()

    def counted(frame, known):
        count["runtime"] += 1
        return read(frame, known)

    monkeypatch.setattr(wire, "read", counted)
    return count


def outcome(call):
    """Give what a decoder says of a frame, as plain values."""
    try:
        found = call()
    except FrameRefused as refusal:
        return refusal.reason
    rows = found.rows.tobytes() if found.rows is not None else b""
    books = found.books if not isinstance(found, wire.Decoded) else found.depth.rows if found.depth is not None else np.empty(0)
    return found.ts, rows, books.tobytes(), found.statuses, found.refused, found.unknown


# ------------------------------------------------------------------ composed messages


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False))
def test_composed_frames_are_read_as_the_runtime_reads_them(rng):
    frame = Composer(rng, plain=False).frame()
    assert outcome(lambda: Decoder(WATCH).decode(frame, TS)) == outcome(lambda: read(frame, KNOWN))


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False))
def test_plain_frames_in_any_order_with_new_fields_do_not_need_the_runtime(rng):
    frame = Composer(rng).frame()
    decoder = Decoder(WATCH)
    expected = outcome(lambda: read(frame, KNOWN))
    with pytest.MonkeyPatch.context() as patch:
        count = paths(patch)
        assert outcome(lambda: decoder.decode(frame, TS)) == expected
    assert count["runtime"] == 0


def test_many_composed_frames_of_one_decoder(monkeypatch):
    count, decoder, taken = paths(monkeypatch), Decoder(WATCH), 0
    for seed in range(3_000):
        frame = Composer(random.Random(seed), plain=seed % 2 == 0).frame()
        expected = outcome(lambda: read(frame, KNOWN))  # noqa: B023
        assert outcome(lambda: decoder.decode(frame, TS)) == expected  # noqa: B023
        taken += not isinstance(expected, str)
    assert taken > 1_500
    assert count["runtime"] < 1_500  # half of the frames are plain, and so are many of the rest


# ------------------------------------------------------------------ mutated frames


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
    quotes = [m["firstDepth"]] if "firstDepth" in m else m.get("marketLevel", {}).get("bidAskQuote", [])
    assert row["levels"] == min(len(quotes), 30)
    levels = quotes[:5] + [{}] * (5 - len(quotes))
    for ours, theirs in (("bid_px", "bidP"), ("bid_qty", "bidQ"), ("ask_px", "askP"), ("ask_qty", "askQ")):
        assert row[ours].tolist() == [number(level, theirs) for level in levels]


def pool_of(seed: int) -> list[bytes]:
    """Give frames to mutate: the feed's own kinds, and composed ones of two papers."""
    composed = [Composer(random.Random(seed * 1_000 + n), plain=n % 4 > 0).frame((KEYS[n % 4], STRANGERS[n % 3])) for n in range(60)]
    return seeds() * 6 + composed


def fuzz(count: int, seed: int, monkeypatch, *, by_hand: bool) -> Counter:
    """Decode mutated frames and count what came of them; ``by_hand`` compares with MessageToDict as well."""
    rng, pool, watched, told = random.Random(seed), pool_of(seed), Watched(), paths(monkeypatch)
    for n in range(count):
        frame = mutate(rng, pool[rng.randrange(len(pool))])
        before = told["runtime"]
        try:
            found = watched.decoder.decode(frame, TS)
        except FrameRefused as refusal:
            told["refused"] += 1
            told[refusal.reason] += 1
            assert told["runtime"] == before + 1  # nothing is refused without the runtime
            continue
        told["accepted"] += 1
        told.update(f"row {why}" for _, why in found.refused)
        if told["runtime"] == before:
            told["accepted by the kernel"] += 1
            assert outcome(lambda: found) == outcome(lambda: read(frame, KNOWN))  # noqa: B023
        if by_hand:
            message = FeedResponse.FromString(frame)
            plain = MessageToDict(message)
            rows = found.rows if found.rows is not None else ()
            for row in rows:
                check_row(row, plain["feeds"][KEYS[row["sid"]]])
                floats = np.concatenate([np.atleast_1d(row[n]) for n in row.dtype.names if row.dtype[n].base.kind == "f"])
                assert np.isfinite(floats).all()
            assert len(rows) + len(found.refused) + len(found.unknown) == len(message.feeds)
        if n % 1_000 == 0:
            assert watched.is_whole()
    assert watched.is_whole()
    return told


def test_mutated_frames_are_refused_or_equal(monkeypatch):
    told = fuzz(20_000, 7, monkeypatch, by_hand=True)
    assert told["accepted by the kernel"] > 1_000
    assert told["not_protobuf"] > 1_000
    assert sum(reason.startswith("row bad_") for reason in told) > 10


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
def test_a_million_mutated_frames(monkeypatch):
    fuzz(20_000, 99, monkeypatch, by_hand=False)
    before, told = resident_mb(), Counter()
    for seed in range(10):
        told += fuzz(100_000, seed, monkeypatch, by_hand=False)
    print(f"\n1,000,000 mutated frames: {dict(told.most_common())}, memory {resident_mb() - before:+.1f} MB")
    assert told["accepted"] + told["refused"] == 1_000_000
    assert told["accepted by the kernel"] > 100_000
    assert resident_mb() - before < 16


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
