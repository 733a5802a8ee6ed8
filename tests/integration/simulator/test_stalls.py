"""What a client sees of each fault of the feed, on a real socket."""

import time

import pytest
from websockets.exceptions import InvalidStatus

from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from proto import MarketDataFeedV3_pb2 as pb
from tests.fakes.broker_server import eventually
from tests.fakes.live_simulator import live_simulator, raw_frames, subscribe

KEYS = [item.key for item in DEFAULT_LISTINGS]
QUIET_S = 0.4
"""Longer than several frames and pings at the speed of these tests."""


@pytest.fixture(scope="module")
def running():
    with live_simulator(SimulatorConfig(session="09:15-15:30", speed=30.0, ping_s=0.05)) as one:
        yield one


@pytest.fixture
def sim(running):
    yield running
    running.fault(kind="none")
    eventually(lambda: running.clock()["connections"] == 0)


def live(socket):
    """Read until a live frame."""
    while True:
        message = pb.FeedResponse.FromString(socket.recv(timeout=10))
        if message.type == pb.live_feed:
            return message


def drained(socket):
    """Read what was under way; give the last frame before the silence, or None."""
    last = None
    while True:
        try:
            last = socket.recv(timeout=QUIET_S)
        except TimeoutError:
            return last


def is_answered(socket):
    return socket.ping().wait(QUIET_S)


@pytest.mark.parametrize(("kind", "answers_pings"), [("mute", False), ("mute_frames", True), ("half_open", False)])
def test_nothing_comes_while_the_market_goes_on(sim, kind, answers_pings):
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind=kind)
        drained(socket)
        before = sim.clock()
        assert is_answered(socket) is answers_pings
        with pytest.raises(TimeoutError):
            socket.recv(timeout=QUIET_S)
        assert sim.clock()["frames"] > before["frames"]
        assert sim.feeds()[-1]["stall"] == kind
        sim.fault(kind="none")
        message = live(socket)
        assert message.currentTs > before["ts"]
        assert is_answered(socket)


def test_a_frozen_feed_says_the_same_again_and_again(sim):
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind="freeze")
        eventually(lambda: socket.recv(timeout=10) == socket.recv(timeout=10))
        frozen = socket.recv(timeout=10)
        assert [socket.recv(timeout=10) for _ in range(10)] == [frozen] * 10
        assert is_answered(socket)
        sim.fault(kind="none")
        eventually(lambda: socket.recv(timeout=10) != frozen)


def test_some_papers_fall_silent_until_they_are_asked_for_again(sim):
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind="mute_keys", keys=KEYS[:2])
        struck = sim.clock()["ts"]
        eventually(lambda: live(socket).currentTs > struck)
        seen = [live(socket) for _ in range(30)]
        assert not [m for m in seen if KEYS[0] in m.feeds or KEYS[1] in m.feeds]
        assert [m for m in seen if KEYS[2] in m.feeds]
        subscribe(socket, [KEYS[0]])
        eventually(lambda: KEYS[0] in live(socket).feeds)
        assert sim.feeds()[-1]["muted"] == [KEYS[1]]


def test_a_reconnect_cures_what_does_not_last(sim):
    sim.fault(kind="mute_frames", lasting=True)
    with sim.feed(KEYS) as socket, pytest.raises(TimeoutError):
        socket.recv(timeout=QUIET_S)
    sim.fault(kind="none")
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind="mute")
        with sim.feed(KEYS) as other:
            live(other)


def test_one_of_two_connections_is_hit(sim):
    with sim.feed(KEYS[:1]) as first, sim.feed(KEYS[1:2]) as second:
        live(first)
        live(second)
        sim.fault(kind="mute_frames", connection=sim.feeds()[-1]["number"])
        drained(second)
        live(first)
        with pytest.raises(TimeoutError):
            second.recv(timeout=QUIET_S)


