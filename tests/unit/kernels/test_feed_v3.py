"""Message readers alone: what they fill, what they skip, what they leave to the runtime. Plain twins, so the rules can be read."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.feed import DEPTH
from pipeline.core.types import TICK, TickFlag
from pipeline.kernels import feed_v3 as v
from tests.fakes.wire_frames import TS, double, inner, number

LTPC = double(1, 1412.35) + number(2, TS) + number(3, 10) + double(4, 1400.0)


def row_and_book():
    return np.zeros(TICK.itemsize // 8, np.int64), np.full(DEPTH.itemsize // 8, -1)


def read(feed: bytes):
    """Read a Feed; give what the reader says, the row and the book."""
    row, book = row_and_book()
    with np.errstate(over="ignore"):
        told = v.feed_k(feed, 0, len(feed), row, 0, book, 0)
    return told, row.view(TICK)[0], book


def market(*parts: bytes) -> bytes:
    return inner(2, inner(1, b"".join(parts)))


def test_a_trade():
    told, row, _ = read(inner(1, LTPC + inner(5, double(1, 1401.0))) + number(4, 0))
    assert told == v.ONLY_LTPC
    assert (row["ltp"], row["ltt"], row["ltq"], row["cp"], row["iep"]) == (1412.35, TS, 10, 1400.0, 1401.0)


def test_a_market_says_its_levels_mode_and_flags():
    quotes = b"".join(inner(1, number(1, 10 + n) + double(2, 99.0 - n) + number(3, 20 + n) + double(4, 100.0 + n)) for n in range(7))
    told, row, book = read(market(inner(1, LTPC), inner(2, quotes), number(16, 1)) + number(4, 3))
    assert (told & 0xFF, (told >> v.MODE_BIT) & 0x7F, told >> v.FLAG_BIT) == (7, 3, TickFlag.CAS_ELIGIBLE)
    assert row["bid_px"].tolist() == [99.0, 98.0, 97.0, 96.0, 95.0]
    assert row["ask_qty"].tolist() == [20, 21, 22, 23, 24]
    deep = book.view(DEPTH)[0]
    assert deep["bid_qty"].tolist() == [*range(10, 17)] + [0] * 23
    assert deep["ask_px"].tolist() == [*(100.0 + n for n in range(7))] + [0.0] * 23


def test_more_than_thirty_levels_are_read_and_let_go():
    told, row, book = read(market(inner(2, b"".join(inner(1, number(1, n + 1) + double(4, 5.0)) for n in range(40)))))
    assert told & 0xFF == 30
    assert book.view(DEPTH)[0]["bid_qty"].tolist() == [*range(1, 31)]
    assert not any(np.any(row[name]) for name in ("volume", "mid", "spread", "spread_bps"))


def test_the_own_iep_wins_over_the_trade_s():
    with_iep = inner(1, LTPC + inner(5, double(1, 1401.0)))
    assert read(market(double(11, 1402.0), with_iep))[1]["iep"] == 1402.0
    assert read(market(with_iep, double(11, 0.0)))[1]["iep"] == 1401.0


def test_the_last_of_a_scalar_wins():
    assert read(inner(1, LTPC + double(1, 5.0)))[1]["ltp"] == 5.0
    assert read(inner(1, LTPC) + number(4, 9) + number(4, 1))[0] == v.ONLY_LTPC | 1 << v.MODE_BIT


INDEX = inner(2, inner(2, inner(1, LTPC)))
FIRST = inner(3, inner(1, LTPC) + inner(2, number(1, 5)) + inner(3, double(1, 0.5)))


@pytest.mark.parametrize(
    "feed",
    [
        b"",
        number(4, 1),
        inner(2, b""),
        inner(1, LTPC) + inner(1, LTPC),
        inner(1, LTPC) + INDEX,
        INDEX + INDEX,
        inner(2, inner(1, b"") + inner(2, b"")),
        market(inner(1, LTPC), inner(1, LTPC)),
        market(inner(2, b""), inner(2, b"")),
        market(inner(3, b""), inner(3, b"")),
        market(inner(4, b""), inner(4, b"")),
        inner(2, inner(2, inner(2, b"") + inner(2, b""))),
        inner(3, inner(2, b"") + inner(2, b"")),
        inner(3, inner(3, b"") + inner(3, b"")),
        inner(1, LTPC + inner(5, b"") + inner(5, b"")),
        inner(1, LTPC) + number(4, 4),
        inner(1, LTPC) + number(4, -1),
        inner(1, number(1, 5)),
        inner(1, LTPC)[:-1],
        market(inner(4, inner(1, inner(1, b"\xff")))),
        market(double(6, 1.0)),
    ],
)
def test_what_is_left_to_the_runtime(feed):
    assert read(feed)[0] == v.NOTHING


def test_an_index_and_a_first_level():
    told, row, _ = read(INDEX)
    assert told == TickFlag.INDEX << v.FLAG_BIT
    assert row["ltp"] == 1412.35
    told, row, _ = read(FIRST + number(4, 2))
    assert told == 1 | 2 << v.MODE_BIT
    assert (row["bid_qty"][0], row["delta"]) == (5, 0.5)
    assert read(inner(3, inner(1, LTPC)))[0] == 0


def test_bars():
    bar = double(2, 1.0) + double(3, 4.0) + double(4, 0.5) + double(5, 2.0) + number(6, 7)
    old, new = (inner(1, inner(1, b"I1") + bar + number(7, ts)) for ts in (TS - 60_000, TS))
    day, other = inner(1, inner(1, b"1d") + bar + number(7, 5)), inner(1, inner(1, b"I30") + bar + number(7, TS + 1))
    for bars in (old + new + day + other, other + day + new + old):
        row = read(market(inner(4, bars)))[1]
        assert (row["i1_ts"], row["i1_open"], row["i1_high"], row["i1_low"], row["i1_close"], row["i1_vol"]) == (TS, 1.0, 4.0, 0.5, 2.0, 7)
        assert (row["d1_ts"], row["d1_vol"]) == (5, 7)
