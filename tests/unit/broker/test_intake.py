import json

import numpy as np
import pytest

from pipeline.broker.intake import Intake, stretches
from pipeline.broker.quarantine import Quarantine
from pipeline.core.feed import FeedEvent, FeedEventKind
from pipeline.core.session import Group, Phase, SessionDay, Window, ist_ms
from pipeline.core.snapshot import pack
from pipeline.core.types import NO_SYMBOL, TICK, Instrument, MarketStatus, TickBatch, TickFlag, TickKind
from proto.MarketDataFeedV3_pb2 import FeedResponse

DATE = "2026-09-25"
OPEN, CLOSE = ist_ms(DATE, "09:15"), ist_ms(DATE, "15:30")
DAY = SessionDay(DATE, "regular", {group: (Window(Phase.CONTINUOUS, OPEN, CLOSE),) for group in Group})
WATCH = tuple(Instrument(n, f"S{n}", f"NSE_EQ|INE00000000{n}", f"S{n}", 5, 1, 1, is_cas_eligible=False) for n in range(4))
KEYS = [i.instrument_key for i in WATCH]
T0 = OPEN + 60_000
KIND = FeedEventKind


def tick(ts: int, *sids: int) -> bytes:
    message = FeedResponse(type=1, currentTs=ts)
    for sid in sids or (0,):
        message.feeds[KEYS[sid]].ltpc.ltp = 100.0 + (ts % 1000) / 100
    return message.SerializeToString()


def status(ts: int, word: int, segment: str = "NSE_EQ") -> bytes:
    message = FeedResponse(type=2, currentTs=ts)
    message.marketInfo.segmentStatus[segment] = word
    return message.SerializeToString()


def event(kind: KIND, body: bytes = b"", link: int = 0, recv_ms: int = 7) -> FeedEvent:
    return FeedEvent(0, recv_ms, link, kind, body)


def frame(ts: int, *sids: int, link: int = 0) -> FeedEvent:
    return event(KIND.FRAME, tick(ts, *sids), link)


def carries(*sids: int, link: int = 0, kind: KIND = KIND.CONNECTED) -> FeedEvent:
    return event(kind, json.dumps({"full": [KEYS[s] for s in sids]}).encode(), link)


def started(ts: int = 0) -> FeedEvent:
    return event(KIND.STARTED, b"%d" % ts)


def fold(to: int, rows: np.ndarray, link: int = 0, frames: int = 10, statuses=()) -> FeedEvent:
    plain = {
        "to": to,
        "frames": frames,
        "rows": 3 * len(rows),
        "refused_frames": 1,
        "refused_rows": 2,
        "reasons": {"text": 1},
        "statuses": statuses,
        "status_ts": to,
    }
    return event(KIND.FOLDED, pack(plain, {"rows": rows, "depth": np.zeros(0, TICK)}), link)


def rows_at(*pairs: tuple[int, int]) -> np.ndarray:
    rows = np.zeros(len(pairs), TICK)
    rows["kind"] = TickKind.LIVE
    for at, (sid, ts) in enumerate(pairs):
        rows["sid"][at], rows["ts_exch"][at] = sid, ts
    return rows


def run(intake: Intake, *events: FeedEvent) -> list:
    return [record for e in events for record in intake.take(e)]


def live(records):
    return [r.ts for r in records if isinstance(r, TickBatch) and r.rows["kind"][0] != TickKind.GAP]


def gaps(records):
    return [
        (r.rows["sid"].tolist(), int(r.rows["ltt"][0]), int(r.rows["ts_exch"][0]))
        for r in records
        if isinstance(r, TickBatch) and r.rows["kind"][0] == TickKind.GAP
    ]


@pytest.fixture
def intake() -> Intake:
    return Intake(WATCH, DAY)


def test_a_frame_gives_states_and_rows_with_the_events_receive_time(intake):
    both = FeedResponse.FromString(tick(T0, 0, 1))
    both.marketInfo.segmentStatus["NSE_EQ"] = 2
    told, rows = run(intake, started(), carries(0, 1), event(KIND.FRAME, both.SerializeToString(), recv_ms=42))
    assert isinstance(told, MarketStatus)
    assert told.statuses == (("NSE_EQ", "NORMAL_OPEN"),)
    assert (rows.ts, rows.recv_ms, rows.rows["sid"].tolist()) == (T0, 42, [0, 1])
    assert intake.watermark == intake.frame_ts == T0
    assert (intake.counts["frames"], intake.counts["ticks"]) == (1, 2)


