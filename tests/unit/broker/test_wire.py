import gc
import gzip
import json
import math
from collections import Counter

import numpy as np
import pytest
from google.protobuf.json_format import ParseDict

from pipeline.broker import wire
from pipeline.broker.wire import MAX_FEEDS, MAX_FRAME_BYTES, Decoder, FrameRefused
from pipeline.core.errors import Refused
from pipeline.core.feed import DEPTH
from pipeline.core.types import TICK, TICK_RAW_FIELDS, Instrument, TickFlag, TickKind
from pipeline.kernels.jit import writable
from proto.MarketDataFeedV3_pb2 import FeedResponse

# Composed vectors of the facts sheet, section 2.9.
A = "080218c0dcbcb58d3422180a0a0a064e53455f455110020a0a0a064e53455f464f1002"
B = "12340a134e53455f45517c494e45303032413031303138121d0a1b09666666666611964010a4ddbcb58d34180a210000000000e0954018bbddbcb58d34"
C = (
    "0801126a0a124e53455f494e4445587c4e6966747920353012541250124e0a190900000000a06cd84010c4e3bcb58d342100000000805dd840"
    "12310a2f0a0249311100000000406ad8401900000000006dd8402100000000006ad8402900000000a06cd84038e087b9b58d34200118a8e4bcb58d34"
)
D = (
    "080112a9010a134e53455f45517c494e45303032413031303138129101128c010a89010a260900000000001c964010f8dad0bf8d341805210000000000e09540"
    "2a0909000000000022964012180a160864110000000000209640183221000000000022964029000000000009964030c9c9fd034900000000004cfd4051000000"
    "0000f9f54059000000000022964061cdcccccccc18964068c8df0270d0f6ffffffffffffff0178ac0280010120011880b4eabf8d34"
)
E = "080218e0e2d0bf8d34221e121c0a064e53455f455112120a094354535f434c4f534510e0e2d0bf8d34"

RELIANCE = Instrument(0, "RELIANCE", "NSE_EQ|INE002A01018", "Reliance", 10, 1, 100_000, is_cas_eligible=True)
NIFTY = Instrument(1, "NIFTY 50", "NSE_INDEX|Nifty 50", "Nifty", 5, 1, 0, is_cas_eligible=False, is_index=True)
OPTION = Instrument(2, "NIFTY CE", "NSE_FO|51460", "Option", 5, 65, 1_800, is_cas_eligible=False)
WATCH = (RELIANCE, NIFTY, OPTION)
TS = 1_790_308_200_123


def decode(frame, watch=WATCH):
    return Decoder(watch).decode(frame, TS + 7)


def frame_of(**feeds) -> FeedResponse:
    return ParseDict({"type": "live_feed", "currentTs": str(TS), "feeds": feeds}, FeedResponse())


def test_market_status():
    found = decode(bytes.fromhex(A))
    assert found.statuses == (("NSE_EQ", "NORMAL_OPEN"), ("NSE_FO", "NORMAL_OPEN"))
    assert found.batch is None
    assert decode(bytes.fromhex(E)).statuses == (("NSE_EQ.cas", "CTS_CLOSE"),)


def test_a_snapshot_in_ltpc_mode():
    found = decode(bytes.fromhex(B))
    row = found.batch.rows[0]
    assert found.ts == found.batch.ts == row["ts_exch"] == TS
    assert found.batch.recv_ms == TS + 7
    assert (row["sid"], row["kind"], row["mode"], row["flags"]) == (0, TickKind.SNAPSHOT, 0, 0)
    assert (row["ltp"], row["ltt"], row["ltq"], row["cp"]) == (1412.35, 1_790_308_200_100, 10, 1400.0)
    rest = [n for n in row.dtype.names if n not in {"sid", "kind", "ts_exch", "ltp", "ltt", "ltq", "cp"}]
    assert all(not np.any(row[n]) for n in rest)


def test_an_index_with_its_minute():
    row = decode(bytes.fromhex(C)).batch.rows[0]
    assert (row["sid"], row["kind"], row["mode"]) == (1, TickKind.LIVE, 1)
    assert row["flags"] == TickFlag.INDEX | TickFlag.HAS_MINUTE
    assert (row["ltp"], row["cp"]) == (25010.5, 24950.0)
    assert [row[f"i1_{n}"] for n in ("ts", "open", "high", "low", "close")] == [1_790_308_140_000, 25001.0, 25012.0, 25000.0, 25010.5]


