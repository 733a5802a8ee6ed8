"""Feed frames to rows: one V3 protobuf message in, one ``TICK[n]`` array (raw fields) and market status out.

Reads   bytes of one websocket frame (<= 8 MiB, <= 6,000 instruments), prices in rupees, times in epoch ms UTC
Gives   ``Decoded``: a ``TickBatch`` sorted by symbol id, segment states, what was refused and which keys are unknown
Law     what the frame does not carry is zero; a row with NaN, infinity, a negative price or an absurd size is refused
        by name and leaves the other rows alone; a frame that is wrong as a whole, or in every row, is refused

Never guesses, never repairs, never keeps state: the same bytes give the same rows. Fields are read as attributes and
packed by one ``struct`` call per instrument, bounds are checked over the whole frame at once.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.message import DecodeError

from pipeline.core.errors import Refused
from pipeline.core.feed import DEEP_LEVELS
from pipeline.core.types import DEPTH_LEVELS, TICK, TICK_RAW_FIELDS, FeedMode, TickBatch, TickFlag, TickKind
from proto.MarketDataFeedV3_pb2 import FeedResponse, MarketStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.core.types import Instrument

MAX_FRAME_BYTES = 8 * 1024 * 1024
MAX_FEEDS = 6_000
MAX_STATUSES = 128
MIN_TS, MAX_TS = 1_420_070_400_000, 4_102_444_800_000
"""2015 to 2100: no frame of ours lies outside."""
MAX_PX = 1e8
MAX_QTY = 10**13
MAX_GREEK = 1e12
INITIAL_FEED, LIVE_FEED, MARKET_INFO = 0, 1, 2
SESSION_OVER = "CLOSING_END"
_STATUS_WORD = re.compile(r"[A-Za-z0-9_]{1,48}")
# As plain integers: arithmetic on an IntFlag costs more than reading a whole order book.
_INDEX, _HAS_DEPTH = int(TickFlag.INDEX), int(TickFlag.HAS_DEPTH)
_HAS_MINUTE, _CAS_ELIGIBLE = int(TickFlag.HAS_MINUTE), int(TickFlag.CAS_ELIGIBLE)
_HAS_DAY = int(TickFlag.HAS_DAY)
_NO_LEVEL = (0, 0.0, 0, 0.0)
_NO_LEVELS = [_NO_LEVEL] * DEPTH_LEVELS
_NO_BAR = (0, 0.0, 0.0, 0.0, 0.0, 0)
_NO_MINUTE = _NO_BAR * 2
_NO_GREEKS = (0.0, 0.0, 0.0, 0.0, 0.0)
_NO_FIRST = (0, 0.0, 0.0, *_NO_LEVEL, *_NO_GREEKS)


class FrameRefused(Refused):
    """A frame that is not taken. ``reason`` is one word for counting, the message says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"feed frame refused ({reason}): {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What one frame brought. ``refused`` holds (instrument key, field) of rows that were not taken."""

    ts: int
    batch: TickBatch | None
    statuses: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]


def _format_of_raw() -> struct.Struct:
    codes = {"<u4": "I", "|u1": "B", "|i1": "b", "<i8": "q", "<f8": "d"}
    parts = []
    for name in TICK_RAW_FIELDS:
        base, shape = TICK[name].base, TICK[name].shape
        parts.append(codes[base.str] * int(np.prod(shape, dtype=int)))
    return struct.Struct("<" + "".join(parts))


_RAW = _format_of_raw()
_WORDS = TICK.itemsize // 8


