import json
import logging
import time

import pytest

from pipeline.broker.feed import Access, FeedConfig, FeedSource
from pipeline.broker.link import LinkConfig
from pipeline.core.errors import Refused, Unauthorised
from pipeline.core.session import Group, Phase, SessionDay, Window, ist_ms
from pipeline.core.types import NO_SYMBOL, Instrument, MarketStatus, TickBatch, TickKind
from proto.MarketDataFeedV3_pb2 import FeedResponse
from tests.fakes.broker_server import FeedServer, eventually

DATE = "2026-09-25"
OPEN, CLOSE = ist_ms(DATE, "09:15"), ist_ms(DATE, "15:30")
DAY = SessionDay(DATE, "regular", {group: (Window(Phase.CONTINUOUS, OPEN, CLOSE),) for group in Group})
WATCH = tuple(Instrument(n, f"S{n}", f"NSE_EQ|INE00000000{n}", f"S{n}", 5, 1, 1, is_cas_eligible=False) for n in range(3))
T0 = OPEN + 60_000


def tick(ts: int, *sids: int, kind: int = 1) -> bytes:
    message = FeedResponse(type=kind, currentTs=ts)
    for sid in sids or (0,):
        message.feeds[WATCH[sid].instrument_key].ltpc.ltp = 100.0 + (ts % 1000) / 100
    return message.SerializeToString()


def status(ts: int, word: str, segment: str = "NSE_EQ") -> bytes:
    message = FeedResponse(type=2, currentTs=ts)
    message.marketInfo.segmentStatus[segment] = {"NORMAL_OPEN": 2, "NORMAL_CLOSE": 3, "CLOSING_END": 5, "PRE_OPEN_START": 0}[word]
    return message.SerializeToString()


END = [status(CLOSE + 1_800_000, "CLOSING_END"), ("close", 1000)]


class Tokens:
    def __init__(self, *tokens: str) -> None:
        self.left: list = list(tokens)
        self.asked = 0
        self.rejected: list[str] = []

    def __call__(self) -> str:
        self.asked += 1
        token = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(token, Exception):
            raise token
        return token


@pytest.fixture(params=["picows", "websockets"])
def play(tmp_path, request):
    """Give ``play(scripts..., last_ts=, tokens=...)`` -> (source, server, tokens); everything is closed at the end."""
    opened = []

    def start(*scripts, last_ts=0, tokens=("good",), session=DAY, silence_ms=0, **link):
        server = FeedServer(*scripts)
        ours = Tokens(*tokens)
        config = FeedConfig(
            tmp_path / "quarantine",
            LinkConfig(server.url, "full", **link),
            silence_ms,
            backoff_s=0.02,
            backoff_cap_s=0.1,
            client=request.param,
        )
        source = FeedSource(config, WATCH, Access(ours, ours.rejected.append), session, last_ts)
        opened.append((source, server))
        return source, server, ours

    yield start
    for source, server in opened:
        source.close()
        server.stop()


def drain(source, seconds=5.0):
    out = []

    def step() -> bool:
        out.extend(source.read(100, 0.05))
        return source.is_over

    eventually(step, seconds)
    return out


def live(records):
    return [r.ts for r in records if isinstance(r, TickBatch) and r.rows["kind"][0] != TickKind.GAP]


def gaps(records):
    return [
        (int(r.rows["ltt"][0]), int(r.rows["ts_exch"][0]))
        for r in records
        if isinstance(r, TickBatch) and r.rows["kind"][0] == TickKind.GAP
    ]


class Flood:
    """Frames come thick, whatever they do."""

    until_ns = 1 << 62

    def gave(self, received_ns, now_ns):
        return


def test_thick_frames_are_given_together_where_the_caller_would_wait(play):
    source, _, _ = play([status(T0, "NORMAL_OPEN"), *(step for n in range(5) for step in (0.02, tick(T0 + 1 + n)))])
    eventually(lambda: any(isinstance(r, MarketStatus) for r in source.read(100, 0.05)))
    source._gathering = Flood()
    assert source.read(100, 0.0) == [], "what collects is left in the kernel while a commit is under way"
    began = time.monotonic_ns()
    assert live(source.read(100, 0.6)) == [T0 + 1 + n for n in range(5)]
    assert began <= min(source.received_ns) <= max(source.received_ns) <= time.monotonic_ns()


