import gzip
import json
import math

import numpy as np
import pytest
from google.protobuf.json_format import ParseDict

from pipeline.broker.wire import MAX_FEEDS, MAX_FRAME_BYTES, Decoder, FrameRefused
from pipeline.core.errors import Refused
from pipeline.core.types import Instrument, TickFlag, TickKind
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
    assert row["mode"] == 3
    assert row["bid_px"].tolist() == [100.0, 99.0, 98.0, 97.0, 96.0]
    assert row["ask_qty"].tolist() == [50, 51, 52, 53, 54]


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


def test_rows_are_writable_for_the_metrics():
    rows = decode(bytes.fromhex(D)).batch.rows
    rows["mid"] = 1.0
    assert rows["mid"][0] == 1.0


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
    minutes = [bar for bar in m.get("marketOHLC", {}).get("ohlc", []) if bar.get("interval") == "I1" and number(bar, "ts") > 0]
    best = max(minutes, key=lambda bar: number(bar, "ts"), default={})
    for name in ("ts", "open", "high", "low", "close", "vol"):
        found[f"i1_{name}"] = number(best, name)
    levels = m.get("marketLevel", {}).get("bidAskQuote", [])[:5]
    levels = levels + [{}] * (5 - len(levels))
    for ours, theirs in {"bid_px": "bidP", "bid_qty": "bidQ", "ask_px": "askP", "ask_qty": "askQ"}.items():
        found[ours] = [number(level, theirs) for level in levels]
    return found


def agree(message, ts):
    keys = sorted(message["feeds"])
    watch = [Instrument(n, f"S{n}", key, key, 5, 1, 1, is_cas_eligible=False) for n, key in enumerate(keys)]
    encoded = ParseDict({**message, "currentTs": str(ts)}, FeedResponse(), ignore_unknown_fields=True).SerializeToString()
    found = Decoder(watch).decode(encoded, ts)
    assert not found.refused
    assert not found.unknown
    for row in found.batch.rows:
        feed = message["feeds"][keys[row["sid"]]]
        for name, value in expected(feed).items():
            assert np.array_equal(row[name], value), (name, row[name], value, feed)
        assert bool(row["flags"] & TickFlag.INDEX) == ("indexFF" in feed.get("fullFeed", {}))
    assert len(found.batch.rows) == len(keys)


@pytest.mark.parametrize("step", [pytest.param(97), pytest.param(1, marks=pytest.mark.nightly)])
def test_recorded_full_frames_decode_to_their_json(shared_data, step):
    for path in sorted((shared_data / "feed" / "upstox_v3_full_d5_2025-12-15").glob("*.jsonl.gz")):
        for record in json_rows(path, 200 if step > 1 else 10**9, step):
            feed = {name: record[name] for name in ("fullFeed", "requestMode") if name in record}
            agree({"type": "live_feed", "feeds": {record["instrumentKey"]: feed}}, 1_765_771_500_000)


@pytest.mark.parametrize(
    "name",
    ["upstox_v3_ltpc_2025-10-07_messages", "upstox_v3_full_d5_2026-01-23_100_messages", "upstox_v2_ltpc_2024-08-02_0944ist_messages"],
)
@pytest.mark.parametrize("step", [pytest.param(61), pytest.param(1, marks=pytest.mark.nightly)])
def test_recorded_messages_decode_to_their_json(shared_data, name, step):
    for message in json_rows(shared_data / "feed" / f"{name}.jsonl.gz", 250 if step > 1 else 10**9, 1 if "100_m" in name else step):
        if message.get("feeds"):
            agree(message, int(message.get("currentTs", "1765771500000")))
