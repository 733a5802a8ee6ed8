"""The wire decoder: from the bytes of a V3 frame to packed rows, in one compiled call.

Reads   the frame's bytes, and the decoder's memory: int64 words laid out as the constants below say
Writes  ``TICK`` rows sorted by symbol id at ``ROWS_AT`` and ``DEPTH`` rows of deep books at ``DEEP_AT``
Law     what is accepted here the protobuf runtime accepts too, with equal values. Whatever is not plain (market states, what
        ``kernels/feed_v3.py`` calls not plain, a key twice, a value out of bounds) is ``UNUSUAL`` and left to the
        runtime's path: nothing is refused here and nothing guessed

A frame is passed twice: once to find its entries and what papers they are of, once to read each into its place.
"""

from __future__ import annotations

from typing import Any

from pipeline.broker.wire_bounds import (
    INITIAL_FEED,
    MARKET_INFO,
    MAX_FEEDS,
    MAX_FRAME_BYTES,
    MAX_PX_BITS,
    MAX_QTY,
    MAX_TS,
    MIN_TS,
    TICK_BITS,
)
from pipeline.core.feed import DEEP_LEVELS, DEPTH
from pipeline.core.types import DEPTH_LEVELS, TICK, TickFlag, TickKind
from pipeline.kernels.feed_v3 import (
    ASK_PX,
    BID_PX,
    BOOK_PX,
    CP,
    DAY,
    FLAG_BIT,
    IEP,
    IIQ_MARKET,
    IIQ_TOTAL,
    LTP,
    LTQ,
    LTT,
    MINUTE,
    MODE_BIT,
    NOTHING,
    ONLY_LTPC,
    feed_k,
)
from pipeline.kernels.jit import kernel
from pipeline.kernels.lookup import STRANGE, find_k
from pipeline.kernels.memory import bytes_of, int64, words_at
from pipeline.kernels.protobuf import PAST, length_k, skip_k, varint_k

UNUSUAL, PARTLY = int64(0), int64(1)
"""With a number of 0: for the runtime; accepted, and the memory says more. A plain answer is the frame's time and its number of rows."""
NO_BOOKS = -MAX_FEEDS
"""A number below 0, down to here: room for so many rows is missing; below it: for so many books. Make it and go on."""
NOT_PLAIN, NO_BOOK = -1, -2

ONE_AT, ROWS_AT, DEEP_AT = 0, 2, 4
"""Address of, and in the next word room for: the row of a frame of one, rows, books."""
FOUND, DEEP_FOUND, STRANGERS, TS, TYPE = 6, 7, 8, 9, 10
"""What the frame in hand holds."""
TABLE_AT, MASK, PAPERS_AT, BITMAP_AT, BITMAP_WORDS, HAS_SEEN_DEEP = 11, 12, 13, 14, 15, 16
"""The last: whether a deep book ever came. Then room for one of each entry is asked for before rows are filled."""
ENTRIES = 17
"""Two words an entry: the paper's rank, and the span of the value."""
ORDER = ENTRIES + 2 * MAX_FEEDS
STRANGER = ORDER + MAX_FEEDS
"""The span of each key outside the watchlist."""
ROW, BOOK = TICK.itemsize // 8, DEPTH.itemsize // 8
SPARE = int64(STRANGER + MAX_FEEDS)
"""Room for values that nobody takes: a row and a deep book."""
FREE = int(SPARE) + ROW + BOOK
"""Here begin what depends on the watchlist: the table of keys, the papers (flags << 32 | sid) in order of sid, the bitmap."""
SPAN = 24
SPAN_MASK = (1 << SPAN) - 1
FRAME_FIELDS = int64(4)
FEW = 24
"""So many entries are put in order by insertion, more by a bit for each paper."""

MASKS, HIGHS = TICK_BITS
HAS_DEPTH, HAS_MINUTE, HAS_DAY = int(TickFlag.HAS_DEPTH), int(TickFlag.HAS_MINUTE), int(TickFlag.HAS_DAY)
SNAPSHOT, LIVE = int(TickKind.SNAPSHOT), int(TickKind.LIVE)