def test_a_stock_in_the_closing_auction():
    row = decode(bytes.fromhex(D)).batch.rows[0]
    assert row["flags"] == TickFlag.HAS_DEPTH | TickFlag.CAS_ELIGIBLE
    assert (row["ltp"], row["iep"], row["rp"]) == (1415.0, 1416.5, 1414.2)
    assert (row["ieq"], row["iiq_total"], row["iiq_market"]) == (45_000, -1_200, 300)
    assert (row["vtt"], row["atp"], row["tbq"], row["tsq"]) == (8_348_873, 1410.25, 120_000.0, 90_000.0)
    assert row["bid_px"].tolist() == [1416.0, 0, 0, 0, 0]
    assert row["bid_qty"].tolist() == [100, 0, 0, 0, 0]
    assert row["ask_px"].tolist() == [1416.5, 0, 0, 0, 0]
    assert row["ask_qty"].tolist() == [50, 0, 0, 0, 0]


def test_thirty_levels_give_the_first_five():
    levels = [{"bidQ": str(n + 1), "bidP": 100.0 - n, "askQ": str(n + 50), "askP": 101.0 + n} for n in range(30)]
    full = {"marketFF": {"ltpc": {"ltp": 100.5}, "marketLevel": {"bidAskQuote": levels}}}
    row = decode(frame_of(**{RELIANCE.instrument_key: {"fullFeed": full, "requestMode": "full_d30"}}).SerializeToString()).batch.rows[0]
    assert (row["mode"], row["levels"]) == (3, 30)
    assert row["bid_px"].tolist() == [100.0, 99.0, 98.0, 97.0, 96.0]
    assert row["ask_qty"].tolist() == [50, 51, 52, 53, 54]


def deep(message, key, levels):
    market = message.feeds[key].fullFeed.marketFF
    market.ltpc.ltp = 100.5
    for n in range(levels):
        market.marketLevel.bidAskQuote.add(bidQ=n + 1, bidP=100.0 - n, askQ=n + 50, askP=101.0 + n)
    return message


def test_all_levels_of_a_deep_book_come_as_depth():
    message = deep(FeedResponse(type=1, currentTs=TS), OPTION.instrument_key, 30)
    deep(deep(message, NIFTY.instrument_key, 5), RELIANCE.instrument_key, 7)
    found = decode(message.SerializeToString())
    assert found.rows["levels"].tolist() == [7, 5, 30]
    books = found.depth.rows
    assert (found.depth.ts, books["sid"].tolist(), books["levels"].tolist()) == (TS, [0, 2], [7, 30])
    assert books["ts_exch"].tolist() == [TS, TS]
    assert books["bid_px"][0].tolist() == [*(100.0 - n for n in range(7))] + [0.0] * 23
    assert books["ask_qty"][1].tolist() == [*range(50, 80)]
    assert books.flags.writeable
    assert books.flags.c_contiguous


def test_a_frame_without_a_deep_book_has_no_depth():
    assert decode(deep(FeedResponse(type=1, currentTs=TS), OPTION.instrument_key, 5).SerializeToString()).depth is None
    assert decode(bytes.fromhex(A)).depth is None


def test_a_bad_deep_level_refuses_the_row_by_name():
    message = deep(deep(FeedResponse(type=1, currentTs=TS), OPTION.instrument_key, 8), RELIANCE.instrument_key, 8)
    message.feeds[OPTION.instrument_key].fullFeed.marketFF.marketLevel.bidAskQuote[6].askQ = -4
    found = decode(message.SerializeToString())
    assert found.refused == ((OPTION.instrument_key, "bad_ask_qty"),)
    assert found.depth.rows["sid"].tolist() == found.rows["sid"].tolist() == [0]