def test_a_half_open_line_does_not_count_and_ends_when_it_is_healed(sim):
    for _ in range(4):
        with sim.feed(KEYS) as socket:
            live(socket)
            sim.fault(kind="half_open")
    assert sim.clock()["connections"] == 0
    assert [row["closed_ms"] for row in sim.feeds()][-4:] == [0] * 4
    sim.fault(kind="none")
    eventually(lambda: all(row["closed_ms"] > 0 for row in sim.feeds()))


def test_a_muted_line_ends_when_the_client_has_gone(sim):
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind="mute")
    eventually(lambda: sim.feeds()[-1]["closed_ms"] > 0)


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011])
def test_any_close_code(sim, code):
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind="close_code", code=code)
        list(raw_frames(socket))
        assert socket.close_code == code
    eventually(lambda: sim.feeds()[-1]["closed_ms"] > 0)
    with sim.feed(KEYS) as socket:
        live(socket)


def test_a_feed_that_is_refused(sim):
    uri = "/v3/feed/market-data-feed/authorize"
    sim.fault(kind="refuse_feed", status=503, count=2)
    assert [sim.call("GET", uri)[0] for _ in range(3)] == [503, 503, 200]
    sim.fault(kind="refuse_feed", status=403, match="/feeds")
    with pytest.raises(InvalidStatus) as caught, sim.feed(KEYS):
        pass
    assert caught.value.response.status_code == 403
    with sim.feed(KEYS) as socket:
        live(socket)


def test_a_refusal_for_a_time(sim):
    started = time.monotonic()
    sim.fault(kind="refuse_feed", count=-1, seconds=0.3)
    eventually(lambda: sim.call("GET", "/v3/feed/market-data-feed/authorize")[0] == 200)
    assert time.monotonic() - started >= 0.3


def test_lost_frames_are_missing_and_nothing_else(sim):
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind="drop_frames", count=3)
        eventually(lambda: sim.ledger()["faults"][0]["done"] == 3)
        live(socket)
    assert sim.ledger()["faults"][0]["count"] == 0


def test_a_quiet_market_pings_and_its_quotes_stand(sim):
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind="quiet")
        drained(socket)
        before = sim.get(f"/v3/market-quote/ltp?instrument_key={KEYS[0].replace('|', '%7C')}")
        assert is_answered(socket)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=QUIET_S)
        assert sim.get(f"/v3/market-quote/ltp?instrument_key={KEYS[0].replace('|', '%7C')}") == before
        sim.fault(kind="none")
        live(socket)


def test_a_stall_for_a_time(sim):
    with sim.feed(KEYS) as socket:
        live(socket)
        sim.fault(kind="mute_frames", seconds=0.2)
        eventually(lambda: sim.feeds()[-1]["stall"] == "")
        live(socket)


def test_the_server_clock_is_slow():
    with live_simulator(SimulatorConfig(session="09:15-09:20", speed=10.0, clock_offset_ms=-5_000)) as sim, sim.feed(KEYS) as socket:
        for _ in range(5):
            message = live(socket)
            assert message.currentTs <= sim.clock()["ts"] - 5_000


def test_the_ledger_of_subscriptions(sim):
    with sim.feed(KEYS[:3]) as socket:
        live(socket)
        subscribe(socket, KEYS[3:5])
        subscribe(socket, [KEYS[0], "NSE_EQ|NOPE"], method="unsub")
        subscribe(socket, [KEYS[1]], "ltpc", "change_mode")
        eventually(lambda: len(sim.feeds()[-1]["asked"]) == 4)
        row = sim.feeds()[-1]
    assert row["modes"] == {KEYS[1]: "ltpc", KEYS[2]: "full", KEYS[3]: "full", KEYS[4]: "full"}
    assert [(one["method"], one["keys"], one["taken"]) for one in row["asked"]] == [
        ("sub", 3, KEYS[:3]),
        ("sub", 2, KEYS[3:5]),
        ("unsub", 2, [KEYS[0]]),
        ("change_mode", 1, [KEYS[1]]),
    ]
    assert sim.get("/_feeds?last=1&keys=0")["connections"][0].keys() >= {"number", "sent", "keys"}
