"""A whole feed session over sockets: several connections, changing wishes, a slow consumer, a recording, collaborators."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from pipeline.broker.feed import Access, FeedConfig, FeedSource
from pipeline.broker.intake import Intake
from pipeline.broker.link import LinkConfig
from pipeline.core.feed import FeedEvent, FeedEventKind, SubscriptionChange
from pipeline.core.session import Group, Phase, SessionDay, Window, ist_ms
from pipeline.core.types import NO_SYMBOL, TICK, Instrument, MarketStatus, TickBatch, TickFlag, TickKind
from proto.MarketDataFeedV3_pb2 import FeedResponse
from tests.fakes.broker_server import FeedServer, eventually

DATE = "2026-09-25"
OPEN, CLOSE = ist_ms(DATE, "09:15"), ist_ms(DATE, "15:30")
DAY = SessionDay(DATE, "regular", {group: (Window(Phase.CONTINUOUS, OPEN, CLOSE),) for group in Group})
T0 = OPEN + 60_000
WATCH = tuple(Instrument(n, f"S{n}", f"NSE_EQ|INE{n:09d}", f"S{n}", 5, 1, 1, is_cas_eligible=False) for n in range(60))
FEW = WATCH[:3]
KEYS = [i.instrument_key for i in WATCH]


def tick(ts: int, *sids: int) -> bytes:
    message = FeedResponse(type=1, currentTs=ts)
    for sid in sids:
        message.feeds[KEYS[sid]].ltpc.ltp = 100.0 + (ts % 1000) / 100
    return message.SerializeToString()


def status(ts: int, word: int) -> bytes:
    message = FeedResponse(type=2, currentTs=ts)
    message.marketInfo.segmentStatus["NSE_EQ"] = word
    return message.SerializeToString()


END = [status(CLOSE + 1_800_000, 5), ("close", 1000)]


@pytest.fixture(params=["picows", "websockets"])
def play(tmp_path, request):
    """Give ``play(scripts..., watch=, config=, link=, **collaborators)`` -> (source, server)."""
    opened = []

    def start(*scripts, watch=FEW, session=DAY, last_ts=0, mode="full", link=None, changes=None, quotes=None, repair=None, **config):
        server = FeedServer(*scripts)
        settings = FeedConfig(
            tmp_path / "quarantine", LinkConfig(server.url, mode, **(link or {})), 0, 0.02, 0.1, client=request.param, **config
        )
        access = Access(lambda: "good", lambda _t: None)
        source = FeedSource(settings, watch, access, session, last_ts, changes=changes, quotes=quotes, repair=repair)
        opened.append((source, server))
        return source, server

    yield start
    for source, server in opened:
        source.close()
        server.stop()


def read_until(source, done, seconds=10.0):
    out = []

    def step() -> bool:
        out.extend(source.read(100, 0.02))
        return done(out)

    eventually(step, seconds)
    return out


def drain(source, seconds=10.0):
    return read_until(source, lambda _: source.is_over, seconds)


def batches(records):
    return [r for r in records if isinstance(r, TickBatch)]


def live(records):
    return [int(r.rows["ts_exch"][0]) for r in batches(records) if r.rows["kind"][0] < TickKind.GAP]


def gaps(records):
    return [
        (r.rows["sid"].tolist(), int(r.rows["ltt"][0]), int(r.rows["ts_exch"][0]))
        for r in batches(records)
        if r.rows["kind"][0] == TickKind.GAP
    ]


class Wishes:
    """What people ask for, as the stream gives it."""

    def __init__(self):
        self.waiting = []

    def __call__(self):
        out, self.waiting = self.waiting, []
        return out

    def ask(self, symbol, action="add", mode=""):
        self.waiting.append(SubscriptionChange(1, symbol, action, mode, "test"))


# ---------------------------------------------------------------------- several connections


def deep(play, *scripts, **options):
    """Two connections: sixty papers in thirty levels, fifty a connection."""
    return play(*scripts, watch=WATCH, mode="full_d30", plan="plus", **options)


def test_two_connections_are_one_feed(play):
    first, second = threading.Event(), threading.Event()
    source, server = deep(
        play,
        [tick(T0, 0), lambda _: first.set(), lambda _: second.wait(10), tick(T0 + 20, 1), *END],
        [lambda _: first.wait(10), tick(T0 + 10, 55), lambda _: second.set(), *END],
    )
    found = drain(source)
    assert sorted(live(found)) == [T0, T0 + 10, T0 + 20]
    assert [r.ts for r in found] == sorted(r.ts for r in found)
    assert gaps(found) == []
    eventually(lambda: server.keys_of(0) == dict.fromkeys(KEYS[:50], "full_d30"))
    eventually(lambda: server.keys_of(1) == dict.fromkeys(KEYS[50:], "full_d30"))
    assert source.status()["links"] == "0=over(50) 1=over(10)"


def test_while_one_connection_is_down_the_other_goes_on_and_the_gap_names_its_symbols(play):
    back = threading.Event()

    def wait_for_both(_number: int) -> None:
        eventually(lambda: len(server.connections) > 1)

    source, server = deep(
        play,
        [wait_for_both, *[tick(T0 + n, 0) for n in range(0, 100, 10)], lambda _: back.wait(10), tick(T0 + 100, 0), *END],
        [tick(T0 + 1, 55), ("drop",)],
        [tick(T0 + 50, 56), *END],
    )
    found = read_until(source, lambda out: T0 + 50 in live(out) and T0 + 90 in live(out))
    back.set()
    found += drain(source)
    assert gaps(found) == [(list(range(50, 60)), T0 + 1, T0 + 50)]
    assert [ts for ts in live(found) if ts % 10 == 0 and ts != T0 + 50] == [
        T0 + n for n in range(0, 101, 10) if n != 50
    ] or T0 + 50 in live(found)
    eventually(lambda: server.keys_of(2) == server.keys_of(1))
    assert source.status()["connects"] == 3


def test_a_connection_that_cannot_be_opened_does_not_hold_up_the_other(play):
    source, server = deep(play, [tick(T0 + n, 0) for n in range(20)], [tick(T0 + 50, 55)])
    server.hang_from = 2
    server.authorise_delay.clear()
    found = read_until(source, lambda out: len(live(out)) == 20)
    assert source.status()["state"] == "partly connected"
    server.authorise_delay.set()
    found += read_until(source, lambda out: live(out) == [T0 + 50])
    assert source.status()["state"] == "connected"
    assert gaps(found) == []


# ---------------------------------------------------------------------- what is wanted


def test_symbols_come_and_go_while_it_runs_and_survive_a_reconnect(play):
    wishes, gone = Wishes(), threading.Event()
    watch = (*FEW, replace(WATCH[3], is_followed=False), replace(WATCH[4], mode="ltpc"))
    source, server = play(
        [tick(T0, 0), lambda _: gone.wait(10), ("drop",)], [tick(T0, 0), tick(T0 + 9, 3), *END], watch=watch, changes=wishes
    )
    read_until(source, lambda out: live(out) == [T0])
    eventually(lambda: server.keys_of(0) == {**dict.fromkeys(KEYS[:3], "full"), KEYS[4]: "ltpc"})
    assert source.wanted_rows()["S3"] == "off"
    wishes.ask("S3")
    wishes.ask("s1.ns", "remove")
    wishes.ask("S2", mode="ltpc")
    wishes.ask("NOSUCH")
    after = {KEYS[0]: "full", KEYS[2]: "ltpc", KEYS[4]: "ltpc", KEYS[3]: "full"}
    eventually(lambda: source.read(10, 0.02) == [] and server.keys_of(0) == after)
    assert {asked["method"] for _, asked in server.controls} == {"sub", "unsub", "change_mode"}
    rows = source.wanted_rows()
    assert rows["S1"] == "off"
    assert rows["S3"].startswith("full link=0 unconfirmed")
    told = source.status()
    assert (told["wanted"], told["subscribed"], told["refused_changes"]) == (4, 4, 1)
    assert "'NOSUCH' is not in the watchlist" in told["refused_changes_why"]
    gone.set()
    assert live(drain(source)) == [T0 + 9]
    eventually(lambda: server.keys_of(1) == after)
    assert source.wanted_rows()["S3"].startswith("full link=0 over")


def test_the_last_symbol_may_leave_and_another_may_come(play):
    wishes = Wishes()
    source, server = play([tick(T0, 0)], [tick(T0 + 5, 1)], watch=(WATCH[0], replace(WATCH[1], is_followed=False)), changes=wishes)
    read_until(source, lambda out: live(out) == [T0])
    wishes.ask("S0", "remove")
    eventually(lambda: source.read(10, 0.02) == [] and source.status()["state"] == "idle")
    wishes.ask("S1")
    found = read_until(source, lambda out: live(out) == [T0 + 5])
    eventually(lambda: server.keys_of(1) == {KEYS[1]: "full"})
    assert source.status()["state"] == "connected"
    assert gaps(found) == [([NO_SYMBOL], T0, T0 + 5), ([1], OPEN, T0 + 5)]


def test_a_key_that_does_not_answer_is_asked_for_again(play):
    def until_asked_twice(_number: int) -> None:
        eventually(lambda: sum(KEYS[1] in asked["data"]["instrumentKeys"] for _, asked in server.controls) > 1)

    source, server = play([tick(T0, 0, 2), until_asked_twice, tick(T0 + 1, 1), *END], confirm_s=0.05)
    drain(source)
    assert server.controls[1][1]["data"] == {"mode": "full", "instrumentKeys": [KEYS[1]]}
    assert source.status()["resubscribed"] >= 1


# ---------------------------------------------------------------------- a slow consumer


def test_what_cannot_be_delivered_is_folded_and_marked(play):
    total = 4_000
    frames = [tick(T0 + n, n % 3) for n in range(total)]
    done = threading.Event()
    source, _ = play([tick(T0 - 1, 0, 1, 2), *frames, lambda _: done.wait(10), tick(T0 + total, 0), *END], max_backlog_mb=0.1)
    read_until(source, lambda out: T0 - 1 in live(out))

    def redis_is_away() -> bool:
        source.idle()
        return source._backlog.folds > 3

    eventually(redis_is_away)
    assert source.status()["most_held_bytes"] < 0.1 * 1024 * 1024 + 1_000
    done.set()
    found = drain(source)
    marks = gaps(found)
    conflated = [r for r in batches(found) if (r.rows["flags"] & TickFlag.CONFLATED).any()]
    assert len(marks) == len(conflated) >= 1
    told = source.status()
    assert told["frames"] == total + 3
    assert told["folded_frames"] + len(live(found)) - len(conflated) >= total - 200
    assert told["folds"] == len(conflated)
    assert T0 + total in live(found)
    newest = np.zeros(3, np.int64)
    for record in batches(found):
        if record.rows["kind"][0] < TickKind.GAP:
            newest[record.rows["sid"]] = record.rows["ts_exch"]
    assert newest.tolist() == [T0 + total, T0 + 3_997, T0 + 3_998]  # nothing newer was lost


def test_a_lossless_run_never_folds(play):
    frames = [tick(T0 + n, n % 3) for n in range(3_000)]
    source, _ = play([*frames, *END], max_backlog_mb=0.01, is_lossless=True)
    found = []

    def step() -> bool:
        source.idle()
        found.extend(source.read(64, 0.02))
        assert len(source.received_ns) <= 64
        return source.is_over

    eventually(step, 20)
    assert live(found) == [T0 + n for n in range(3_000)]
    assert (source.status()["folds"], gaps(found)) == (0, [])


def test_frames_carry_the_instant_of_their_receipt(play):
    before = time.monotonic_ns()
    source, _ = play([tick(T0, 0), tick(T0 + 1, 0), *END])
    seen = []

    def step() -> bool:
        source.read(100, 0.02)
        seen.extend(source.received_ns)
        return source.is_over

    eventually(step)
    assert len(seen) == 3
    assert before < seen[0] <= seen[1] <= seen[2] < time.monotonic_ns()


# ---------------------------------------------------------------------- recording and replay


def told(records):
    return [
        (type(r).__name__, r.ts, r.statuses, r.is_session_over)
        if isinstance(r, MarketStatus)
        else (type(r).__name__, r.ts, r.rows.tobytes(), r.recv_ms)
        for r in records
        if not isinstance(r, FeedEvent)
    ]


def test_the_events_of_a_run_give_its_records_again(play):
    wishes, more, gone = Wishes(), threading.Event(), threading.Event()
    burst = [tick(T0 + n, n % 3) for n in range(100, 600)]
    scripts = [
        [status(T0, 2), tick(T0 + 1, 0, 1), b"\xff", lambda _: more.wait(10), *burst, lambda _: gone.wait(10), ("drop",)],
        [tick(T0 + 599, 1), tick(T0 + 700, 2), ("close", 1001)],
        [tick(T0 + 900, 2), *END],
    ]
    source, _ = play(*scripts, is_recording=True, max_backlog_mb=0.02, changes=wishes)
    wishes.ask("S0", mode="ltpc")
    found = read_until(source, lambda out: live(out) == [T0 + 1])
    more.set()
    eventually(lambda: source.idle() or source._backlog.folds > 0)
    gone.set()
    found += drain(source)
    assert source.status()["folds"] >= 1
    events = [r for r in found if isinstance(r, FeedEvent)]
    assert [e.kind for e in events[:3]] == [FeedEventKind.STARTED, FeedEventKind.SUBSCRIBED, FeedEventKind.SUBSCRIBED]
    assert {FeedEventKind.CONNECTED, FeedEventKind.LOST, FeedEventKind.FRAME, FeedEventKind.FOLDED} <= {e.kind for e in events}
    replay = Intake(FEW, DAY)
    assert told([record for event in events for record in replay.take(event)]) == told(found)
    assert replay.is_over
    assert replay.watermark == source.watermark
    assert [e.ts for e in events] == sorted(e.ts for e in events)


def test_a_restart_is_an_event_too(play):
    source, _ = play([tick(T0, 0), *END], is_recording=True, last_ts=T0 - 5)
    found = drain(source)
    assert (found[0].kind, found[0].body) == (FeedEventKind.STARTED, b"%d" % (T0 - 5))
    replay = Intake(FEW, DAY)
    assert told([record for event in found if isinstance(event, FeedEvent) for record in replay.take(event)]) == told(found)
    assert len(gaps(found)) == 1


# ---------------------------------------------------------------------- collaborators


class Quotes:
    """Says that whoever it is asked about has moved."""

    def __init__(self):
        self.asked, self.is_closed = [], False

    def ask(self, keys):
        self.asked.append(dict(keys))

    def answers(self):
        return [(key, True) for keys in self.asked[-1:] for key in keys]

    def close(self):
        self.is_closed = True


class Repair:
    def __init__(self):
        self.gaps, self.rows, self.is_closed = [], None, False

    def missed(self, keys, start_ms, end_ms, now_ms):
        self.gaps.append((list(keys), start_ms, end_ms, now_ms))
        self.rows = np.zeros(1, TICK)
        self.rows["sid"], self.rows["kind"], self.rows["i1_ts"] = 1, TickKind.REPAIR, start_ms

    def ready(self, now_ms):
        out, self.rows = self.rows, None
        return out

    def close(self):
        self.is_closed = True


def test_a_symbol_that_moved_without_us_costs_a_subscription_and_then_the_connection(play):
    quotes = Quotes()
    source, server = play([tick(T0, 0, 1, 2)], [tick(T0 + 60_000, 0, 1, 2), *END], quotes=quotes, symbol_silence_s=1.2, confirm_s=0.3)
    found = drain(source, 30)
    assert quotes.asked[0] == dict.fromkeys(KEYS[:3], (100.0, 0))
    assert sum(number == 0 for number, _ in server.controls) == 2
    assert gaps(found) == [([NO_SYMBOL], T0, T0 + 60_000)]
    source.close()
    assert quotes.is_closed


def test_a_gap_is_handed_over_and_its_repair_comes_as_an_event(play):
    repair = Repair()
    source, _ = play([tick(T0, 0), ("drop",)], [tick(T0 + 500, 0), 0.4, *END], repair=repair, is_recording=True)
    found = drain(source)
    keys, start, end, now = repair.gaps[0]
    assert (keys, start, end) == (KEYS[:3], T0, T0 + 500)
    assert T0 <= now <= T0 + 30_000
    at = next(n for n, r in enumerate(found) if isinstance(r, FeedEvent) and r.kind is FeedEventKind.REPAIR)
    assert isinstance(found[at + 1], TickBatch)
    assert found[at + 1].rows["kind"].tolist() == [TickKind.REPAIR]
    source.close()
    assert repair.is_closed