@kernel
def scan_k(f: Any, end: int, m: Any) -> bool:
    """Find the entries of a frame: known ones to ``ENTRIES``, strangers read through and listed. False: not plain."""
    found = strangers = 0
    at = ts = kind = int64(0)
    while at < end:
        tag = f[at]
        if tag == 0x12:
            at, stop = length_k(f, at + 1, end)
            if stop == PAST or found + strangers == MAX_FEEDS:
                return False
            key = key_end = value = value_end = 0
            while at < stop:
                tag = f[at]
                if tag == 0x0A and key == 0:
                    key, key_end = length_k(f, at + 1, stop)
                    at = key_end
                elif tag == 0x12 and value == 0:
                    value, value_end = length_k(f, at + 1, stop)
                    at = value_end
                else:  # the runtime sets an entry aside when it holds more
                    return False
            if at != stop or key_end == key or value == 0:
                return False
            rank = find_k(f, key, key_end - key, m, m[TABLE_AT], m[MASK])
            if rank >= 0:
                m[ENTRIES + 2 * found] = rank
                m[ENTRIES + 2 * found + 1] = (value << SPAN) | value_end
                found += 1
            else:
                if rank == STRANGE or feed_k(f, value, value_end, m, SPARE, m, SPARE + ROW) == NOTHING:
                    return False
                m[STRANGER + strangers] = (key << SPAN) | key_end
                strangers += 1
        elif tag == 0x18:
            ts, at = varint_k(f, at + 1, end)
        elif tag == 0x08:
            kind, at = varint_k(f, at + 1, end)
        else:
            at = skip_k(f, at, end, FRAME_FIELDS)
    m[FOUND], m[STRANGERS], m[TS], m[TYPE], m[ORDER] = found, strangers, ts, kind, 0
    return at == end and MIN_TS <= ts <= MAX_TS and INITIAL_FEED <= kind <= MARKET_INFO


@kernel
def order_k(m: Any, count: int) -> bool:
    """Write the places of the entries in order of their papers to ``ORDER``. False: a paper comes twice."""
    if count <= FEW:
        for i in range(count):
            rank = m[ENTRIES + 2 * i]
            at = i
            while at > 0 and m[ENTRIES + 2 * m[ORDER + at - 1]] > rank:
                m[ORDER + at] = m[ORDER + at - 1]
                at -= 1
            if at > 0 and m[ENTRIES + 2 * m[ORDER + at - 1]] == rank:
                return False
            m[ORDER + at] = i
        return True
    bits, words = m[BITMAP_AT], m[BITMAP_WORDS]
    for word in range(2 * words):
        m[bits + word] = 0
    for i in range(count):
        rank = m[ENTRIES + 2 * i]
        word, bit = bits + 2 * (rank >> 5), 1 << (rank & 31)
        if m[word] & bit != 0:
            return False
        m[word] |= bit
    before = 0
    for word in range(words):
        m[bits + 2 * word + 1] = before
        before += ones_k(m[bits + 2 * word])
    for i in range(count):
        rank = m[ENTRIES + 2 * i]
        word = bits + 2 * (rank >> 5)
        m[ORDER + m[word + 1] + ones_k(m[word] & ((1 << (rank & 31)) - 1))] = i
    return True


@kernel
def ones_k(bits: int) -> int:
    """Count the ones among 32 bits."""
    bits -= (bits >> 1) & 0x55555555
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    return ((bits * 0x01010101) >> 24) & 0xFF


@kernel(forceinline=True)
def is_trade_within_k(row: Any, r: int) -> bool:
    """Say whether an LTPC is within its bounds."""
    ltt, ltp, ltq, cp, iep = row[r + LTT], row[r + LTP], row[r + LTQ], row[r + CP], row[r + IEP]
    largest = max(ltp, cp, iep)
    return (ltt | ltp | ltq | cp | iep) >= 0 and ltt <= MAX_TS and ltq <= MAX_QTY and largest <= MAX_PX_BITS


@kernel(forceinline=True)
def is_within_k(row: Any, r: int) -> bool:
    """Say whether every raw value of a row is within its bounds. The last two alone may be below zero."""
    bad = signs = int64(0)
    for w in range(LTT, IIQ_TOTAL):
        value = row[r + w] & MASKS[w]
        signs |= value
        bad |= value > HIGHS[w]
    total, market = row[r + IIQ_TOTAL], row[r + IIQ_MARKET]
    return bad == 0 and signs >= 0 and -MAX_QTY <= total <= MAX_QTY and -MAX_QTY <= market <= MAX_QTY