def test_a_full_read_waits_for_no_more(play):
    source, _, _ = play([status(T0, "NORMAL_OPEN"), *(tick(T0 + 1 + n) for n in range(5))])
    source._gathering = Flood()
    found = []
    eventually(lambda: found.extend(source.read(2, 20.0)) or len(live(found)) == 5, 10.0)
    assert live(found) == [T0 + 1 + n for n in range(5)]


def test_a_day_from_open_to_the_end(play):
    source, server, _ = play([status(T0, "NORMAL_OPEN"), tick(T0 + 1, 0, 1, kind=0), tick(T0 + 2, 2), *END])
    found = drain(source)
    assert isinstance(found[0], MarketStatus)
    assert found[0].statuses == (("NSE_EQ", "NORMAL_OPEN"),)
    assert live(found) == [T0 + 1, T0 + 2]
    assert found[1].rows["kind"].tolist() == [TickKind.SNAPSHOT] * 2
    assert [r.is_session_over for r in found if isinstance(r, MarketStatus)] == [False, True]
    assert gaps(found) == []
    assert source.watermark == CLOSE + 1_800_000
    assert source.read(10, 0.01) == []
    wanted = server.subscribed[0]
    assert wanted["method"] == "sub"
    assert wanted["data"] == {"mode": "full", "instrumentKeys": [i.instrument_key for i in WATCH]}
    told = source.status()
    assert (told["state"], told["ticks"], told["unseen"], told["connects"]) == ("over", 3, 0, 1)


def test_reconnect_with_overlap_leaves_no_gap_and_no_repeat(play):
    source, server, _ = play(
        [tick(T0), tick(T0 + 10), tick(T0 + 20), ("close", 1001)],
        [tick(T0 + 10), tick(T0 + 20), tick(T0 + 30), *END],
    )
    found = drain(source)
    assert live(found) == [T0, T0 + 10, T0 + 20, T0 + 30]
    assert gaps(found) == []
    assert source.status()["repeats"] == 2
    assert len(server.subscribed) == 2


def test_reconnect_without_overlap_marks_exactly_one_gap(play):
    source, _, _ = play([tick(T0), ("close", 1006 - 1)], [tick(T0 + 500), tick(T0 + 600), *END])
    found = drain(source)
    assert live(found) == [T0, T0 + 500, T0 + 600]
    assert gaps(found) == [(T0, T0 + 500)]
    mark = next(r for r in found if isinstance(r, TickBatch) and r.rows["kind"][0] == TickKind.GAP)
    assert mark.rows["sid"].tolist() == [NO_SYMBOL]
    assert T0 <= mark.ts < T0 + 500


def test_a_restart_takes_up_after_the_last_committed_frame(play):
    source, _, _ = play([tick(T0), tick(T0 + 10), tick(T0 + 20), *END], last_ts=T0 + 10)
    found = drain(source)
    assert live(found) == [T0 + 20]
    assert gaps(found) == []


def test_a_restart_into_newer_frames_marks_one_gap(play):
    source, _, _ = play([tick(T0 + 20), tick(T0 + 30), *END], last_ts=T0 + 10)
    assert gaps(drain(source)) == [(T0 + 10, T0 + 20)]


def test_a_restart_between_the_mark_and_its_frame_loses_nothing(play):
    source, _, _ = play([tick(T0 + 20), *END], last_ts=T0 + 10)
    mark = source.read(1, 2.0)[0]
    again, _, _ = play([tick(T0 + 19), tick(T0 + 20), *END], last_ts=mark.ts)
    assert live(drain(again)) == [T0 + 20]


def test_all_records_of_a_frame_come_in_one_read(play):
    both = FeedResponse.FromString(tick(T0 + 5000, 0, 1))
    both.marketInfo.segmentStatus["NSE_EQ"] = 2
    source, _, _ = play([both.SerializeToString(), tick(T0 + 6000), *END], last_ts=T0)
    reads = [found for _ in range(200) if (found := source.read(1, 0.05))][:2]
    gap, states, rows = reads[0]
    assert (gap.rows["kind"][0], states.statuses, len(rows.rows)) == (TickKind.GAP, (("NSE_EQ", "NORMAL_OPEN"),), 2)
    assert states.ts == rows.ts == T0 + 5000
    assert [r.ts for r in reads[1]] == [T0 + 6000]