def test_option_greeks_mode():
    first = {
        "ltpc": {"ltp": 120.5},
        "firstDepth": {"bidQ": "65", "bidP": 120.0, "askQ": "130", "askP": 121.0},
        "optionGreeks": {"delta": -0.4, "theta": -9.0, "gamma": 0.001, "vega": 5.0, "rho": 0.1},
        "vtt": "900",
        "oi": 1_000.0,
        "iv": 0.15,
    }
    row = decode(frame_of(**{OPTION.instrument_key: {"firstLevelWithGreeks": first, "requestMode": "option_greeks"}}).SerializeToString())
    row = row.batch.rows[0]
    assert (row["mode"], row["flags"]) == (2, TickFlag.HAS_DEPTH)
    assert [row[n] for n in ("delta", "theta", "gamma", "vega", "rho", "vtt", "oi", "iv")] == [
        -0.4,
        -9.0,
        0.001,
        5.0,
        0.1,
        900,
        1_000.0,
        0.15,
    ]
    assert (row["bid_px"][0], row["bid_qty"][0], row["ask_px"][0], row["ask_qty"][0]) == (120.0, 65, 121.0, 130)


def test_the_newest_minute_is_taken_and_other_intervals_are_not():
    bars = [
        {"interval": "1d", "open": 1, "ts": str(TS)},
        {"interval": "I1", "open": 2.0, "high": 3.0, "low": 1.0, "close": 2.5, "vol": "7", "ts": "1790308140000"},
        {"interval": "I1", "open": 9.0, "ts": "1790308080000"},
        {"interval": "I30", "open": 8.0, "ts": str(TS)},
    ]
    feed = {"fullFeed": {"marketFF": {"ltpc": {"ltp": 1.0}, "marketOHLC": {"ohlc": bars}}}}
    row = decode(frame_of(**{RELIANCE.instrument_key: feed}).SerializeToString()).batch.rows[0]
    assert (row["i1_ts"], row["i1_open"], row["i1_vol"]) == (1_790_308_140_000, 2.0, 7)


def test_rows_come_in_the_order_of_the_watchlist_and_strangers_are_reported():
    message = frame_of(**{key: {"ltpc": {"ltp": 5.0}} for key in ("NSE_EQ|OTHER", OPTION.instrument_key, RELIANCE.instrument_key, "A")})
    found = decode(message.SerializeToString())
    assert found.batch.rows["sid"].tolist() == [0, 2]
    assert found.unknown == ("A", "NSE_EQ|OTHER")


def test_a_stranger_that_comes_twice_is_one_and_a_long_key_is_cut():
    one = FeedResponse(type=1, currentTs=TS)
    one.feeds["B" * 100].ltpc.ltp = 5.0
    frame = one.SerializeToString()
    twice = frame[:-7] + frame[2:]
    assert decode(frame).unknown == decode(twice).unknown == ("B" * 64,)
    assert decode(twice).batch is None


# ------------------------------------------------------------------ the decoder's memory


def test_rows_are_writable_for_the_metrics():
    for frame in (D, C):
        rows = decode(bytes.fromhex(frame)).batch.rows
        assert (rows.dtype, rows.flags.c_contiguous, rows.flags.writeable) == (TICK, True, True)
        rows["mid"] = 1.0
        assert rows["mid"][0] == 1.0


def test_rows_that_somebody_holds_are_never_written_again():
    decoder = Decoder(WATCH)
    message = deep(
        frame_of(**{key: {"ltpc": {"ltp": 5.0}} for key in (NIFTY.instrument_key, OPTION.instrument_key)}), RELIANCE.instrument_key, 9
    )
    single = frame_of(**{OPTION.instrument_key: {"ltpc": {"ltp": 7.0}}})
    held, copies = [], []
    for n in range(700):  # many blocks of each kind
        message.feeds[OPTION.instrument_key].ltpc.ltq = single.feeds[OPTION.instrument_key].ltpc.ltq = n
        for frame in (message, single):
            found = decoder.decode(frame.SerializeToString(), TS)
            if n % 3 == 0:
                held.append((found.rows, found.depth.rows if found.depth else None))
                copies.append((found.rows.tobytes(), found.depth.rows.tobytes() if found.depth else None))
            found.rows["mid"][0] = 0.0  # the caller's own
    gc.collect()
    assert [(rows.tobytes(), books.tobytes() if books is not None else None) for rows, books in held] == copies
    quantities = [int(rows["ltq"][-1]) for rows, _ in held]
    assert quantities == [n for n in range(700) if n % 3 == 0 for _ in range(2)]


