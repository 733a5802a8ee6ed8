"""The messages of the V3 feed below one instrument, read straight into the words of its row.

Reads   the bytes of a message, as ``kernels/protobuf.py`` does: place, end, and back comes the place after it or ``PAST``
Writes  ``out`` from ``o`` on: the raw words of one ``TICK`` row; ``book`` from ``b`` on: one ``DEPTH`` row. The first zero before
Law     a field that the message does not carry stays zero. Fields come in any order, the last of a scalar wins, unknown
        ones are skipped. A message that comes twice where one belongs (protobuf merges them), a known field in another
        wire type and an entry that carries nothing are not plain: the reader gives ``PAST`` or ``NOTHING``

Readers expect fields in the order of their numbers, as every serialiser writes them, and then need one comparison a field;
in another order they go round once more. After an inner message a reader goes on at the end that its length told (``at =
stop``, the same place by then): the processor need not wait for the last inner number before it begins the next message.

Rows are filled as 8-byte integers, so a double is never more than its bits. Values are not judged here.
"""

from __future__ import annotations

from typing import Any

from pipeline.core.feed import DEEP_LEVELS, DEPTH
from pipeline.core.types import DEPTH_LEVELS, TICK, FeedMode, TickFlag
from pipeline.kernels.jit import kernel
from pipeline.kernels.memory import int64
from pipeline.kernels.protobuf import PAST, is_ascii_k, length_k, skip_k, varint_k, word_k

