"""Feed frames built by hand, byte by byte: every mode, fields in any order, twice, unknown ones; and their mutations."""

from __future__ import annotations

import random
import struct

from pipeline.core.types import Instrument
from proto.MarketDataFeedV3_pb2 import FeedResponse

TS = 1_790_308_200_123
KEYS = ("NSE_EQ|INE002A01018", "NSE_EQ|INE009A01021", "NSE_INDEX|Nifty 50", "NSE_FO|51460")
WATCH = [Instrument(n, f"S{n}", key, key, 5, 1, 1, is_cas_eligible=False, is_index=n == 2) for n, key in enumerate(KEYS)]
STRANGERS = ("NSE_EQ|INE999A01099", "A", "BSE_EQ|" + "X" * 90)
NEW_FIELDS = range(40, 60)
"""Numbers that no message of the schema uses."""


# ------------------------------------------------------------------ the wire format, written anew


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def inner(field: int, body: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(body)) + body


class Composer:
    """Composes frames from a source of chance. ``plain`` leaves out what belongs to the runtime."""

    def __init__(self, rng: random.Random, *, plain: bool = True) -> None:
        self.rng, self.plain = rng, plain

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def price(self) -> float:
        if not self.plain and self.chance(0.02):
            return self.rng.choice((float("nan"), float("inf"), -1.0, -0.0, 1e9, -1e15, 5e-324))
        return self.rng.choice((0.0, 0.05, round(self.rng.uniform(0, 5_000), 2), 1e8))

    def size(self) -> int:
        if not self.plain and self.chance(0.02):
            return self.rng.choice((-1, 10**14, -(2**63), 2**63 - 1))
        return self.rng.choice((0, 1, 127, 128, 300, 20_000, 2**31, 10**13))

    def time(self) -> int:
        return self.rng.choice((0, TS, TS - 60_000, TS - self.rng.randrange(10**6), 315_513_000_000))

    def message(self, *fields: bytes | None) -> bytes:
        """Put present fields together: some twice when scalar, new ones among them, in order or shuffled."""
        parts = [f for f in fields if f]
        if self.chance(0.2):
            parts += [p for p in parts if p[0] & 7 in (0, 1) and self.chance(0.3)]
        if self.chance(0.2):
            parts += [self.unknown() for _ in range(self.rng.randrange(1, 3))]
        if not self.plain and parts and self.chance(0.05):
            parts.append(self.odd(parts))
        if self.chance(0.4):
            self.rng.shuffle(parts)
        return b"".join(parts)

    def unknown(self) -> bytes:
        field = self.rng.choice((*NEW_FIELDS, 2_000, 2**29 - 1))
        return self.rng.choice(
            (
                number(field, self.rng.choice((0, 5, 2**40, -1))),
                double(field, 1.5),
                inner(field, b"\xff\x00 new"),
                varint(field << 3 | 5) + b"abcd",
            )
        )

    def odd(self, parts: list[bytes]) -> bytes:
        """Give something that the wire decoder leaves to the runtime, or that nobody takes."""
        return self.rng.choice(
            (
                self.rng.choice(parts),  # a message twice
                number(1, 3),
                double(2, 2.5),
                b"\x0b\x0c",  # a group
                varint(45 << 3 | 3) + varint(45 << 3 | 4),
                b"\x88\x80\x00\x01",  # an over-long tag
                b"\x00\x01",  # field number zero
                b"\x0a\x02\xff\xfe",
                number(16, 2**64 - 1),
            )
        )

    def some(self, share: float, part: bytes) -> bytes | None:
        return part if self.chance(share) else None

    def ltpc(self) -> bytes:
        iep = inner(5, self.message(self.some(0.8, double(1, self.price()))))
        return self.message(
            self.some(0.9, double(1, self.price())), self.some(0.9, number(2, self.time())), self.some(0.9, number(3, self.size())),
            self.some(0.9, double(4, self.price())), self.some(0.2, iep),
        )  # fmt: skip

    def quote(self) -> bytes:
        return self.message(
            self.some(0.9, number(1, self.size())), self.some(0.9, double(2, self.price())),
            self.some(0.9, number(3, self.size())), self.some(0.9, double(4, self.price())),
        )  # fmt: skip

    def greeks(self) -> bytes:
        return self.message(*(self.some(0.9, double(n, self.rng.uniform(-1e6, 1e6))) for n in range(1, 6)))

    def bar(self) -> bytes:
        intervals = [b"1d", b"I1", b"I1", b"I30", b"", b"I"] + ([] if self.plain else [b"\xc3\xa9", b"\xff"])
        interval = inner(1, self.rng.choice(intervals))
        prices = [self.some(0.9, double(n, self.price())) for n in range(2, 6)]
        return self.message(
            self.some(0.95, interval), *prices, self.some(0.9, number(6, self.size())), self.some(0.9, number(7, self.time()))
        )

    def bars(self) -> bytes:
        return b"".join(inner(1, self.bar()) for _ in range(self.rng.choice((0, 1, 2, 2, 4)))) + (
            self.unknown() if self.chance(0.1) else b""
        )

    def levels(self) -> bytes:
        return b"".join(inner(1, self.quote()) for _ in range(self.rng.choice((0, 1, 4, 5, 5, 5, 6, 30, 33))))

    def market(self) -> bytes:
        doubles = [self.some(0.7, double(n, self.price())) for n in (5, 7, 8, 9, 10, 11, 12)]
        return self.message(
            self.some(0.9, inner(1, self.ltpc())), self.some(0.8, inner(2, self.levels())), self.some(0.4, inner(3, self.greeks())),
            self.some(0.8, inner(4, self.bars())), *doubles, self.some(0.8, number(6, self.size())), self.some(0.3, number(13, self.size())),
            self.some(0.3, number(14, -1_200)), self.some(0.3, number(15, 300)), self.some(0.3, number(16, self.rng.randrange(3))),
        )  # fmt: skip

    def feed(self) -> bytes:
        mode = self.rng.choice((0, 1, 2, 3))
        kind = self.rng.randrange(4)
        if kind == 0:
            body = inner(1, self.ltpc())
        elif kind == 1:
            body = inner(2, self.message(inner(1, self.market())))
        elif kind == 2:
            body = inner(
                2, self.message(inner(2, self.message(self.some(0.9, inner(1, self.ltpc())), self.some(0.9, inner(2, self.bars())))))
            )
        else:
            greeks = self.some(0.9, inner(3, self.greeks()))
            numbers = [
                self.some(0.9, number(4, self.size())),
                self.some(0.9, double(5, self.price())),
                self.some(0.9, double(6, self.price())),
            ]
            body = inner(3, self.message(self.some(0.9, inner(1, self.ltpc())), self.some(0.9, inner(2, self.quote())), greeks, *numbers))
        if not self.plain and self.chance(0.03):
            body = self.rng.choice((b"", body + body, inner(1, self.ltpc()) + body))
        return self.message(body, self.some(0.8, number(4, mode)))

    def frame(self, keys: tuple[str, ...] = (*KEYS, *STRANGERS)) -> bytes:
        chosen = self.rng.sample(keys, self.rng.randrange(1, len(keys) + 1))
        if not self.plain and self.chance(0.05):
            chosen += [self.rng.choice([*chosen, "", "NSE_EQ|\u20b9"])]
        entries = []
        for key in chosen:
            parts = [inner(1, key.encode()), inner(2, self.feed())]
            if self.chance(0.1):
                parts.reverse()
            if not self.plain and self.chance(0.02):
                parts.append(self.rng.choice((self.unknown(), parts[0], parts[1])))
            entries.append(inner(2, b"".join(parts)))
        kind = number(1, self.rng.choice((0, 1, 1, 2) if self.plain else (1, 1, 1, 1, 0, 2, 3)))
        ts = number(3, TS)
        if not self.plain and self.chance(0.03):
            ts = self.rng.choice((b"", number(3, 5), number(3, -5), ts + inner(4, inner(1, inner(1, b"NSE_EQ") + number(2, 2)))))
        return self.message(kind, ts, *entries)