def test_a_block_that_nobody_holds_is_used_again_and_its_rows_are_fresh():
    decoder = Decoder(WATCH)
    several = deep(frame_of(**{OPTION.instrument_key: {"ltpc": {"ltp": 7.0}}}), RELIANCE.instrument_key, 9).SerializeToString()
    blocks = set()
    for _ in range(600):
        for frame in (bytes.fromhex(D), several):
            rows = decoder.decode(frame, TS).rows
            assert not rows["mid"].any()
            rows["mid"], rows["volume"] = 9.0, 9  # the metrics
            del rows
        blocks |= {(what, room.address) for what, room in decoder._rooms.items()}
    assert len(blocks) == 3  # one for single rows, one for several, one for books


def test_a_row_outlives_its_decoder():
    decoder = Decoder(WATCH)
    row = decoder.decode(bytes.fromhex(D), TS).rows
    before = writable(row)
    del decoder
    gc.collect()
    assert row.tobytes() == before.tobytes()


# ------------------------------------------------------------------ which path


def slow_paths(monkeypatch):
    count, read = Counter(), wire.read

    def counted(frame, known):
        count["runtime"] += 1
        return read(frame, known)

    monkeypatch.setattr(wire, "read", counted)
    return count


def plain_frames():
    keys = (RELIANCE.instrument_key, OPTION.instrument_key)
    levels = [{"bidQ": str(n + 1), "bidP": 100.0 - n, "askQ": str(n + 50), "askP": 101.0 + n} for n in range(30)]
    bars = [{"interval": i, "open": 1, "high": 2, "low": 1, "close": 2, "vol": "9", "ts": str(TS)} for i in ("1d", "I1", "I30")]
    ltpc = {"ltp": 100.5, "ltt": str(TS), "ltq": "5", "cp": 99.0}
    greeks = {"delta": -0.4, "theta": -9.0, "gamma": 0.001, "vega": 5.0, "rho": 0.1}
    market = {"ltpc": ltpc, "marketLevel": {"bidAskQuote": levels[:5]}, "marketOHLC": {"ohlc": bars}, "optionGreeks": greeks, "atp": 100.0,
              "vtt": "77", "oi": 5.0, "iv": 0.2, "tbq": 5.0, "tsq": 6.0, "iep": 7.0, "rp": 8.0, "ieq": "9", "iiqTotal": "-10", "iiqM": "-11", "casEligible": True}  # fmt: skip
    entries = {
        "ltpc": {"ltpc": {**ltpc, "iep": 101.0}},
        "full": {"fullFeed": {"marketFF": market}, "requestMode": "full_d5"},
        "full_d30": {"fullFeed": {"marketFF": {**market, "marketLevel": {"bidAskQuote": levels}}}, "requestMode": "full_d30"},
        "option_greeks": {"firstLevelWithGreeks": {"ltpc": ltpc, "firstDepth": levels[0], "optionGreeks": greeks, "vtt": "5", "oi": 3.0, "iv": 0.1},
                          "requestMode": "option_greeks"},
        "index": {"fullFeed": {"indexFF": {"ltpc": ltpc, "marketOHLC": {"ohlc": bars}}}, "requestMode": "full_d5"},
        "never traded": {"ltpc": {}},
    }  # fmt: skip
    return {name: frame_of(**dict.fromkeys(keys, entry)).SerializeToString() for name, entry in entries.items()}


@pytest.mark.parametrize(("name", "frame"), plain_frames().items(), ids=plain_frames().keys())
def test_ordinary_frames_of_each_mode_do_not_need_the_runtime(name, frame, monkeypatch):
    count, decoder = slow_paths(monkeypatch), Decoder(WATCH)
    for _ in range(200):
        found = decoder.decode(frame, TS)
        assert len(found.rows) == 2
        assert not found.refused
        assert not found.unknown
    assert count["runtime"] == 0
    expected = wire.read(frame, decoder._known)
    assert found.rows.tobytes() == expected.rows.tobytes()
    assert (found.depth.rows.tobytes() if found.depth else b"") == expected.books.tobytes()
    assert (found.depth is not None) == (name == "full_d30")


def test_what_is_not_plain_goes_the_runtime_s_way(monkeypatch):
    count, decoder = slow_paths(monkeypatch), Decoder(WATCH)
    decoder.decode(bytes.fromhex(A), TS)
    message = FeedResponse(type=1, currentTs=TS)
    message.feeds[RELIANCE.instrument_key].ltpc.ltp = -0.0
    assert math.copysign(1.0, decoder.decode(message.SerializeToString() + b"", TS).rows["ltp"][0]) == -1.0
    decoder.decode(bytearray(bytes.fromhex(D)), TS)
    assert count["runtime"] == 2