@kernel
def is_book_within_k(book: Any, b: int) -> bool:
    """Say the same of a deep book: prices and sizes by turns, thirty of each."""
    bad = 0
    for part in range(4):
        high = MAX_PX_BITS if part & 1 == 0 else MAX_QTY
        for w in range(b + BOOK_PX + part * DEEP_LEVELS, b + BOOK_PX + (part + 1) * DEEP_LEVELS):
            bad |= (book[w] < 0) | (book[w] > high)
    return bad == 0


@kernel(forceinline=True)
def fill_k(f: Any, m: Any, rows: Any, books: Any) -> int:
    """Read the entries in order, each into its row. Give the number of deep books, ``NOT_PLAIN`` or ``NO_BOOK`` (no room for one)."""
    ts, kind = m[TS], (SNAPSHOT if m[TYPE] == INITIAL_FEED else LIVE)
    deep, room = 0, m[DEEP_AT + 1]
    r = int64(0)
    for i in range(m[FOUND]):
        entry = ENTRIES + 2 * m[ORDER + i]
        span, paper = m[entry + 1], m[m[PAPERS_AT] + m[entry]]
        book, b = (books, deep * BOOK) if deep < room else (m, SPARE + ROW)
        for w in range(r, r + ROW):
            rows[w] = 0
        told = feed_k(f, span >> SPAN, span & SPAN_MASK, rows, r, book, b)
        if told == NOTHING:
            return NOT_PLAIN
        if not (is_trade_within_k(rows, r) if told & ONLY_LTPC != 0 else is_within_k(rows, r)):
            return NOT_PLAIN
        levels, flags = told & 0xFF, (paper >> 32) | (told >> FLAG_BIT)
        if levels > DEPTH_LEVELS:
            m[HAS_SEEN_DEEP] = 1
            if deep >= room:
                return NO_BOOK
            deep += 1
            if not is_book_within_k(books, b):
                return NOT_PLAIN
            books[b], books[b + 1] = (paper & 0xFFFFFFFF) | (levels << 32), ts
        if rows[r + BID_PX] > 0 and rows[r + ASK_PX] > 0:
            flags |= HAS_DEPTH
        if rows[r + MINUTE] > 0:
            flags |= HAS_MINUTE
        if rows[r + DAY] > 0:
            flags |= HAS_DAY
        rows[r] = (paper & 0xFFFFFFFF) | (kind << 32) | (((told >> MODE_BIT) & 0x7F) << 40) | (levels << 56)
        rows[r + 1] = flags
        rows[r + 2] = ts
        r += ROW
    return deep


@kernel(forceinline=True)
def place_k(f: Any, m: Any) -> tuple[int, int]:
    """Fill rows for the entries that stand in the memory, and answer for the frame: its time, and a number."""
    found, strangers = m[FOUND], m[STRANGERS]
    block = ONE_AT if found == 1 else ROWS_AT
    if found > m[block + 1]:
        return UNUSUAL, -found
    if m[HAS_SEEN_DEEP] != 0 and found > m[DEEP_AT + 1]:
        return UNUSUAL, NO_BOOKS - found
    deep = fill_k(f, m, words_at(m[block]), words_at(m[DEEP_AT]))
    if deep == NO_BOOK:
        return UNUSUAL, NO_BOOKS - found
    if deep == NOT_PLAIN:
        return UNUSUAL, int64(0)
    m[block] += 8 * ROW * found
    m[block + 1] -= found
    if found == 0 or deep != 0 or strangers != 0:
        m[DEEP_AT] += 8 * BOOK * deep
        m[DEEP_AT + 1] -= deep
        m[DEEP_FOUND] = deep
        return PARTLY, int64(0)
    return m[TS], found


@kernel(nogil=False)  # letting the lock go and taking it again costs as much as reading a trade
def decode_k(frame: bytes, address: int) -> tuple[int, int]:
    """Decode a frame into the memory at ``address``; answers are as the constants above say. Two numbers cost less than one taken apart."""
    m, f, size = words_at(address), bytes_of(frame), len(frame)
    if size > MAX_FRAME_BYTES or not scan_k(f, size, m) or (m[FOUND] > 1 and not order_k(m, m[FOUND])):
        return UNUSUAL, int64(0)
    return place_k(f, m)


@kernel(nogil=False)
def go_on_k(frame: bytes, address: int, what: int, room_at: int, room: int) -> tuple[int, int]:
    """Go on with the same frame after room was made: ``what`` is one of the three addresses above."""
    m = words_at(address)
    m[what], m[what + 1] = room_at, room
    return place_k(bytes_of(frame), m)