_AT = {name: place[1] // 8 for name, place in (TICK.fields or {}).items()}
LTT, LTP, LTQ, CP, ATP, VTT, OI, IV = (_AT[n] for n in ("ltt", "ltp", "ltq", "cp", "atp", "vtt", "oi", "iv"))
BID_PX, ASK_PX, MINUTE, DAY, GREEKS = _AT["bid_px"], _AT["ask_px"], _AT["i1_ts"], _AT["d1_ts"], _AT["delta"]
IEP, RP, IEQ, IIQ_TOTAL, IIQ_MARKET, METRICS = (_AT[n] for n in ("iep", "rp", "ieq", "iiq_total", "iiq_market", "volume"))
TBQ, TSQ = _AT["tbq"], _AT["tsq"]
BOOK, BOOK_PX = DEPTH.itemsize // 8, {name: place[1] // 8 for name, place in (DEPTH.fields or {}).items()}["bid_px"]
LAST_MODE = int(FeedMode.FULL_D30)
INDEX, CAS_ELIGIBLE = int(TickFlag.INDEX), int(TickFlag.CAS_ELIGIBLE)
STEP, DEEP_STEP, STEP_OVER = int64(DEPTH_LEVELS), int64(DEEP_LEVELS), int64(1)
"""Words from a level's bid price to its bid size, to the ask's price and size: in a row, in a book, where it is let go."""
NOTHING = -1
"""A feed that is not plain. Otherwise its levels, and from these bits on its mode and its flags."""
MODE_BIT, FLAG_BIT = 8, 16
ONLY_LTPC = 1 << 15
"""Added for a feed that is an LTPC and nothing more."""
DOUBLE_FIELDS, LIST_FIELDS, QUOTE_FIELDS, GREEKS_FIELDS, LTPC_FIELDS, OHLC_FIELDS = (int64(n) for n in (1, 1, 4, 5, 5, 7))
MARKET_FIELDS, INDEX_FIELDS, FIRST_FIELDS, FULL_FIELDS, FEED_FIELDS = (int64(n) for n in (16, 2, 6, 2, 4))
"""Highest field number of each message. As typed numbers: of a literal the compiler makes a copy of the reader."""


@kernel(forceinline=True)
def ltpc_k(f: Any, at: int, end: int, out: Any, o: int) -> int:
    """Read LTPC. Its own iep goes where the full feed's stands; a value without presence cannot be told from none."""
    has_iep = False
    while at < end:
        begun = at
        if at + 9 <= end and f[at] == 0x09:
            out[o + LTP] = word_k(f, at + 1)
            at += 9
        if at < end and f[at] == 0x10:
            out[o + LTT], at = varint_k(f, at + 1, end)
        if at < end and f[at] == 0x18:
            out[o + LTQ], at = varint_k(f, at + 1, end)
        if at + 9 <= end and f[at] == 0x21:
            out[o + CP] = word_k(f, at + 1)
            at += 9
        if at < end and f[at] == 0x2A:
            at, stop = length_k(f, at + 1, end)
            if has_iep or stop == PAST:
                return PAST
            has_iep = True
            while at < stop:
                if at + 9 <= stop and f[at] == 0x09:
                    out[o + IEP] = word_k(f, at + 1)
                    at += 9
                else:
                    at = skip_k(f, at, stop, DOUBLE_FIELDS)
        if at == begun:
            at = skip_k(f, at, end, LTPC_FIELDS)
    return at


@kernel(forceinline=True)
def quote_k(f: Any, at: int, end: int, out: Any, o: int, step: int) -> int:
    """Read Quote: price and size of the bid, price and size of the ask, ``step`` words apart."""
    while at < end:
        begun = at
        if f[at] == 0x08:
            out[o + step], at = varint_k(f, at + 1, end)
        if at + 9 <= end and f[at] == 0x11:
            out[o] = word_k(f, at + 1)
            at += 9
        if at < end and f[at] == 0x18:
            out[o + 3 * step], at = varint_k(f, at + 1, end)
        if at + 9 <= end and f[at] == 0x21:
            out[o + 2 * step] = word_k(f, at + 1)
            at += 9
        if at == begun:
            at = skip_k(f, at, end, QUOTE_FIELDS)
    return at


@kernel(forceinline=True)
def greeks_k(f: Any, at: int, end: int, out: Any, o: int) -> int:
    """Read OptionGreeks: five doubles, numbered as they stand in a row."""
    while at < end:
        tag = f[at]
        if at + 9 <= end and tag & 7 == 1 and 0x09 <= tag <= 0x29:
            out[o + GREEKS - 1 + (tag >> 3)] = word_k(f, at + 1)
            at += 9
        else:
            at = skip_k(f, at, end, GREEKS_FIELDS)
    return at


@kernel(forceinline=True)
def bar_k(f: Any, at: int, end: int, out: Any, o: int) -> int:
    """Read one OHLC and keep it when it is the newest minute or day so far; other intervals are not ours."""
    target = 0
    ts = open_ = high = low = close = vol = int64(0)
    while at < end:
        begun = at
        if f[at] == 0x0A:
            at, stop = length_k(f, at + 1, end)
            if stop == PAST or not is_ascii_k(f, at, stop):
                return PAST
            target = 0
            if stop - at == 2:
                target = MINUTE if f[at] == 0x49 and f[at + 1] == 0x31 else DAY if f[at] == 0x31 and f[at + 1] == 0x64 else 0
            at = stop
        if at + 9 <= end and f[at] == 0x11:
            open_ = word_k(f, at + 1)
            at += 9
        if at + 9 <= end and f[at] == 0x19:
            high = word_k(f, at + 1)
            at += 9
        if at + 9 <= end and f[at] == 0x21:
            low = word_k(f, at + 1)
            at += 9
        if at + 9 <= end and f[at] == 0x29:
            close = word_k(f, at + 1)
            at += 9
        if at < end and f[at] == 0x30:
            vol, at = varint_k(f, at + 1, end)
        if at < end and f[at] == 0x38:
            ts, at = varint_k(f, at + 1, end)
        if at == begun:
            at = skip_k(f, at, end, OHLC_FIELDS)
    if target > 0 and ts > out[o + target]:
        o += target
        out[o], out[o + 1], out[o + 2], out[o + 3], out[o + 4], out[o + 5] = ts, open_, high, low, close, vol
    return at


@kernel(forceinline=True)
def bars_k(f: Any, at: int, end: int, out: Any, o: int) -> int:
    """Read MarketOHLC."""
    while at < end:
        if f[at] == 0x0A:
            at, stop = length_k(f, at + 1, end)
            if stop == PAST or bar_k(f, at, stop, out, o) != stop:
                return PAST
            at = stop
        else:
            at = skip_k(f, at, end, LIST_FIELDS)
    return at


@kernel(forceinline=True)
def levels_k(f: Any, at: int, end: int, out: Any, o: int, book: Any, b: int) -> tuple[int, int]:
    """Read MarketLevel: five levels into the row; with a sixth, all of them up to thirty into the book. Give how many, and the place."""
    count = 0
    while at < end:
        if f[at] != 0x0A:
            at = skip_k(f, at, end, LIST_FIELDS)
            continue
        at, stop = length_k(f, at + 1, end)
        if stop == PAST:
            return 0, PAST
        if count < DEPTH_LEVELS:
            at = quote_k(f, at, stop, out, o + BID_PX + count, STEP)
        else:
            if count == DEPTH_LEVELS:
                for w in range(b, b + BOOK):
                    book[w] = 0
            if count < DEEP_LEVELS:
                at = quote_k(f, at, stop, book, b + BOOK_PX + count, DEEP_STEP)
            else:
                at = quote_k(f, at, stop, out, o + METRICS, STEP_OVER)
        if at != stop:
            return 0, PAST
        at = stop
        count += 1
    if count > DEPTH_LEVELS:
        for part in range(4):
            for level in range(DEPTH_LEVELS):
                book[b + BOOK_PX + DEEP_LEVELS * part + level] = out[o + BID_PX + DEPTH_LEVELS * part + level]
    if count > DEEP_LEVELS:
        for part in range(4):
            out[o + METRICS + part] = 0
    return min(count, DEEP_LEVELS), at


@kernel(forceinline=True)
def numbers_k(f: Any, at: int, end: int, out: Any, o: int, iep: int, flags: int) -> tuple[int, int, int]:
    """Read the numbers of MarketFullFeed that stand at ``at``. Give the place, its own iep, and whether it is in the closing auction."""
    if at + 9 <= end and f[at] == 0x29:
        out[o + ATP] = word_k(f, at + 1)
        at += 9
    if at < end and f[at] == 0x30:
        out[o + VTT], at = varint_k(f, at + 1, end)
    if at + 9 <= end and f[at] == 0x39:
        out[o + OI] = word_k(f, at + 1)
        at += 9
    if at + 9 <= end and f[at] == 0x41:
        out[o + IV] = word_k(f, at + 1)
        at += 9
    if at + 9 <= end and f[at] == 0x49:
        out[o + TBQ] = word_k(f, at + 1)
        at += 9
    if at + 9 <= end and f[at] == 0x51:
        out[o + TSQ] = word_k(f, at + 1)
        at += 9
    if at + 9 <= end and f[at] == 0x59:
        iep = word_k(f, at + 1)
        at += 9
    if at + 9 <= end and f[at] == 0x61:
        out[o + RP] = word_k(f, at + 1)
        at += 9
    if at < end and f[at] == 0x68:
        out[o + IEQ], at = varint_k(f, at + 1, end)
    if at < end and f[at] == 0x70:
        out[o + IIQ_TOTAL], at = varint_k(f, at + 1, end)
    if at < end and f[at] == 0x78:
        out[o + IIQ_MARKET], at = varint_k(f, at + 1, end)
    if at + 3 <= end and f[at] == 0x80 and f[at + 1] == 0x01:
        eligible, at = varint_k(f, at + 2, end)
        flags = CAS_ELIGIBLE if eligible != 0 else 0
    return at, iep, flags


@kernel
def market_k(f: Any, at: int, end: int, out: Any, o: int, book: Any, b: int) -> int:
    """Read MarketFullFeed. Give levels and flags as ``feed_k`` does, or ``NOTHING``."""
    levels = flags = iep = int64(0)
    has_ltpc = has_levels = has_greeks = has_bars = False
    while at < end:
        begun = at
        if f[at] == 0x0A:
            at, stop = length_k(f, at + 1, end)
            if has_ltpc or stop == PAST or ltpc_k(f, at, stop, out, o) != stop:
                return NOTHING
            at, has_ltpc = stop, True
        if at < end and f[at] == 0x12:
            at, stop = length_k(f, at + 1, end)
            if has_levels or stop == PAST:
                return NOTHING
            levels, at = levels_k(f, at, stop, out, o, book, b)
            if at != stop:
                return NOTHING
            at, has_levels = stop, True
        if at < end and f[at] == 0x1A:
            at, stop = length_k(f, at + 1, end)
            if has_greeks or stop == PAST or greeks_k(f, at, stop, out, o) != stop:
                return NOTHING
            at, has_greeks = stop, True
        if at < end and f[at] == 0x22:
            at, stop = length_k(f, at + 1, end)
            if has_bars or stop == PAST or bars_k(f, at, stop, out, o) != stop:
                return NOTHING
            at, has_bars = stop, True
        at, iep, flags = numbers_k(f, at, end, out, o, iep, flags)
        if at == begun:
            at = skip_k(f, at, end, MARKET_FIELDS)
    if at != end:
        return NOTHING
    if iep != 0:
        out[o + IEP] = iep
    return levels | (flags << FLAG_BIT)


@kernel
def index_k(f: Any, at: int, end: int, out: Any, o: int) -> int:
    """Read IndexFullFeed."""
    has_ltpc = has_bars = False
    while at < end:
        begun = at
        if f[at] == 0x0A:
            at, stop = length_k(f, at + 1, end)
            if has_ltpc or stop == PAST or ltpc_k(f, at, stop, out, o) != stop:
                return NOTHING
            at, has_ltpc = stop, True
        if at < end and f[at] == 0x12:
            at, stop = length_k(f, at + 1, end)
            if has_bars or stop == PAST or bars_k(f, at, stop, out, o) != stop:
                return NOTHING
            at, has_bars = stop, True
        if at == begun:
            at = skip_k(f, at, end, INDEX_FIELDS)
    return INDEX << FLAG_BIT if at == end else NOTHING


@kernel
def first_k(f: Any, at: int, end: int, out: Any, o: int) -> int:
    """Read FirstLevelWithGreeks."""
    levels = int64(0)
    has_ltpc = has_greeks = False
    while at < end:
        begun = at
        if f[at] == 0x0A:
            at, stop = length_k(f, at + 1, end)
            if has_ltpc or stop == PAST or ltpc_k(f, at, stop, out, o) != stop:
                return NOTHING
            at, has_ltpc = stop, True
        if at < end and f[at] == 0x12:
            at, stop = length_k(f, at + 1, end)
            if levels != 0 or stop == PAST or quote_k(f, at, stop, out, o + BID_PX, STEP) != stop:
                return NOTHING
            at, levels = stop, 1
        if at < end and f[at] == 0x1A:
            at, stop = length_k(f, at + 1, end)
            if has_greeks or stop == PAST or greeks_k(f, at, stop, out, o) != stop:
                return NOTHING
            at, has_greeks = stop, True
        if at < end and f[at] == 0x20:
            out[o + VTT], at = varint_k(f, at + 1, end)
        if at + 9 <= end and f[at] == 0x29:
            out[o + OI] = word_k(f, at + 1)
            at += 9
        if at + 9 <= end and f[at] == 0x31:
            out[o + IV] = word_k(f, at + 1)
            at += 9
        if at == begun:
            at = skip_k(f, at, end, FIRST_FIELDS)
    return levels if at == end else NOTHING


@kernel(forceinline=True)
def full_k(f: Any, at: int, end: int, out: Any, o: int, book: Any, b: int) -> int:
    """Read FullFeed: exactly one of market and index."""
    found = int64(NOTHING)
    while at < end:
        tag = f[at]
        if tag == 0x0A or tag == 0x12:  # noqa: PLR1714 - the compiler makes a loop of a tuple
            at, stop = length_k(f, at + 1, end)
            if found != NOTHING or stop == PAST:
                return NOTHING
            found = market_k(f, at, stop, out, o, book, b) if tag == 0x0A else index_k(f, at, stop, out, o)
            if found == NOTHING:
                return NOTHING
            at = stop
        else:
            at = skip_k(f, at, end, FULL_FIELDS)
    return found if at == end else NOTHING


@kernel
def feed_k(f: Any, at: int, end: int, out: Any, o: int, book: Any, b: int) -> int:
    """Read Feed: exactly one of its three kinds, in a mode that we know. Give levels | mode << 8 | flags << 16, or ``NOTHING``."""
    found, mode = int64(NOTHING), int64(0)
    while at < end:
        tag = f[at]
        if tag == 0x20:
            mode, at = varint_k(f, at + 1, end)
        elif tag == 0x0A or tag == 0x12 or tag == 0x1A:  # noqa: PLR1714 - see above
            at, stop = length_k(f, at + 1, end)
            if found != NOTHING or stop == PAST:
                return NOTHING
            if tag == 0x12:
                found = full_k(f, at, stop, out, o, book, b)
            elif tag == 0x0A:
                found = int64(ONLY_LTPC) if ltpc_k(f, at, stop, out, o) == stop else int64(NOTHING)
            else:
                found = first_k(f, at, stop, out, o)
            if found == NOTHING:
                return NOTHING
            at = stop
        else:
            at = skip_k(f, at, end, FEED_FIELDS)
    if at != end or found == NOTHING or mode < 0 or mode > LAST_MODE:
        return NOTHING
    return found | (mode << MODE_BIT)