def _bounds() -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp], NDArray[np.int64], list[str]]:
    """List the checked columns (8-byte words of a row): float words with (low, high), integer words with (low, high)."""
    signed = {"iiq_total", "iiq_market"}
    greeks = {"delta", "theta", "gamma", "vega", "rho"}
    counts = {"oi", "tbq", "tsq"}
    floats: list[tuple[int, float, float]] = []
    integers: list[tuple[int, int, int]] = []
    names = [""] * _WORDS
    offsets = {name: place[1] for name, place in TICK.fields.items()} if TICK.fields is not None else {}
    for name in TICK_RAW_FIELDS:
        base, size = TICK[name].base, max(1, int(np.prod(TICK[name].shape, dtype=int)))
        at = offsets[name] // 8
        if base.itemsize != 8:
            continue
        for word in range(at, at + size):
            names[word] = name
            if base.kind == "f":
                high = MAX_GREEK if name in greeks else float(MAX_QTY) if name in counts else MAX_PX
                floats.append((word, -high if name in greeks else 0.0, high))
            else:
                high_int = MAX_TS if name in {"ts_exch", "ltt", "i1_ts", "d1_ts"} else MAX_QTY
                integers.append((word, -high_int if name in signed else 0, high_int))
    return (
        np.array([f[0] for f in floats]),
        np.array([[f[1] for f in floats], [f[2] for f in floats]]),
        np.array([i[0] for i in integers]),
        np.array([[i[1] for i in integers], [i[2] for i in integers]]),
        names,
    )


_FLOATS, _FLOAT_BOUNDS, _INTEGERS, _INTEGER_BOUNDS, _WORD_NAMES = _bounds()


class Decoder:
    """Decodes frames for one watchlist.

    Args:
        instruments: today's watchlist; keys outside it are reported, not decoded.
    """

    __slots__ = ("_known",)

    def __init__(self, instruments: Sequence[Instrument]) -> None:
        self._known = {i.instrument_key: (i.sid, _INDEX if i.is_index else 0) for i in instruments}

    def decode(self, frame: bytes | str, ts_recv: int) -> Decoded:
        """Decode one frame received at ``ts_recv``.

        Raises:
            FrameRefused: with the reason by name.
        """
        message = parse(frame)
        ts = message.currentTs
        known: list[tuple[int, int, str, Any]] = []
        unknown: list[str] = []
        for key, feed in message.feeds.items():
            place = self._known.get(key)
            if place is None:
                unknown.append(key[:64])
            else:
                known.append((place[0], place[1], key, feed))
        known.sort(key=_first)  # a protobuf map has no order of its own
        rows, bad = _rows(known)
        if bad and len(rows) == 0:
            raise FrameRefused(bad[0][1], f"every row is bad, the first of {bad[0][0]}")
        rows["kind"] = TickKind.SNAPSHOT if message.type == INITIAL_FEED else TickKind.LIVE
        rows["ts_exch"] = ts
        batch = TickBatch(ts, rows, ts_recv) if len(rows) > 0 else None
        return Decoded(ts, batch, _statuses(message), tuple(bad), tuple(sorted(unknown)))


def _first(item: tuple[int, int, str, Any]) -> int:
    return item[0]


def _rows(known: list[tuple[int, int, str, Any]]) -> tuple[NDArray[np.void], list[tuple[str, str]]]:
    size = TICK.itemsize
    packed = bytearray(size * len(known))
    keys: list[str] = []
    bad: list[tuple[str, str]] = []
    for sid, flags, key, feed in known:
        try:
            _RAW.pack_into(packed, size * len(keys), *_values(sid, flags, feed))
        except FrameRefused as refusal:
            bad.append((key, refusal.reason))
        else:
            keys.append(key)
    rows, out_of_bounds = _checked(packed[: size * len(keys)] if bad else packed, keys)
    return rows, bad + out_of_bounds


def parse(frame: bytes | str) -> Any:
    """Parse the bytes and check what concerns the frame as a whole: size, kind, time, number of entries."""
    if isinstance(frame, str):
        raise FrameRefused("text", "the feed speaks binary")
    if len(frame) > MAX_FRAME_BYTES:
        raise FrameRefused("too_large", f"{len(frame)} bytes, at most {MAX_FRAME_BYTES}")
    try:
        message = FeedResponse.FromString(frame)
    except DecodeError:
        raise FrameRefused("not_protobuf", f"{len(frame)} bytes that are no whole V3 message") from None
    if message.type not in (INITIAL_FEED, LIVE_FEED, MARKET_INFO):
        raise FrameRefused("unknown_type", f"type {message.type}")
    if not MIN_TS <= message.currentTs <= MAX_TS:
        raise FrameRefused("no_time", f"currentTs {message.currentTs}")
    if len(message.feeds) > MAX_FEEDS:
        raise FrameRefused("too_many_feeds", f"{len(message.feeds)} entries, at most {MAX_FEEDS}")
    return message