def test_one_connection_that_carries_everything_marks_its_gap_for_all(intake):
    found = run(intake, started(), carries(0, 1, 2, 3), frame(T0), event(KIND.LOST, b"1006 x"), carries(0, 1, 2, 3), frame(T0 + 500))
    assert gaps(found) == [([NO_SYMBOL], T0, T0 + 500)]
    assert [r.ts for r in found] == [T0, T0 + 499, T0 + 500]


def test_a_gap_of_one_of_two_connections_names_its_symbols(intake):
    plan = [carries(0, 1, kind=KIND.SUBSCRIBED), carries(2, 3, link=1, kind=KIND.SUBSCRIBED)]
    before = [carries(0, 1), frame(T0, 0), carries(2, 3, link=1), frame(T0 + 5, 2, link=1)]
    after = [event(KIND.LOST, b"1006 x", 1), frame(T0 + 900, 0), carries(2, 3, link=1), frame(T0 + 800, 3, link=1)]
    found = run(intake, started(), *plan, *before, *after)
    assert gaps(found) == [([2, 3], T0 + 5, T0 + 800)]
    assert [r.ts for r in found] == [T0, T0 + 5, T0 + 900, T0 + 900, T0 + 900]  # in order, whoever was ahead
    assert found[-1].rows["ts_exch"].tolist() == [T0 + 800]


def test_overlap_on_one_connection_says_nothing_of_the_other(intake):
    found = run(
        intake, started(), carries(0), carries(1, link=1), frame(T0, 0), frame(T0 + 1, 1, link=1),
        carries(0), carries(1, link=1), frame(T0, 0), frame(T0 + 9, 0), frame(T0 + 8, 1, link=1),
    )  # fmt: skip
    assert gaps(found) == [([1], T0 + 1, T0 + 8)]
    assert intake.counts["repeats"] == 1


def test_a_restart_with_one_connection_is_proven_by_overlap(intake):
    found = run(intake, started(T0), carries(0, 1, 2, 3), frame(T0 - 5), frame(T0 + 5))
    assert gaps(found) == []
    assert live(found) == [T0 + 5]


def test_a_restart_with_several_connections_is_never_proven(intake):
    plan = [carries(0, 1, kind=KIND.SUBSCRIBED), carries(2, 3, link=1, kind=KIND.SUBSCRIBED)]
    found = run(intake, started(T0), *plan, carries(0, 1), frame(T0 - 5), frame(T0 + 5), carries(2, 3, link=1), frame(T0 + 7, 2, link=1))
    assert gaps(found) == [([0, 1], T0 - 1_000, T0 + 5), ([2, 3], T0 - 1_000, T0 + 7)]


def test_started_forgets_the_connections_and_goes_on_from_what_is_committed(intake):
    first = [started(), carries(0), frame(T0), frame(T0 + 10), event(KIND.FRAME, status(T0 + 20, 2))]
    run(intake, *first)
    found = run(intake, started(T0 + 10), carries(0), frame(T0 + 30))
    assert gaps(found) == [([NO_SYMBOL], T0 + 10, T0 + 30)]
    assert intake.watermark == T0 + 30


def test_yesterdays_last_frame_is_no_start(intake):
    assert gaps(run(intake, started(T0 - 86_400_000), carries(0), frame(T0))) == []


def test_a_silence_in_trading_is_marked_for_the_connection_that_was_silent():
    intake = Intake(WATCH, DAY, silence_ms=30_000)
    busy = [frame(T0 + n * 10_000, 0) for n in range(1, 7)]
    found = run(intake, started(), carries(0), carries(1, link=1), frame(T0, 0), frame(T0, 1, link=1), *busy, frame(T0 + 60_001, 1, link=1))
    assert gaps(found) == [([1], T0, T0 + 60_001)]


