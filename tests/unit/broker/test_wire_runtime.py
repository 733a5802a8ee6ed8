"""The runtime's path alone: what is refused by name, and deep books."""

import math

import pytest

from pipeline.broker.wire_bounds import MAX_FEEDS, FrameRefused
from pipeline.broker.wire_runtime import parse, read
from proto.MarketDataFeedV3_pb2 import FeedResponse
from tests.fakes.wire_frames import KEYS, TS

KNOWN = {KEYS[0]: (4, 0), KEYS[1]: (2, 256)}


def deep(levels: int, key: str = KEYS[0], message: FeedResponse | None = None) -> FeedResponse:
    message = FeedResponse(type=1, currentTs=TS) if message is None else message
    market = message.feeds[key].fullFeed.marketFF
    market.ltpc.ltp, quotes = 100.5, market.marketLevel.bidAskQuote
    for n in range(levels):
        quotes.add(bidQ=n + 1, bidP=100.0 - n, askQ=n + 50, askP=101.0 + n)
    return message


def test_rows_and_books_come_in_the_order_of_their_papers():
    message = deep(30, KEYS[0], deep(6, KEYS[1], deep(2, "NSE_EQ|OTHER")))
    told = read(message.SerializeToString(), KNOWN)
    assert (told.ts, told.unknown, told.refused) == (TS, ("NSE_EQ|OTHER",), ())
    assert told.rows["sid"].tolist() == told.books["sid"].tolist() == [2, 4]
    assert told.rows["levels"].tolist() == told.books["levels"].tolist() == [6, 30]
    assert told.books["ts_exch"].tolist() == [TS, TS]
    assert told.books["bid_px"][0].tolist() == [*(100.0 - n for n in range(6))] + [0.0] * 24
    assert told.books["ask_qty"][1].tolist() == [*range(50, 80)]


@pytest.mark.parametrize(("levels", "books", "told_levels"), [(0, 0, 0), (5, 0, 5), (6, 1, 6), (30, 1, 30), (35, 1, 30)])
def test_five_levels_are_no_deep_book(levels, books, told_levels):
    told = read(deep(levels).SerializeToString(), KNOWN)
    assert (len(told.books), told.rows["levels"].tolist()) == (books, [told_levels])


def test_a_bad_deep_level_refuses_its_row_and_book_and_leaves_the_others():
    message = deep(8, KEYS[1], deep(8))
    message.feeds[KEYS[0]].fullFeed.marketFF.marketLevel.bidAskQuote[7].askP = math.nan
    told = read(message.SerializeToString(), KNOWN)
    assert told.refused == ((KEYS[0], "bad_ask_px"),)
    assert told.rows["sid"].tolist() == told.books["sid"].tolist() == [2]
    message.feeds[KEYS[1]].fullFeed.marketFF.marketLevel.bidAskQuote[6].bidQ = -1
    with pytest.raises(FrameRefused, match="bad_bid_qty"):
        read(message.SerializeToString(), KNOWN)


def test_a_first_level_that_is_not_there_is_no_level():
    message = FeedResponse(type=1, currentTs=TS)
    message.feeds[KEYS[0]].firstLevelWithGreeks.vtt = 5
    assert read(message.SerializeToString(), KNOWN).rows["levels"].tolist() == [0]
    message.feeds[KEYS[0]].firstLevelWithGreeks.firstDepth.bidQ = 5
    assert read(message.SerializeToString(), KNOWN).rows["levels"].tolist() == [1]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("text", "text"),
        (b"\x0a", "not_protobuf"),
        (FeedResponse(type=9, currentTs=TS).SerializeToString(), "unknown_type"),
        (b"", "no_time"),
    ],
)
def test_what_concerns_the_whole_frame(frame, reason):
    with pytest.raises(FrameRefused, match=reason):
        parse(frame)


def test_too_many_entries():
    message = FeedResponse(type=1, currentTs=TS)
    for n in range(MAX_FEEDS + 1):
        message.feeds[f"K{n}"].ltpc.ltp = 1.0
    with pytest.raises(FrameRefused, match="too_many_feeds"):
        parse(message.SerializeToString())