def _values(sid: int, flags: int, feed: Any) -> tuple[Any, ...]:
    """Read one instrument's update in the order of ``TICK_RAW_FIELDS``; what all rows share is filled in later."""
    mode = feed.requestMode
    if not 0 <= mode <= FeedMode.FULL_D30:
        raise FrameRefused("unknown_mode", f"requestMode {mode}")
    union = feed.WhichOneof("FeedUnion")
    if union == "fullFeed":
        full = feed.fullFeed
        which = full.WhichOneof("FullFeedUnion")
        if which == "marketFF":
            return _market(sid, flags, mode, full.marketFF)
        if which == "indexFF":
            index = full.indexFF
            return _light((sid, flags | _INDEX, mode), index.ltpc, _NO_FIRST, _minute(index.marketOHLC.ohlc))
    elif union == "ltpc":
        return _light((sid, flags, mode), feed.ltpc, _NO_FIRST, _NO_MINUTE)
    elif union == "firstLevelWithGreeks":
        first = feed.firstLevelWithGreeks
        quote = first.firstDepth
        level = (quote.bidQ, quote.bidP, quote.askQ, quote.askP)
        return _light((sid, flags, mode), first.ltpc, (first.vtt, first.oi, first.iv, *level, *_greeks(first.optionGreeks)), _NO_MINUTE)
    raise FrameRefused("empty_entry", "an entry that carries nothing")


def _market(sid: int, flags: int, mode: int, m: Any) -> tuple[Any, ...]:
    ltpc = m.ltpc
    quotes = m.marketLevel.bidAskQuote
    levels = [(q.bidQ, q.bidP, q.askQ, q.askP) for q in (quotes if len(quotes) <= DEPTH_LEVELS else quotes[:DEPTH_LEVELS])]
    levels += _NO_LEVELS[len(levels) :]
    (q0, b0, r0, a0), (q1, b1, r1, a1), (q2, b2, r2, a2), (q3, b3, r3, a3), (q4, b4, r4, a4) = levels
    if b0 > 0.0 and a0 > 0.0:
        flags |= _HAS_DEPTH
    minute = _minute(m.marketOHLC.ohlc)
    flags |= (_HAS_MINUTE if minute[0] > 0 else 0) | (_HAS_DAY if minute[6] > 0 else 0)
    if m.casEligible:
        flags |= _CAS_ELIGIBLE
    iep = m.iep
    if iep == 0.0 and ltpc.HasField("iep"):
        iep = ltpc.iep.value
    greeks = _greeks(m.optionGreeks) if m.HasField("optionGreeks") else _NO_GREEKS
    head = (sid, 0, mode, 0, min(len(quotes), DEEP_LEVELS), flags, 0, 0, ltpc.ltt, ltpc.ltp, ltpc.ltq, ltpc.cp)
    body = (m.atp, m.vtt, m.oi, m.iv, m.tbq, m.tsq, b0, b1, b2, b3, b4, q0, q1, q2, q3, q4, a0, a1, a2, a3, a4, r0, r1, r2, r3, r4)
    return head + body + minute + greeks + (iep, m.rp, m.ieq, m.iiqTotal, m.iiqM)


