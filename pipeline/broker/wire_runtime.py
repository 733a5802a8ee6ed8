"""A feed frame through the protobuf runtime: the oracle of the wire decoder, and the path of every frame that is not plain.

Reads   bytes of one websocket frame (<= 8 MiB, <= 6,000 instruments), prices in rupees, times in epoch ms UTC
Gives   ``Told``: ``TICK[n]`` and ``DEPTH[n]`` sorted by symbol id, market states, what was refused and which keys are unknown
Law     what the frame does not carry is zero; a row with NaN, infinity, a negative price or an absurd size is refused
        by name and leaves the other rows alone; a frame that is wrong as a whole, or in every row, is refused

Fields are read as attributes and packed by one ``struct`` call an instrument, bounds are checked over the whole frame at once.
Some fifty times slower than ``wire_kernel.py``, and knows everything that a frame may be.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from google.protobuf.message import DecodeError

from pipeline.broker.wire_bounds import (
    DEPTH_BOUNDS,
    INITIAL_FEED,
    LIVE_FEED,
    MARKET_INFO,
    MAX_FEEDS,
    MAX_FRAME_BYTES,
    MAX_STATUSES,
    MAX_TS,
    MIN_TS,
    TICK_BOUNDS,
    FrameRefused,
)
from pipeline.core.feed import DEEP_LEVELS, DEPTH
from pipeline.core.types import DEPTH_LEVELS, TICK, TICK_RAW_FIELDS, FeedMode, TickFlag, TickKind
from proto.MarketDataFeedV3_pb2 import FeedResponse, MarketStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

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
_NO_FIRST = (0, 0, 0.0, 0.0, *_NO_LEVEL, *_NO_GREEKS)
_LEVELS = 4
"""Place of ``levels`` among the values of a row."""


class Told(NamedTuple):
    """What one frame brought. ``refused`` holds (instrument key, field) of rows that were not taken."""

    ts: int
    rows: NDArray[np.void]
    books: NDArray[np.void]
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
_BOOK = struct.Struct(f"<IIq{DEEP_LEVELS}d{DEEP_LEVELS}q{DEEP_LEVELS}d{DEEP_LEVELS}q")


def read(frame: bytes | str, known: Mapping[str, tuple[int, int]]) -> Told:
    """Decode one frame; ``known`` gives the (symbol id, flags) of the keys of the watchlist.

    Raises:
        FrameRefused: with the reason by name.
    """
    message = parse(frame)
    ts = message.currentTs
    feeds: list[tuple[int, int, str, Any]] = []
    unknown: list[str] = []
    for key, feed in message.feeds.items():
        place = known.get(key)
        if place is None:
            unknown.append(key[:64])
        else:
            feeds.append((place[0], place[1], key, feed))
    feeds.sort(key=_first)  # a protobuf map has no order of its own
    rows, books, bad = _rows(feeds)
    if bad and len(rows) == 0:
        raise FrameRefused(bad[0][1], f"every row is bad, the first of {bad[0][0]}")
    rows["kind"] = TickKind.SNAPSHOT if message.type == INITIAL_FEED else TickKind.LIVE
    rows["ts_exch"] = books["ts_exch"] = ts
    return Told(ts, rows, books, _statuses(message), tuple(bad), tuple(sorted(unknown)))


def _first(item: tuple[int, int, str, Any]) -> int:
    return item[0]


def _rows(known: list[tuple[int, int, str, Any]]) -> tuple[NDArray[np.void], NDArray[np.void], list[tuple[str, str]]]:
    """Pack rows and deep books. A row whose deep book is bad is refused with it."""
    packed, books = bytearray(), bytearray()
    keys: list[str] = []
    deep: list[int] = []
    bad: list[tuple[str, str]] = []
    for sid, flags, key, feed in known:
        try:
            values = values_of(sid, flags, feed)
            packed += _RAW.pack(*values).ljust(TICK.itemsize, b"\0")
        except FrameRefused as refusal:
            bad.append((key, refusal.reason))
            continue
        if values[_LEVELS] > DEPTH_LEVELS:
            books += _book(sid, feed.fullFeed.marketFF.marketLevel.bidAskQuote[:DEEP_LEVELS])
            deep.append(len(keys))
        keys.append(key)
    good, why = _checked(packed, TICK_BOUNDS)
    good_books, why_books = _checked(books, DEPTH_BOUNDS)
    good[[at for at, is_good in zip(deep, good_books, strict=True) if not is_good]] = False
    for at, name in why_books.items():
        why.setdefault(deep[at], name)
    bad += [(keys[at], f"bad_{why[at]}") for at in sorted(why)]
    rows, deep_rows = np.frombuffer(packed, TICK), np.frombuffer(books, DEPTH)
    return (rows, deep_rows, bad) if not why else (rows[good], deep_rows[good[deep]], bad)


def _book(sid: int, quotes: Any) -> bytes:
    levels = [(q.bidP, q.bidQ, q.askP, q.askQ) for q in quotes]
    empty = DEEP_LEVELS - len(levels)
    columns = [[level[part] for level in levels] + [0] * empty for part in range(4)]
    return _BOOK.pack(sid, len(levels), 0, *(value for column in columns for value in column))


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


def values_of(sid: int, flags: int, feed: Any) -> tuple[Any, ...]:
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
        told = (int(first.HasField("firstDepth")), first.vtt, first.oi, first.iv, quote.bidQ, quote.bidP, quote.askQ, quote.askP)
        return _light((sid, flags, mode), first.ltpc, (*told, *_greeks(first.optionGreeks)), _NO_MINUTE)
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
    levels, vtt, oi, iv, bid_qty, bid_px, ask_qty, ask_px, *greeks = first
    if bid_px > 0.0 and ask_px > 0.0:
        flags |= _HAS_DEPTH
    flags |= (_HAS_MINUTE if minute[0] > 0 else 0) | (_HAS_DAY if minute[6] > 0 else 0)
    rest = (0,) * (DEPTH_LEVELS - 1)
    iep = ltpc.iep.value if ltpc.HasField("iep") else 0.0
    return (
        *(sid, 0, mode, 0, levels, flags, 0, 0, ltpc.ltt, ltpc.ltp, ltpc.ltq, ltpc.cp, 0.0, vtt, oi, iv, 0.0, 0.0),
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


def _checked(packed: bytearray, bounds: Any) -> tuple[NDArray[np.bool_], dict[int, str]]:
    """Say which rows have all values in bounds, and of the others the first field that has not. NaN fails both comparisons."""
    float_words, float_bounds, whole_words, whole_bounds, names = bounds
    floats = np.frombuffer(packed, "<f8").reshape(-1, len(names))[:, float_words]
    integers = np.frombuffer(packed, "<i8").reshape(-1, len(names))[:, whole_words]
    good_floats = (floats >= float_bounds[0]) & (floats <= float_bounds[1])
    good_integers = (integers >= whole_bounds[0]) & (integers <= whole_bounds[1])
    good = good_floats.all(axis=1) & good_integers.all(axis=1)
    why = {}
    for n in np.flatnonzero(~good).tolist():
        words = (*float_words[~good_floats[n]], *whole_words[~good_integers[n]])
        why[n] = names[words[0]]
    return good, why


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