# ------------------------------------------------------------------ mutations


def seeds() -> list[bytes]:
    """Give frames as the feed sends them, of every kind, for mutation."""
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
    trades = FeedResponse(type=1, currentTs=TS)
    for key in (*KEYS, STRANGERS[0]):
        trades.feeds[key].ltpc.ltp, trades.feeds[key].ltpc.ltt, trades.feeds[key].ltpc.iep.value = 99.95, TS - 300, 100.0
    found.append(trades.SerializeToString())
    deep = FeedResponse(type=1, currentTs=TS)
    deep.feeds[KEYS[0]].requestMode = 3
    for level in range(8):
        deep.feeds[KEYS[0]].fullFeed.marketFF.marketLevel.bidAskQuote.add(
            bidQ=10 + level, bidP=99.0 - level, askQ=20 + level, askP=100.0 + level
        )
    found.append(deep.SerializeToString())
    status = FeedResponse(type=2, currentTs=TS)
    status.marketInfo.segmentStatus["NSE_EQ"] = 2
    status.marketInfo.casMarketStatus["NSE_EQ"].status = "CTS_CLOSE"
    return [*found, status.SerializeToString()]


def mutate(rng: random.Random, frame: bytes) -> bytes:
    """Flip, cut, insert, overwrite, splice: one to five times."""
    out = bytearray(frame)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(out) + 1) if out else 0
        what = rng.randrange(11)
        if what == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif what in (8, 9) and out:  # inside a number, most likely: the frame stays whole
            zero = out.find(b"\0", at)
            out[zero if zero >= 0 else at % len(out)] = rng.randrange(256)
        elif what == 10 and len(out) > 16:
            first, second = rng.randrange(len(out) - 9), rng.randrange(len(out) - 9)
            out[first : first + 9], out[second : second + 9] = out[second : second + 9], out[first : first + 9]
        elif what == 1 and out:
            out[at % len(out)] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif what == 2:
            del out[at:]
        elif what == 3:
            del out[at : at + rng.randrange(1, 9)]
        elif what == 4:
            out[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif what == 5 and out:
            first = rng.randrange(len(out))
            out[at:at] = out[first : first + rng.randrange(1, 60)]
        elif what == 6 and out:
            out[at % len(out)] = (out[at % len(out)] + rng.choice((-2, -1, 1, 2))) % 256  # a length that is off by a little
        else:
            out[at : at + 8] = rng.choice((b"\xff" * 8, b"\0\0\0\0\0\0\xf8\x7f", b"\0\0\0\0\0\0\xf0\x7f", b"\0\0\0\0\0\0\xf0\xff"))
    return bytes(out)
