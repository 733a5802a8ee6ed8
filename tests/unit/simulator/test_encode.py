import pytest

from pipeline.simulator.encode import MODES, deep_levels, encode
from pipeline.simulator.market import Auction, Bar, Frame, Kind, Status, Update
from proto import MarketDataFeedV3_pb2 as pb

UPDATE = Update(
    "NSE_EQ|X", 101.5, 1_790_000_000_000, 7, 100.0, 101.25, 900, 5.0, 0.25, 11.0, 12.0,
    [101.4, 101.3, 101.2, 101.1, 101.0], [1, 2, 3, 4, 5], [101.5, 101.6, 101.7, 101.8, 101.9], [6, 7, 8, 9, 10],
    Bar(1, 100.0, 102.0, 99.0, 101.5, 900), Bar(2, 101.0, 101.6, 100.9, 101.4, 50), (0.5, -1.0, 0.01, 2.0, 0.3), Auction(101.6, 101.0, 40, -3, 2), is_cas=True,
)  # fmt: skip


def feed(mode, update=UPDATE):
    payload = encode(Frame(5, Kind.LIVE, (update,)), {update.key: mode})
    message = pb.FeedResponse.FromString(payload)
    assert (message.type, message.currentTs) == (pb.live_feed, 5)
    return message.feeds[update.key]


def test_full_carries_everything():
    got = feed("full")
    market = got.fullFeed.marketFF
    assert got.requestMode == pb.full_d5
    assert (market.ltpc.ltp, market.ltpc.ltt, market.ltpc.ltq, market.ltpc.cp, market.ltpc.iep.value) == (
        101.5,
        UPDATE.ltt,
        7,
        100.0,
        101.6,
    )
    assert [(q.bidP, q.bidQ, q.askP, q.askQ) for q in market.marketLevel.bidAskQuote] == list(
        zip(UPDATE.bid_px, UPDATE.bid_qty, UPDATE.ask_px, UPDATE.ask_qty, strict=True)
    )
    assert [(b.interval, b.ts, b.open, b.high, b.low, b.close, b.vol) for b in market.marketOHLC.ohlc] == [
        ("1d", 1, 100.0, 102.0, 99.0, 101.5, 900),
        ("I1", 2, 101.0, 101.6, 100.9, 101.4, 50),
    ]
    assert (market.atp, market.vtt, market.oi, market.iv, market.tbq, market.tsq) == (101.25, 900, 5.0, 0.25, 11.0, 12.0)
    assert (market.iep, market.rp, market.ieq, market.iiqTotal, market.iiqM, market.casEligible) == (101.6, 101.0, 40, -3, 2, True)
    assert market.optionGreeks.theta == -1.0


def test_other_modes():
    assert feed("ltpc").WhichOneof("FeedUnion") == "ltpc"
    first = feed("option_greeks").firstLevelWithGreeks
    assert (first.firstDepth.bidP, first.firstDepth.askQ, first.optionGreeks.delta, first.vtt) == (101.4, 6, 0.5, 900)
    deep = feed("full_d30").fullFeed.marketFF.marketLevel.bidAskQuote
    assert len(deep) == 30
    assert [q.bidP for q in deep] == sorted((q.bidP for q in deep), reverse=True)
    assert [q.askP for q in deep] == sorted(q.askP for q in deep)


def test_fifteen_to_thirty_levels_are_quoted_and_the_rest_is_zero():
    seen = set()
    for paise in range(100_000, 140_000, 1_000):
        update = Update("k", 1.0, 1, 1, 1.0)
        update.bid_px, update.ask_px = ([(paise + sign * 10 * n) / 100 for n in range(1, 6)] for sign in (-1, 1))
        update.bid_qty, update.ask_qty = [40, 50, 60, 70, 80], [90, 10, 20, 30, 40]
        levels = deep_levels(update)
        assert levels == deep_levels(update)
        assert [level[1] for level in levels[:5]] == update.bid_px
        bids, asks = [(px, qty) for qty, px, _, _ in levels], [(px, qty) for _, _, qty, px in levels]
        for side, sign in ((bids, -1), (asks, 1)):
            quoted = [px for px, qty in side if qty > 0]
            seen.add(len(quoted))
            assert quoted == sorted(set(quoted), reverse=sign < 0)
            assert side[len(quoted) :] == [(0.0, 0)] * (30 - len(quoted))
            assert all(round(px * 100) % 10 == 0 for px in quoted)
        assert len({qty for _, qty in bids}) > 8
    assert min(seen) >= 15
    assert max(seen) <= 30
    assert len(seen) > 5


def test_the_server_clock_may_be_wrong():
    late = pb.FeedResponse.FromString(encode(Frame(90_000, Kind.LIVE, (UPDATE,)), {UPDATE.key: "full"}, -5_000))
    assert late.currentTs == 85_000
    assert late.feeds[UPDATE.key].fullFeed.marketFF.ltpc.ltt == UPDATE.ltt


def test_an_index_has_its_own_form():
    index = feed("full", Update("NSE_INDEX|N", 10.0, 1, 0, 9.0, day=UPDATE.day, is_index=True))
    assert index.fullFeed.WhichOneof("FullFeedUnion") == "indexFF"


def test_a_recorded_message_is_sent_as_it_is():
    wire = pb.Feed()
    wire.fullFeed.marketFF.ltpc.SetInParent()
    update = Update("k", 0.0, 0, 0, 0.0, wire=wire)
    assert feed("full", update) == wire
    assert feed("ltpc", update).HasField("ltpc")


def test_who_did_not_ask_gets_nothing():
    assert encode(Frame(5, Kind.LIVE, (UPDATE,)), {"other": "full"}) is None


def test_status_goes_to_everybody():
    status = Status({"NSE_EQ": "NORMAL_CLOSE"}, {"NSE_EQ": ("CTS_CLOSE", 9)}, {"NSE_EQ": ("PRE_OPEN_END", 8)})
    message = pb.FeedResponse.FromString(encode(Frame(5, Kind.STATUS, status=status), {}))
    assert message.type == pb.market_info
    assert message.marketInfo.segmentStatus["NSE_EQ"] == pb.NORMAL_CLOSE
    assert message.marketInfo.casMarketStatus["NSE_EQ"].status == "CTS_CLOSE"
    assert message.marketInfo.preOpenSessionStatus["NSE_EQ"].updatedTime == 8


@pytest.mark.parametrize("mode", MODES)
def test_encoding_is_repeatable(mode):
    updates = tuple(Update(f"k{i}", 1.0 + i, 1, 1, 1.0) for i in range(20))
    modes = {u.key: mode for u in updates}
    assert encode(Frame(1, Kind.SNAPSHOT, updates), modes) == encode(
        Frame(1, Kind.SNAPSHOT, tuple(reversed(updates))), dict(reversed(modes.items()))
    )


def test_an_empty_side_stays_empty_thirty_levels_deep():
    locked = Update("k", 1.0, 1, 1, 1.0, bid_px=[10.0, 9.9, 9.8, 9.7, 9.6], bid_qty=[1] * 5, ask_px=[0.0] * 5, ask_qty=[0] * 5)
    assert {(ask_qty, ask_px) for _, _, ask_qty, ask_px in deep_levels(locked)} == {(0, 0.0)}