def test_a_restart_after_the_end_learns_that_it_is_over(play):
    source, _, _ = play([tick(CLOSE), *END], last_ts=CLOSE + 1_800_000)
    assert drain(source) == []
    assert source.is_over


def test_yesterdays_last_frame_is_no_gap_today(play):
    source, _, _ = play([tick(T0), *END], last_ts=T0 - 86_400_000)
    found = drain(source)
    assert live(found) == [T0]
    assert gaps(found) == []


def test_a_silence_in_trading_is_marked_on_the_frames_clock(play):
    source, _, _ = play([tick(T0), tick(T0 + 30_000), tick(T0 + 60_001), tick(CLOSE - 1), tick(CLOSE + 900_000), *END], silence_ms=30_000)
    assert gaps(drain(source)) == [(T0 + 30_000, T0 + 60_001), (T0 + 60_001, CLOSE - 1)]


def test_yesterdays_end_before_the_open_does_not_end_the_day(play):
    source, _, _ = play([status(OPEN - 3_600_000, "CLOSING_END"), ("close", 1000)], [tick(T0), *END])
    found = drain(source)
    assert not found[0].is_session_over
    assert live(found) == [T0]


def test_segment_states_are_merged(play):
    source, _, _ = play([status(T0, "NORMAL_OPEN"), status(T0 + 1, "NORMAL_CLOSE", "NSE_FO"), *END])
    told = [r.statuses for r in drain(source) if isinstance(r, MarketStatus)]
    assert told[1] == (("NSE_EQ", "NORMAL_OPEN"), ("NSE_FO", "NORMAL_CLOSE"))


def test_a_normal_close_in_the_middle_of_the_day_is_no_end(play):
    source, server, _ = play([tick(T0), ("close", 1000)], [tick(T0), tick(T0 + 1), *END])
    assert live(drain(source)) == [T0, T0 + 1]
    assert len(server.seen_tokens) == 2


def login_needed(source):
    return source.read(10, 0.02) == [] and source.status()["state"] == "login needed"


def test_401_stops_the_tries_marks_the_token_and_asks_for_a_login_once(play, caplog):
    source, server, tokens = play([tick(T0), *END], tokens=("stale",))
    eventually(lambda: login_needed(source))
    assert "ticktick login --open" in source.status()["last_error"]
    asked = tokens.asked
    eventually(lambda: login_needed(source) and tokens.asked > asked + 1)
    assert tokens.rejected == ["stale"]
    assert server.seen_tokens == ["stale"]
    assert [r.levelname for r in caplog.records if r.message == "feed needs a login"] == ["ERROR"]
    tokens.left = ["good"]
    assert live(drain(source)) == [T0]
    assert source.status()["state"] == "over"


def test_the_token_dies_in_the_session_and_costs_one_try(play):
    source, server, tokens = play([tick(T0), ("close", 1001)], [tick(T0), tick(T0 + 1), *END], tokens=("good", "dead"))
    found = []
    eventually(lambda: bool(found.extend(source.read(10, 0.02))) or source.status()["state"] == "login needed")
    assert server.seen_tokens == ["good", "dead"]
    assert tokens.rejected == ["dead"]
    tokens.left = ["good"]
    assert live(found + drain(source)) == [T0, T0 + 1]
    assert server.seen_tokens == ["good", "dead", "good"]


def test_a_token_source_that_has_none_is_asked_again(play):
    source, server, tokens = play([tick(T0), *END])
    tokens.left = [Unauthorised("the Upstox token is absent: run `ticktick login --open`")]
    eventually(lambda: login_needed(source))
    assert server.seen_tokens == []
    tokens.left = ["good"]
    assert live(drain(source)) == [T0]


def test_401_at_the_handshake_is_the_same(play):
    source, server, tokens = play([*END])
    server.refuse_handshake = [401]
    eventually(lambda: login_needed(source))
    assert tokens.rejected == ["good"]


def test_403_at_the_handshake_is_tried_again_with_a_new_address(play):
    source, server, tokens = play([tick(T0), *END])
    server.refuse_handshake = [403, 403, 503]
    assert live(drain(source)) == [T0]
    assert tokens.rejected == []
    assert len(server.seen_tokens) == 4


def test_nobody_there_is_tried_for_ever(tmp_path):
    config = FeedConfig(tmp_path, LinkConfig("http://127.0.0.1:1"), backoff_s=0.001, backoff_cap_s=0.002)
    source = FeedSource(config, WATCH, Access(lambda: "good", lambda _t: None), DAY)
    eventually(lambda: source.read(1, 0.01) == [] and source.status()["failed_tries"] > 20)
    told = source.status()
    assert told["state"] == "waiting"
    assert "cannot be reached" in told["last_error"]


