import json

import pytest
from google.protobuf.message import DecodeError

from pipeline.core.errors import Refused
from pipeline.simulator.faults import FEED_KINDS, FEED_PATHS, REQUEST_KINDS, SPOILT_REPLIES, Faults, spoil, spoil_reply
from proto import MarketDataFeedV3_pb2 as pb


def test_a_fault_hits_its_path_as_often_as_ordered():
    faults = Faults()
    faults.add({"kind": "status", "match": "/order/place", "count": 2, "status": 429})
    assert faults.take("/v2/user/profile", REQUEST_KINDS) is None
    assert faults.take("/v3/order/place", FEED_KINDS) is None
    hit = faults.take("/v3/order/place", REQUEST_KINDS)
    assert (hit.status, hit.udapi) == (429, "UDAPI10005")
    assert faults.take("/v3/order/place", REQUEST_KINDS) is hit
    assert faults.take("/v3/order/place", REQUEST_KINDS) is None
    assert faults.rows()[0]["done"] == 2
    faults.clear()
    assert faults.rows() == []


def test_for_ever_is_minus_one():
    faults = Faults()
    faults.add({"kind": "delay", "count": -1})
    assert all(faults.take("/x", REQUEST_KINDS) is not None for _ in range(5))


def test_a_refused_feed_is_authorise_and_handshake_and_nothing_else():
    faults = Faults()
    faults.add({"kind": "refuse_feed", "status": 403, "count": -1})
    for path in FEED_PATHS:
        assert faults.take(path, REQUEST_KINDS).status == 403
    for path in ("/v3/market-quote/ltp", "/v2/feed/portfolio-stream-feed/authorize", "/portfolio"):
        assert faults.take(path, REQUEST_KINDS) is None


def test_an_order_ends_after_its_seconds(monkeypatch):
    now = 100.0
    monkeypatch.setattr("pipeline.simulator.faults.time.monotonic", lambda: now)
    faults = Faults()
    faults.add({"kind": "refuse_feed", "count": -1, "seconds": 5.0})
    faults.add({"kind": "mute", "lasting": True, "seconds": 5.0})
    assert faults.take("/feeds", REQUEST_KINDS) is not None
    assert [fault.kind for fault in faults.lasting()] == ["mute"]
    now = 105.0
    assert faults.take("/feeds", REQUEST_KINDS) is None
    assert faults.lasting() == []


def test_only_lasting_stalls_wait_for_new_connections():
    faults = Faults()
    for plain in ({"kind": "mute"}, {"kind": "freeze", "lasting": True}, {"kind": "delay", "lasting": True}):
        faults.add(plain)
    assert [fault.kind for fault in faults.lasting()] == ["freeze"]


@pytest.mark.parametrize("plain", [{"kind": "plague"}, {"kind": "delay", "often": 3}, {}, {"kind": "mute_keys"}])
def test_nonsense_is_refused(plain):
    with pytest.raises(Refused):
        Faults().add(plain)


def test_spoiled_frames():
    good = pb.FeedResponse(type=pb.live_feed, currentTs=5)
    good.feeds["k"].ltpc.ltp = 1.5
    payload = good.SerializeToString()
    assert pb.FeedResponse.FromString(spoil(payload, "unknown_type")).type == 99
    for kind in ("truncated_frame", "corrupt_frame"):
        with pytest.raises(DecodeError):
            pb.FeedResponse.FromString(spoil(payload, kind))
    assert spoil(payload, "stall_feed") == payload


def test_spoilt_replies_are_wrong_each_in_its_way():
    good = json.dumps({"status": "success", "data": {"candles": [["t", 1.0, 2.0, 0.5, 1.5, 7, 0]] * 25}}).encode()
    for kind in SPOILT_REPLIES[:2]:
        with pytest.raises(ValueError, match=r"\S"):
            json.loads(spoil_reply(good, kind))
    rows = json.loads(spoil_reply(good, "false_candles"))["data"]["candles"]
    assert [n for n, row in enumerate(rows) if row[5] < 0] == [0, 10, 20]
