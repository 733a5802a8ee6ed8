import gzip
import json
from collections import Counter

import pytest
from google.protobuf.json_format import ParseDict

from pipeline.core.errors import Refused
from pipeline.simulator.encode import encode
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.market import Kind
from pipeline.simulator.player import RecordedMarket, update_of
from proto import MarketDataFeedV3_pb2 as pb

FEED = "upstox_v3_full_d5_2025-12-15"
CALENDAR = load_calendar()


def wire(plain):
    message = pb.Feed()
    return ParseDict({k: v for k, v in plain.items() if k in ("ltpc", "fullFeed", "firstLevelWithGreeks", "requestMode")}, message)


def two_stocks(shared_data, tmp_path):
    """Two of the five papers: the whole folder takes a quarter of a minute."""
    place = tmp_path / "instruments-less" / "day"
    place.mkdir(parents=True)
    for name in ("VMM.jsonl.gz", "MAXHEALTH.jsonl.gz"):
        (place / name).symlink_to((shared_data / "feed" / FEED / name).resolve())
    return place


@pytest.mark.parametrize("papers", ["two", pytest.param("all", marks=pytest.mark.nightly)])
def test_a_recorded_day_is_played_whole(shared_data, tmp_path, papers):
    place = shared_data / "feed" / FEED if papers == "all" else two_stocks(shared_data, tmp_path)
    market = RecordedMarket(place, CALENDAR)
    counted = Counter()
    for file in place.glob("*.gz"):
        with gzip.open(file, "rt") as lines:
            for text in lines:
                counted[json.loads(text)["instrumentKey"]] += 1
    played, last = Counter(), market.start_ms
    for frame in market.frames():
        assert frame.ts > last
        last = frame.ts
        played.update(u.key for u in frame.updates)
    assert played == counted
    assert frame.status.segments["NSE_EQ"] == "CLOSING_END"
    assert market.opening()[1] == ()
    assert market.day.date == "2025-12-15"


def test_the_bytes_are_the_recorded_message(shared_data):
    file = next((shared_data / "feed" / FEED).glob("VMM*"))
    with gzip.open(file, "rt") as lines:
        for text, _ in zip(lines, range(300), strict=False):
            plain = json.loads(text)
            assert update_of("k", plain).wire == wire(plain)


def test_whole_messages_keep_their_kinds(shared_data):
    market = RecordedMarket(shared_data / "feed" / "upstox_v3_full_d5_2026-01-23_100_messages.jsonl.gz", CALENDAR)
    played = list(market.frames())
    assert sum(len(f.updates) for f in played) == 859
    assert [f.kind for f in played][-1] is Kind.STATUS
    assert any(u.is_index and u.wire.fullFeed.HasField("indexFF") for f in played for u in f.updates)
    modes = {item.key: "full" for item in market.listings}
    assert all(pb.FeedResponse.FromString(encode(f, modes)).currentTs == f.ts for f in played)


def test_a_composed_recording(tmp_path):
    ts = 1_759_810_693_000
    messages = [
        {"type": "market_info", "currentTs": str(ts), "marketInfo": {"segmentStatus": {"NSE_EQ": "NORMAL_OPEN", "XX": "NEW_WORD"}}},
        {"feeds": {"NSE_EQ|INE000000001": {"ltpc": {}}}, "currentTs": str(ts)},
        {"type": "live_feed", "feeds": {"NSE_EQ|INE000000001": {"ltpc": {"ltp": 5, "ltt": str(ts), "ltq": "3", "cp": 4.5, "iep": 5.5}}}, "currentTs": str(ts + 5)},
        {"type": "live_feed", "feeds": {}, "currentTs": str(ts + 6)},
    ]  # fmt: skip
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps(m) + "\n" for m in messages))
    market = RecordedMarket(path, CALENDAR)
    played = list(market.frames())
    assert [(f.kind, f.ts - ts) for f in played] == [(Kind.STATUS, 0), (Kind.SNAPSHOT, 1), (Kind.LIVE, 5), (Kind.STATUS, 1005)]
    assert played[0].status.segments == {"NSE_EQ": "NORMAL_OPEN"}
    last = played[2].updates[0]
    assert (last.ltp, last.ltq, last.wire.ltpc.iep.value) == (5.0, 3, 5.5)
    assert played[1].updates[0].wire.HasField("ltpc")
    assert market.listings[0].base_px == 4.5


def test_a_day_that_never_traded_is_refused(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps({"feeds": {"NSE_EQ|INE000000001": {"ltpc": {"ltt": "1759638600000"}}}, "currentTs": "1759638600000"}))
    with pytest.raises(Refused, match="no trading day"):
        RecordedMarket(path, CALENDAR)