def test_bad_frames_are_kept_and_counted_and_the_feed_goes_on(play, tmp_path):
    nan = FeedResponse(type=1, currentTs=T0 + 5)
    nan.feeds[WATCH[0].instrument_key].ltpc.ltp = float("nan")
    nan.feeds[WATCH[1].instrument_key].ltpc.ltp = 5.0
    bad = [
        tick(T0)[:-1],
        b"\xff\xff",
        FeedResponse(type=9, currentTs=T0).SerializeToString(),
        "a text frame",
        tick(T0 - 5_000),
        tick(T0 + 86_400_000),
        nan.SerializeToString(),
    ]
    source, _, _ = play([tick(T0), *bad, tick(T0 + 10), *END])
    found = drain(source)
    assert live(found) == [T0, T0 + 5, T0 + 10]
    assert gaps(found) == []
    told = source.status()
    assert (told["refused_frames"], told["refused_rows"]) == (6, 1)
    assert told["refused_why"] == "bad_ltp=1; not_protobuf=2; other_day=1; text=1; time_went_back=1; unknown_type=1"
    kept = sorted(f.name[9:-4] for f in (tmp_path / "quarantine").iterdir())
    assert kept == ["bad_ltp", "not_protobuf", "not_protobuf", "other_day", "text", "time_went_back", "unknown_type"]


def test_strangers_are_reported_once(play, caplog):
    caplog.set_level(logging.WARNING)
    message = FeedResponse(type=1, currentTs=T0)
    message.feeds["NSE_EQ|STRANGER"].ltpc.ltp = 5.0
    source, _, _ = play([message.SerializeToString()] * 3 + END)
    assert live(drain(source)) == []
    assert source.status()["unknown_keys"] == 1


def test_a_silent_connection_is_pinged_and_a_pong_is_life(play):
    source, server, _ = play([tick(T0), 0.6, tick(T0 + 1), *END], ping_after_s=0.05, dead_after_s=0.3)
    assert live(drain(source)) == [T0, T0 + 1]
    assert len(server.subscribed) == 1


def test_a_dead_connection_is_left(play, monkeypatch):
    source, server, _ = play([tick(T0), 3.0], [tick(T0), tick(T0 + 1), *END], ping_after_s=9.0, dead_after_s=0.2)
    assert live(drain(source)) == [T0, T0 + 1]
    assert len(server.subscribed) == 2


def test_a_burst_is_read_in_portions(play):
    source, _, _ = play([tick(T0 + n) for n in range(1_000)] + END)
    found = []
    eventually(lambda: bool(found.extend(source.read(64, 0.05))) or source.is_over)
    assert live(found) == [T0 + n for n in range(1_000)]
    assert source.status()["frames"] == 1_001


def test_settings_that_cannot_work_are_refused(tmp_path):
    access = Access(lambda: "t", lambda _t: None)
    with pytest.raises(Refused, match="did you mean 'full'"):
        FeedSource(FeedConfig(tmp_path, LinkConfig(mode="fulll")), WATCH, access)
    with pytest.raises(Refused, match="full_d30 is not in the normal plan"):
        FeedSource(FeedConfig(tmp_path, LinkConfig(mode="full_d30")), WATCH, access)
    with pytest.raises(Refused, match="watchlist is empty"):
        FeedSource(FeedConfig(tmp_path), (), access)
    with pytest.raises(Refused, match="did you mean 'plus'"):
        FeedSource(FeedConfig(tmp_path, plan="pluss"), WATCH, access)
    with pytest.raises(Refused, match="did you mean 'picows'"):
        FeedSource(FeedConfig(tmp_path, client="picow"), WATCH, access)


def test_no_token_in_logs_or_status(play, caplog):
    caplog.set_level(logging.DEBUG)
    source, _, _ = play([tick(T0), ("close", 1001)], tokens=("good", "canary-token"))
    eventually(lambda: login_needed(source))
    everything = caplog.text + json.dumps(source.status()) + json.dumps(source.wanted_rows())
    fields = " ".join(str(getattr(r, "fields", "")) for r in caplog.records if r.name.startswith("ticktick"))
    assert "canary-token" not in everything + fields