def test_the_day_is_over_when_every_connection_was_ended_after_the_close(intake):
    end, bye = event(KIND.FRAME, status(CLOSE, 5)), b"1000 session over"
    run(intake, started(), carries(0), carries(1, link=1), frame(T0, 0), event(KIND.LOST, b"1000 x"), carries(0), end)
    assert not intake.is_over
    run(intake, event(KIND.LOST, bye, 0))
    assert not intake.is_over
    run(intake, event(KIND.LOST, bye, 1))
    assert intake.is_over


def test_another_close_code_does_not_end_the_day(intake):
    run(intake, started(), carries(0), event(KIND.FRAME, status(CLOSE, 5)), event(KIND.LOST, b"1001 going away"))
    assert not intake.is_over


def test_bad_frames_are_counted_and_kept_and_leave_no_trace(tmp_path):
    intake = Intake(WATCH, DAY, quarantine=Quarantine(tmp_path))
    bad = [event(KIND.FRAME, b"\xff\xff"), frame(T0 - 5_000), frame(T0 + 86_400_000)]
    found = run(intake, started(), carries(0), frame(T0), *bad, frame(T0 + 1))
    assert live(found) == [T0, T0 + 1]
    assert intake.why_refused() == "not_protobuf=1; other_day=1; time_went_back=1"
    assert intake.counts["refused_frames"] == len(list(tmp_path.iterdir())) == 3


def test_a_folded_stretch_is_a_gap_and_its_newest_rows(intake):
    rows = rows_at((0, T0 + 900), (2, T0 + 100))
    found = run(
        intake, started(), carries(0, 1, 2, 3), frame(T0), fold(T0 + 1_000, rows, statuses=[["NSE_EQ", "NORMAL_OPEN"]]), frame(T0 + 1_001)
    )
    assert gaps(found) == [([NO_SYMBOL], T0, T0 + 1_000)]
    assert [r.ts for r in found] == [T0, T0 + 999, T0 + 1_000, T0 + 1_000, T0 + 1_001]
    assert found[2].statuses == (("NSE_EQ", "NORMAL_OPEN"),)
    assert found[3].rows["flags"].tolist() == [TickFlag.CONFLATED] * 2
    assert found[3].rows["ts_exch"].tolist() == [T0 + 900, T0 + 100]
    counts = intake.counts
    assert (counts["folds"], counts["folded_frames"], counts["folded_rows"]) == (1, 10, 4)
    assert (counts["frames"], counts["ticks"], counts["refused_frames"], counts["refused_rows"]) == (12, 8, 1, 2)


def test_a_reconnect_inside_a_folded_stretch_needs_no_second_mark(intake):
    found = run(intake, started(), carries(0), frame(T0), carries(0), fold(T0 + 1_000, rows_at((0, T0 + 900))), frame(T0 + 1_001))
    assert len(gaps(found)) == 1


def test_a_folded_stretch_that_is_committed_already_is_a_repeat(intake):
    found = run(intake, started(T0), carries(0), fold(T0 - 10, rows_at((0, T0 - 20))))
    assert found == []
    assert intake.counts["repeats"] == 10


def test_a_repair_comes_at_the_time_reached(intake):
    rows = rows_at((1, T0 - 60_000))
    rows["kind"] = TickKind.REPAIR
    (_, repair) = run(intake, started(), carries(0), frame(T0), event(KIND.REPAIR, rows.tobytes()))
    assert repair.ts == T0
    assert repair.rows.tobytes() == rows.tobytes()


def test_the_same_events_give_the_same_bytes():
    events = [started(), carries(0, 1), carries(2, link=1), frame(T0), frame(T0 + 3, 2, link=1), carries(0, 1), frame(T0 + 50, 1)]
    events += [
        fold(T0 + 900, rows_at((2, T0 + 800)), link=1),
        frame(T0 + 901, 2, link=1),
        started(T0 + 900),
        carries(0, 1),
        frame(T0 + 950),
    ]

    def told(found) -> list:
        return [(r.ts, r.rows.tobytes(), r.recv_ms) for r in found]

    assert told(run(Intake(WATCH, DAY), *events)) == told(run(Intake(WATCH, DAY), *events))