def _light(head: tuple[int, int, int], ltpc: Any, first: tuple[Any, ...], minute: tuple[Any, ...]) -> tuple[Any, ...]:
    """Lay out an entry without a full book: ltpc, an index, or the first level with greeks."""
    sid, flags, mode = head
    vtt, oi, iv, bid_qty, bid_px, ask_qty, ask_px, *greeks = first
    if bid_px > 0.0 and ask_px > 0.0:
        flags |= _HAS_DEPTH
    flags |= (_HAS_MINUTE if minute[0] > 0 else 0) | (_HAS_DAY if minute[6] > 0 else 0)
    rest = (0,) * (DEPTH_LEVELS - 1)
    iep = ltpc.iep.value if ltpc.HasField("iep") else 0.0
    return (
        *(sid, 0, mode, 0, int(first is not _NO_FIRST), flags, 0, 0, ltpc.ltt, ltpc.ltp, ltpc.ltq, ltpc.cp, 0.0, vtt, oi, iv, 0.0, 0.0),
        *(bid_px, *rest, bid_qty, *rest, ask_px, *rest, ask_qty, *rest),
        *minute,
        *greeks,
        *(iep, 0.0, 0, 0, 0),
    )


def _minute(bars: Any) -> tuple[Any, ...]:
    """Return the newest ``I1`` bar (the last finished minute) and the ``1d`` bar. The list has no order and may hold other intervals."""
    found: tuple[Any, ...] = _NO_BAR
    day: tuple[Any, ...] = _NO_BAR
    for bar in bars:
        if bar.interval == "I1" and bar.ts > found[0]:
            found = (bar.ts, bar.open, bar.high, bar.low, bar.close, bar.vol)
        elif bar.interval == "1d" and bar.ts > day[0]:
            day = (bar.ts, bar.open, bar.high, bar.low, bar.close, bar.vol)
    return found + day


def _greeks(g: Any) -> tuple[float, float, float, float, float]:
    return g.delta, g.theta, g.gamma, g.vega, g.rho


def _checked(packed: bytearray, keys: list[str]) -> tuple[NDArray[np.void], list[tuple[str, str]]]:
    """Drop rows with a value out of bounds. NaN fails both comparisons, so it is out of bounds."""
    rows = np.frombuffer(packed, TICK)
    floats = np.frombuffer(packed, "<f8").reshape(-1, _WORDS)[:, _FLOATS]
    integers = np.frombuffer(packed, "<i8").reshape(-1, _WORDS)[:, _INTEGERS]
    good_floats = (floats >= _FLOAT_BOUNDS[0]) & (floats <= _FLOAT_BOUNDS[1])
    good_integers = (integers >= _INTEGER_BOUNDS[0]) & (integers <= _INTEGER_BOUNDS[1])
    if good_floats.all() and good_integers.all():
        return rows, []
    good = good_floats.all(axis=1) & good_integers.all(axis=1)
    bad = []
    for n in np.flatnonzero(~good):
        words = (*_FLOATS[~good_floats[n]], *_INTEGERS[~good_integers[n]])
        bad.append((keys[n], f"bad_{_WORD_NAMES[words[0]]}"))
    return rows[good], bad


def _statuses(message: Any) -> tuple[tuple[str, str], ...]:
    """Read segment states; the auction's and the pre-open's stand under ``NSE_EQ.cas`` and ``NSE_EQ.pre_open``."""
    if not message.HasField("marketInfo"):
        return ()
    told = message.marketInfo
    named = MarketStatus.DESCRIPTOR.values_by_number
    found = [(k, named[v].name if v in named else str(v)) for k, v in told.segmentStatus.items()]
    parts = [(k, "", v) for k, v in found]
    parts += [(k, ".cas", v.status) for k, v in told.casMarketStatus.items()]
    parts += [(k, ".pre_open", v.status) for k, v in told.preOpenSessionStatus.items()]
    if len(parts) > MAX_STATUSES:
        raise FrameRefused("too_many_statuses", f"{len(parts)} segments")
    for segment, _, word in parts:
        if not _STATUS_WORD.fullmatch(segment) or not _STATUS_WORD.fullmatch(word):
            raise FrameRefused("bad_status", "a segment or its state is no plain word")
    return tuple(sorted((segment + tail, word) for segment, tail, word in parts))
