import contextlib
import json
import time

import pytest
from google.protobuf.message import DecodeError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pipeline.core.session import ist_ms
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from proto import MarketDataFeedV3_pb2 as pb
from tests.fakes.live_simulator import frames, live_simulator, raw_frames, subscribe
from tests.fakes.sim_day import DATE, market

KEYS = [item.key for item in DEFAULT_LISTINGS]
MINUTES = "09:15-09:18"


def played(session=MINUTES):
    return list(market(session).frames())


def test_info_then_snapshot_then_every_frame_then_1000():
    with live_simulator(SimulatorConfig(session=MINUTES)) as sim, sim.feed(KEYS) as socket:
        got = list(frames(socket))
        assert socket.close_code == 1000
    assert [m.type for m in got[:2]] == [pb.market_info, pb.initial_feed]
    assert len(got[1].feeds) == 15
    expected = played()
    assert [m.currentTs for m in got[2:]] == [f.ts for f in expected]
    assert sum(len(m.feeds) for m in got[2:]) == sum(len(f.updates) for f in expected)
    assert got[-1].marketInfo.segmentStatus["NSE_EQ"] == pb.CLOSING_END
    assert [m.currentTs for m in got] == sorted({m.currentTs for m in got})


def test_a_client_that_holds_gets_the_same_bytes_again():
    with live_simulator(SimulatorConfig(session=MINUTES, hold=True)) as sim:
        with sim.feed(KEYS) as socket:
            first = [payload for payload, _ in zip(raw_frames(socket), range(120), strict=False)]
        with sim.feed(KEYS) as socket:
            again = list(raw_frames(socket))
        assert again[:120] == first
        assert len(again) == len(played()) + 2
        with sim.feed(KEYS) as socket:
            tail = list(raw_frames(socket))
            assert socket.close_code == 1000
        assert tail == again[-2048:]


def test_without_hold_time_goes_on():
    with live_simulator(SimulatorConfig(session="09:15-10:30", idle_speed=1000.0)) as sim:
        with sim.feed(KEYS) as socket:
            before = next(m.currentTs for m in frames(socket) if m.currentTs > ist_ms(DATE, "09:16"))
        reached = sim.clock()["ts"]
        deadline = time.monotonic() + 30
        while sim.clock()["ts"] == reached:  # longer than what the sockets' buffers hold, so it cannot be over yet
            assert time.monotonic() < deadline
        with sim.feed(KEYS) as socket:
            got = list(frames(socket))
        assert [m.type for m in got[:2]] == [pb.market_info, pb.initial_feed]
        assert got[1].currentTs > before
        assert [m.currentTs for m in got] == sorted({m.currentTs for m in got})


def test_modes_and_changes_of_subscription():
    with live_simulator(SimulatorConfig(session=MINUTES, speed=20.0, plan="plus")) as sim, sim.feed(KEYS[:1], "ltpc") as socket:
        stream = frames(socket)
        next(stream)
        assert next(stream).feeds[KEYS[0]].WhichOneof("FeedUnion") == "ltpc"
        socket.send('{"guid":"t","method":"sub","data":{"mode":"full","instrumentKeys":["x"]}}')  # text: ignored
        socket.send(b"not json")
        subscribe(socket, [KEYS[1], "NSE_EQ|UNKNOWN"], "full_d30")
        deep = next(m for m in stream if m.type == pb.initial_feed)
        assert list(deep.feeds) == [KEYS[1]]
        assert len(deep.feeds[KEYS[1]].fullFeed.marketFF.marketLevel.bidAskQuote) == 30
        subscribe(socket, [KEYS[0]], "option_greeks", "change_mode")
        changed = next(m for m in stream if m.type == pb.initial_feed)
        assert changed.feeds[KEYS[0]].HasField("firstLevelWithGreeks")
        subscribe(socket, [KEYS[0]], method="unsub")
        later = next(m.currentTs for m in stream) + 5_000
        rest = [m for m, _ in zip((m for m in stream if m.currentTs > later), range(20), strict=False)]
        assert rest
        assert not [m for m in rest if KEYS[0] in m.feeds]


def test_codes_work_once_and_connections_are_counted(still):
    uri = still.get("/v3/feed/market-data-feed/authorize")["data"]["authorizedRedirectUri"]
    with connect(uri):
        with pytest.raises(InvalidStatus) as caught:
            connect(uri).__enter__()
        assert caught.value.response.status_code == 403
        with still.feed([]), pytest.raises(InvalidStatus), still.feed([]):
            pass


def test_a_plus_plan_has_five_connections():
    with live_simulator(SimulatorConfig(session=MINUTES, hold=True, plan="plus")) as sim, contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(sim.feed([]))
        with pytest.raises(InvalidStatus), sim.feed([]):
            pass


def test_a_token_is_needed_and_the_direct_address_redirects(still):
    status, body = still.call("GET", "/v3/feed/market-data-feed/authorize", token="nonsense")
    assert (status, body["errors"][0]["error_code"]) == (401, "UDAPI100050")
    direct = still.base.replace("http", "ws") + "/v3/feed/market-data-feed"
    with connect(direct, additional_headers={"Authorization": f"Bearer {still.token}"}) as socket:
        assert socket.recv(timeout=10) if not still.clock()["is_started"] else True


@pytest.mark.parametrize("kind", ["corrupt_frame", "truncated_frame", "unknown_type"])
def test_bad_frames_on_demand(kind):
    with live_simulator(SimulatorConfig(session="09:15-09:16")) as sim:
        sim.fault(kind=kind, count=1)
        with sim.feed(KEYS) as socket:
            first, *rest = raw_frames(socket)
        if kind == "unknown_type":
            assert pb.FeedResponse.FromString(first).type == 99
        else:
            with pytest.raises(DecodeError):
                pb.FeedResponse.FromString(first)
        assert all(pb.FeedResponse.FromString(p).currentTs > 0 for p in rest)


def test_a_dropped_line_and_a_stall():
    with live_simulator(SimulatorConfig(session="09:15-09:16", hold=True)) as sim:
        sim.fault(kind="drop_feed", count=1)
        with sim.feed(KEYS) as socket:
            assert len(list(raw_frames(socket))) < 10
            assert socket.close_code == 1006
        sim.fault(kind="stall_feed", count=1, delay_s=0.3)
        with sim.feed(KEYS) as socket:
            assert len(list(raw_frames(socket))) == len(played("09:15-09:16")) + 2


def test_a_silent_market_pings(still):
    with still.feed([]) as socket:
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.2)
        assert socket.ping().wait(10)
    assert json.loads(json.dumps(still.clock()))["is_over"] is False