def test_a_frame_of_several_thousand_instruments(monkeypatch):
    watch = [Instrument(n, "", f"NSE_EQ|INE{n:04d}A01018", "", 5, 1, 1, is_cas_eligible=False) for n in range(MAX_FEEDS)]
    message = FeedResponse(type=0, currentTs=TS)
    for paper in watch:
        message.feeds[paper.instrument_key].ltpc.ltq = paper.sid
    count, decoder = slow_paths(monkeypatch), Decoder(watch)
    for _ in range(3):
        rows = decoder.decode(message.SerializeToString(), TS).rows
        assert rows["sid"].tolist() == rows["ltq"].tolist() == list(range(MAX_FEEDS))
        assert (rows["kind"] == TickKind.SNAPSHOT).all()
    assert count["runtime"] == 0


@pytest.mark.parametrize("papers", [1, 30, 300])
def test_many_deep_books(papers, monkeypatch):
    watch = [Instrument(n, "", f"NSE_EQ|INE{n:04d}A01018", "", 5, 1, 1, is_cas_eligible=False) for n in range(papers)]
    message = FeedResponse(type=1, currentTs=TS)
    for paper in watch:
        deep(message, paper.instrument_key, 30 if paper.sid % 3 == 0 else 5)
    count, decoder = slow_paths(monkeypatch), Decoder(watch)
    expected = wire.read(message.SerializeToString(), decoder._known)
    held = [decoder.decode(message.SerializeToString(), TS) for _ in range(9)]
    assert all(found.depth.rows.tobytes() == expected.books.tobytes() for found in held)
    assert all(found.rows.tobytes() == expected.rows.tobytes() for found in held)
    assert held[0].depth.rows.dtype == DEPTH
    assert count["runtime"] == 1  # ours, above


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "no_time"),
        ("text", "text"),
        (b"\xff\xff\xff", "not_protobuf"),
        (bytes.fromhex(D)[:-1], "not_protobuf"),
        (bytes.fromhex(D)[:50], "not_protobuf"),
        (FeedResponse(type=7, currentTs=TS).SerializeToString(), "unknown_type"),
        (FeedResponse(type=1, currentTs=5).SerializeToString(), "no_time"),
        (FeedResponse(type=1, currentTs=-5).SerializeToString(), "no_time"),
        (b"\0" * (MAX_FRAME_BYTES + 1), "too_large"),
        (b'{"type": "live_feed"}', "not_protobuf"),
    ],
)
def test_a_wrong_frame_is_refused_by_name(frame, reason):
    with pytest.raises(FrameRefused) as caught:
        decode(frame)
    assert caught.value.reason == reason
    assert isinstance(caught.value, Refused)
    assert "\n" not in str(caught.value)


def test_every_truncation_is_refused_or_a_shorter_truth():
    whole = bytes.fromhex(D)
    refused = 0
    for size in range(len(whole)):
        try:
            decode(whole[:size])
        except FrameRefused:
            refused += 1
    assert refused == len(whole)


def test_too_many_entries_are_refused():
    message = FeedResponse(type=1, currentTs=TS)
    for n in range(MAX_FEEDS + 1):
        message.feeds[f"K{n}"].ltpc.ltp = 1.0
    with pytest.raises(FrameRefused, match="too_many_feeds"):
        decode(message.SerializeToString())


BAD = [
    ("ltp", math.nan), ("ltp", math.inf), ("ltp", -1.0), ("ltp", 1e12), ("cp", -0.01), ("ltt", -1), ("ltq", -1), ("ltq", 10**15),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), BAD)