def gaps_of(records):
    rows = [row for r in records if isinstance(r, TickBatch) for row in r.rows if row["kind"] == TickKind.GAP]
    return [(int(row["sid"]), int(row["ltt"]), int(row["ts_exch"])) for row in rows]


def test_the_gap_of_a_reconnect_ends_with_the_first_papers_not_with_the_greeting():
    intake = Intake(WATCH, DAY)
    events = [carries(0, 1), frame(T0, 0), event(KIND.LOST, b"1006"), carries(0, 1)]
    events += [event(KIND.FRAME, status(T0 + 100, 2)), frame(T0 + 300, 0, 1), frame(T0 + 400, 0)]
    records = [record for one in events for record in intake.take(one)]
    assert gaps_of(records) == [(NO_SYMBOL, T0, T0 + 300)]
    assert [r.ts for r in records] == sorted(r.ts for r in records)


def test_what_a_stalled_paper_missed_is_marked_when_it_is_back():
    intake = Intake(WATCH, DAY)
    stalled = event(KIND.STALLED, json.dumps({KEYS[1]: T0 + 10, KEYS[2]: T0 + 20, "NSE_EQ|NOBODY": T0}).encode())
    events = [
        carries(0, 1, 2),
        frame(T0 + 10, 0, 1),
        frame(T0 + 20, 2),
        stalled,
        frame(T0 + 30, 0),
        stalled,
        frame(T0 + 40, 0, 1),
        frame(T0 + 50, 2, 1),
    ]
    records = [record for one in events for record in intake.take(one)]
    assert gaps_of(records) == [(1, T0 + 10, T0 + 40), (2, T0 + 20, T0 + 50)]


def test_a_reconnect_that_covers_a_stall_marks_it_once():
    intake = Intake(WATCH, DAY)
    stalled = event(KIND.STALLED, json.dumps({KEYS[0]: T0 + 10, KEYS[1]: T0}).encode())
    events = [carries(0, 1), frame(T0, 1), frame(T0 + 10, 0), stalled, event(KIND.LOST, b"1006"), carries(0, 1), frame(T0 + 90, 0, 1)]
    records = [record for one in events for record in intake.take(one)]
    assert gaps_of(records) == [(NO_SYMBOL, T0 + 10, T0 + 90), (1, T0, T0 + 90)]


# ---------------------------------------------------------------------- what was not followed

HOLD = 600_000


def begun(ts: int = 0) -> FeedEvent:
    return event(KIND.STARTED, b"%d %d" % (ts, HOLD))


def waits(records):
    return [
        (int(row["sid"]), int(row["ltt"]), int(row["ts_exch"]), int(row["i1_ts"]))
        for r in records
        if isinstance(r, TickBatch)
        for row in r.rows
        if row["kind"] == TickKind.GAP
    ]


def test_a_start_in_mid_session_is_a_gap_from_the_open_for_each_paper_at_its_first_row():
    events = [begun(), carries(0, 1, kind=KIND.SUBSCRIBED), carries(0, 1), event(KIND.FRAME, status(T0 - 9, 2))]
    found = run(Intake(WATCH, DAY), *events, frame(T0, 0), frame(T0 + 5, 0, 1), frame(T0 + 9, 0, 1))
    assert waits(found) == [(0, OPEN, T0, T0 + HOLD), (1, OPEN, T0 + 5, T0 + 5 + HOLD)]
    assert [r.ts for r in found] == [T0 - 9, T0, T0, T0 + 5, T0 + 5, T0 + 9]


def test_a_start_before_the_open_and_one_that_nobody_repairs_mark_nothing():
    early = [carries(0, 1), frame(OPEN - 5_000, 0, 1), frame(OPEN + 500, 0, 1)]
    assert waits(run(Intake(WATCH, DAY), begun(), *early)) == []
    assert waits(run(Intake(WATCH, DAY), started(), carries(0, 1), frame(T0, 0, 1))) == []


def test_a_paper_without_an_answer_before_the_open_is_marked_when_it_comes():
    found = run(Intake(WATCH, DAY), begun(), carries(0, 1), frame(OPEN - 5_000, 0), frame(T0, 0, 1))
    assert waits(found) == [(1, OPEN, T0, T0 + HOLD)]


def test_a_late_paper_is_a_gap_from_the_open_and_one_that_was_taken_back_from_when_it_was_left():
    first = [carries(0, 1), frame(OPEN - 5_000, 0, 1), frame(T0, 0, 1)]
    changes = [carries(0, 2, kind=KIND.SUBSCRIBED), frame(T0 + 60_000, 0, 1, 2), carries(0, 1, 2, kind=KIND.SUBSCRIBED)]
    rest = [frame(T0 + 90_000, 0, 2), frame(T0 + 99_000, 0, 1, 2), frame(T0 + 99_500, 1)]
    found = run(Intake(WATCH, DAY), begun(), *first, *changes, *rest)
    late, back = T0 + 60_000, T0 + 99_000
    assert waits(found) == [(2, OPEN, late, late + HOLD), (1, T0, back, back + HOLD)]
    plain = run(Intake(WATCH, DAY), started(), *first, *changes, *rest)
    assert waits(plain) == [(2, OPEN, late, 0), (1, T0, back, 0)], "marked, though nobody repairs"


def test_a_paper_that_leaves_before_it_answered_is_missing_since_it_was_asked_for():
    first = [carries(0), frame(OPEN - 5_000, 0), frame(T0, 0), carries(0, 1, kind=KIND.SUBSCRIBED), frame(T0 + 10, 0)]
    rest = [carries(0, kind=KIND.SUBSCRIBED), frame(T0 + 20, 0), carries(0, 1, kind=KIND.SUBSCRIBED), frame(T0 + 30, 1)]
    assert waits(run(Intake(WATCH, DAY), begun(), *first, *rest)) == [(1, OPEN, T0 + 30, T0 + 30 + HOLD)]


def test_a_paper_that_moves_to_another_connection_is_missing_from_then_on():
    first = [carries(0, 1), carries(2, link=1), frame(OPEN - 5_000, 0, 1), frame(OPEN - 5_000, 2, link=1), frame(T0, 0, 1)]
    for moves in ([carries(0, kind=KIND.SUBSCRIBED), carries(1, 2, link=1, kind=KIND.SUBSCRIBED)],):
        for order in (moves, moves[::-1]):
            found = run(Intake(WATCH, DAY), begun(), *first, *order, frame(T0 + 40, 1, 2, link=1))
            assert waits(found) == [(1, T0, T0 + 40, T0 + 40 + HOLD)]


def test_a_reconnect_and_a_restart_are_judged_by_the_connection_alone():
    first = [begun(), carries(0, 1), frame(OPEN - 5_000, 0, 1), frame(T0, 0, 1)]
    found = run(Intake(WATCH, DAY), *first, event(KIND.LOST, b"1006"), carries(0, 1), frame(T0, 0, 1), frame(T0 + 9, 0, 1))
    assert waits(found) == []
    again = run(Intake(WATCH, DAY), begun(T0), carries(0, 1), frame(T0, 0, 1), frame(T0 + 9, 0, 1))
    assert waits(again) == []


def test_rows_of_a_folded_stretch_end_an_absence():
    found = run(Intake(WATCH, DAY), begun(), carries(0, 1), fold(T0, rows_at((0, T0 - 20), (1, T0))))
    assert waits(found) == [(0, OPEN, T0, T0 + HOLD), (1, OPEN, T0, T0 + HOLD)]


def test_without_a_session_only_what_was_left_is_missing():
    events = [begun(), carries(0), frame(T0, 0), carries(kind=KIND.SUBSCRIBED), frame(T0 + 9, 1), carries(0, 1, kind=KIND.SUBSCRIBED)]
    assert waits(run(Intake(WATCH), *events, frame(T0 + 20, 0, 1))) == [(0, T0, T0 + 20, T0 + 20 + HOLD)]


def test_stretches_are_given_together_where_they_are_the_same():
    marks = np.zeros(4, TICK)
    marks["sid"], marks["ltt"], marks["ts_exch"] = (0, 1, 2, 3), (5, 7, 5, 5), (9, 9, 9, 8)
    assert sorted(stretches(marks)) == [([0, 2], 5, 9), ([1], 7, 9), ([3], 5, 8)]