def test_a_bad_value_is_refused_by_name_and_leaves_the_others(field, value):
    message = FeedResponse(type=1, currentTs=TS)
    setattr(message.feeds[RELIANCE.instrument_key].ltpc, field, value)
    with pytest.raises(FrameRefused) as caught:
        decode(message.SerializeToString())
    assert caught.value.reason == f"bad_{field}"
    message.feeds[OPTION.instrument_key].ltpc.ltp = 7.0
    found = decode(message.SerializeToString())
    assert found.batch.rows["sid"].tolist() == [2]
    assert found.refused == ((RELIANCE.instrument_key, f"bad_{field}"),)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [("atp", math.nan, "atp"), ("vtt", -1, "vtt"), ("oi", -1.0, "oi"), ("iv", math.inf, "iv"), ("tbq", -2.0, "tbq"), ("rp", -1.0, "rp"),
     ("iep", math.nan, "iep"), ("ieq", -3, "ieq"), ("iiqTotal", -(10**15), "iiq_total"), ("iiqM", 10**15, "iiq_market")],
)  # fmt: skip
def test_bad_values_of_a_full_entry(path, value, field):
    message = FeedResponse(type=1, currentTs=TS)
    setattr(message.feeds[RELIANCE.instrument_key].fullFeed.marketFF, path, value)
    with pytest.raises(FrameRefused) as caught:
        decode(message.SerializeToString())
    assert caught.value.reason == f"bad_{field}"


def test_bad_levels_minutes_and_greeks():
    for change, field in (
        (lambda m: m.marketLevel.bidAskQuote.add(bidP=-1.0), "bid_px"),
        (lambda m: m.marketLevel.bidAskQuote.add(askQ=-1), "ask_qty"),
        (lambda m: m.marketOHLC.ohlc.add(interval="I1", ts=TS, low=math.nan), "i1_low"),
        (lambda m: m.marketOHLC.ohlc.add(interval="I1", ts=TS, vol=-1), "i1_vol"),
        (lambda m: setattr(m.optionGreeks, "vega", math.nan), "vega"),
    ):
        message = FeedResponse(type=1, currentTs=TS)
        change(message.feeds[RELIANCE.instrument_key].fullFeed.marketFF)
        with pytest.raises(FrameRefused) as caught:
            decode(message.SerializeToString())
        assert caught.value.reason == f"bad_{field}"


def test_an_entry_that_carries_nothing_and_an_unknown_mode():
    message = FeedResponse(type=1, currentTs=TS)
    message.feeds[RELIANCE.instrument_key].requestMode = 1
    with pytest.raises(FrameRefused, match="empty_entry"):
        decode(message.SerializeToString())
    message.feeds[RELIANCE.instrument_key].requestMode = 9
    with pytest.raises(FrameRefused, match="unknown_mode"):
        decode(message.SerializeToString())


def test_an_unknown_segment_state_is_its_number_and_a_strange_word_is_refused():
    message = FeedResponse(type=2, currentTs=TS)
    message.marketInfo.segmentStatus["NSE_EQ"] = 42
    assert decode(message.SerializeToString()).statuses == (("NSE_EQ", "42"),)
    message.marketInfo.casMarketStatus["NSE_EQ"].status = "<script>"
    with pytest.raises(FrameRefused, match="bad_status"):
        decode(message.SerializeToString())


# ------------------------------------------------------------------ recorded frames


def json_rows(path, limit, step):
    with gzip.open(path, "rt") as file:
        for n, line in enumerate(file):
            if n >= limit * step:
                return
            if n % step == 0:
                yield json.loads(line)


def number(plain, *names):
    for name in names:
        plain = plain.get(name, {}) if isinstance(plain, dict) else {}
    return float(plain) if plain != {} else 0.0


def expected(feed):
    """Read the JSON of one entry by our own hand: field of TICK -> value."""
    full = feed.get("fullFeed", {})
    m = full.get("marketFF", full.get("indexFF", {}))
    ltpc = m.get("ltpc", {}) if full else feed.get("ltpc", {})
    found = {name: number(ltpc, name) for name in ("ltp", "ltt", "ltq", "cp")}
    for ours, theirs in {"iiq_total": "iiqTotal", "iiq_market": "iiqM"}.items():
        found[ours] = number(m, theirs)
    for name in ("atp", "vtt", "oi", "iv", "tbq", "tsq", "iep", "rp", "ieq"):
        found[name] = number(m, name)
    for name in ("delta", "theta", "gamma", "vega", "rho"):
        found[name] = number(m, "optionGreeks", name)
    for interval, prefix in (("I1", "i1"), ("1d", "d1")):
        bars = [bar for bar in m.get("marketOHLC", {}).get("ohlc", []) if bar.get("interval") == interval and number(bar, "ts") > 0]
        best = max(bars, key=lambda bar: number(bar, "ts"), default={})
        for name in ("ts", "open", "high", "low", "close", "vol"):
            found[f"{prefix}_{name}"] = number(best, name)
    levels = m.get("marketLevel", {}).get("bidAskQuote", [])
    found["levels"] = len(levels)
    found["mode"] = {"full_d5": 1, "option_greeks": 2, "full_d30": 3}.get(feed.get("requestMode"), 0)
    levels = levels[:5] + [{}] * (5 - len(levels))
    for ours, theirs in {"bid_px": "bidP", "bid_qty": "bidQ", "ask_px": "askP", "ask_qty": "askQ"}.items():
        found[ours] = [number(level, theirs) for level in levels]
    flags = TickFlag.INDEX if "indexFF" in full else TickFlag(0)
    flags |= TickFlag.HAS_DEPTH if found["bid_px"][0] > 0 and found["ask_px"][0] > 0 else TickFlag(0)
    flags |= TickFlag.HAS_MINUTE if found["i1_ts"] > 0 else TickFlag(0)
    flags |= TickFlag.HAS_DAY if found["d1_ts"] > 0 else TickFlag(0)
    found["flags"] = int(flags)
    return found


def agree(message, ts, count):
    """Decode what protobuf's own JSON reader encodes, and compare with the JSON read by hand, every raw field of every row."""
    keys = sorted(message["feeds"])
    watch = [Instrument(n, f"S{n}", key, key, 5, 1, 1, is_cas_eligible=False) for n, key in enumerate(keys)]
    encoded = ParseDict({**message, "currentTs": str(ts)}, FeedResponse(), ignore_unknown_fields=True).SerializeToString()
    found = Decoder(watch).decode(encoded, ts)
    assert not found.refused
    assert not found.unknown
    assert found.depth is None
    kind = TickKind.SNAPSHOT if message.get("type", "initial_feed") == "initial_feed" else TickKind.LIVE
    for row in found.rows:
        feed = message["feeds"][keys[row["sid"]]]
        told = expected(feed)
        assert set(told) | {"sid", "kind", "ts_exch", "aggressor", "pad"} == set(TICK_RAW_FIELDS)
        for name, value in told.items():
            assert np.array_equal(row[name], value), (name, row[name], value, feed)
        assert (row["kind"], row["ts_exch"]) == (kind, ts)
    assert len(found.rows) == len(keys)
    count["messages"] += 1
    count["rows"] += len(keys)


@pytest.mark.parametrize("step", [pytest.param(97), pytest.param(1, marks=[pytest.mark.nightly, pytest.mark.timeout(900)])])
def test_recorded_full_frames_decode_to_their_json(shared_data, step, monkeypatch):
    count = slow_paths(monkeypatch)
    for path in sorted((shared_data / "feed" / "upstox_v3_full_d5_2025-12-15").glob("*.jsonl.gz")):
        for record in json_rows(path, 200 if step > 1 else 10**9, step):
            feed = {name: record[name] for name in ("fullFeed", "requestMode") if name in record}
            agree({"type": "live_feed", "feeds": {record["instrumentKey"]: feed}}, 1_765_771_500_000, count)
    print(f"\nfull_d5 of 2025-12-15: {dict(count)}")
    assert count["runtime"] == 0
    assert count["rows"] == count["messages"] >= (700 if step > 1 else 121_596)


RECORDED = {
    "upstox_v3_ltpc_2025-10-07_messages": 229_673,
    "upstox_v3_full_d5_2026-01-23_100_messages": 859,
    "upstox_v2_ltpc_2024-08-02_0944ist_messages": 18_152,
}
"""Whole messages, and the updates in them: the data's README counts the first two."""


@pytest.mark.parametrize(("name", "updates"), RECORDED.items())
@pytest.mark.parametrize("step", [pytest.param(61), pytest.param(1, marks=[pytest.mark.nightly, pytest.mark.timeout(900)])])
def test_recorded_messages_decode_to_their_json(shared_data, name, updates, step, monkeypatch):
    count = slow_paths(monkeypatch)
    for message in json_rows(shared_data / "feed" / f"{name}.jsonl.gz", 250 if step > 1 else 10**9, 1 if "100_m" in name else step):
        if message.get("feeds"):
            agree(message, int(message.get("currentTs", "1765771500000")), count)
    print(f"\n{name}: {dict(count)}")
    assert count["runtime"] == 0
    assert count["messages"] > 50
    if step == 1:
        assert count["rows"] == updates
