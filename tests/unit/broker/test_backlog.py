import tracemalloc

import numpy as np
import pytest

from pipeline.broker.backlog import Backlog, Waiting
from pipeline.broker.intake import Intake
from pipeline.core.feed import FeedEvent, FeedEventKind
from pipeline.core.snapshot import unpack
from pipeline.core.types import TICK, TickBatch, TickFlag, TickKind
from tests.unit.broker.test_intake import DAY, KEYS, T0, WATCH, gaps, status, tick

KIND = FeedEventKind


@pytest.fixture
def kept():
    return []


@pytest.fixture
def intake():
    return Intake(WATCH, DAY)


@pytest.fixture
def backlog(intake, kept):
    return Backlog(intake.judge, lambda frame, reason: kept.append((frame, reason)), len(WATCH), 10_000)


def put(backlog, kind, body=b"", link=0, at=0):
    backlog.put(Waiting(link, kind, body, 7, at))


def drain(backlog):
    out = []
    while (waiting := backlog.pop()) is not None:
        out.append(waiting)
    return out


def carries(*sids):
    return b'{"full":[%s]}' % ",".join(f'"{KEYS[s]}"' for s in sids).encode()


def test_little_comes_back_as_it_came(backlog):
    given = [Waiting(n % 2, KIND.FRAME, b"x" * n, n, n) for n in range(20)]
    for waiting in given:
        backlog.put(waiting)
    assert backlog.frames == len(backlog) == 20
    assert drain(backlog) == given
    assert (backlog.frames, backlog.bytes) == (0, 0)
    assert backlog.most_bytes > 0


def test_folding_keeps_the_newest_row_of_each_symbol(backlog):
    for n in range(50):
        put(backlog, KIND.FRAME, tick(T0 + n, n % 3), at=n)
    put(backlog, KIND.FRAME, status(T0 + 50, 2), at=50)
    backlog.fold()
    (found,) = drain(backlog)
    assert (found.kind, found.link, found.at_ns) == (KIND.FOLDED, 0, 50)
    plain, arrays = unpack(found.body)
    assert arrays["rows"]["sid"].tolist() == [0, 1, 2]
    assert arrays["rows"]["ts_exch"].tolist() == [T0 + 48, T0 + 49, T0 + 47]
    assert (plain["to"], plain["frames"], plain["rows"]) == (T0 + 50, 51, 50)
    assert plain["statuses"] == [["NSE_EQ", "NORMAL_OPEN"]]


def test_each_connection_is_folded_by_itself(backlog):
    for n in range(6):
        put(backlog, KIND.FRAME, tick(T0 + n, n % 2), link=n % 2)
    backlog.fold()
    found = drain(backlog)
    assert [f.link for f in found] == [0, 1]
    assert [unpack(f.body)[1]["rows"]["sid"].tolist() for f in found] == [[0], [1]]


def test_a_fold_goes_on_in_the_next_one(backlog):
    put(backlog, KIND.FRAME, tick(T0, 0))
    put(backlog, KIND.FRAME, tick(T0 + 1, 1))
    backlog.fold()
    put(backlog, KIND.FRAME, tick(T0 + 2, 1))
    backlog.fold()
    put(backlog, KIND.FRAME, tick(T0 + 3, 2))
    folded, later = drain(backlog)
    plain, arrays = unpack(folded.body)
    assert arrays["rows"]["ts_exch"].tolist() == [T0, T0 + 2]
    assert plain["frames"] == 3
    assert later.kind is KIND.FRAME
    assert backlog.folds == 2


def test_bad_frames_in_a_fold_are_counted_and_kept(backlog, kept):
    for body in (tick(T0, 0), b"\xff\xff", tick(T0 - 5_000, 1), tick(T0 + 86_400_000, 1), tick(T0 + 1, 2)):
        put(backlog, KIND.FRAME, body)
    backlog.fold()
    plain, arrays = unpack(drain(backlog)[0].body)
    assert plain["reasons"] == {"not_protobuf": 1, "other_day": 1, "time_went_back": 1}
    assert (plain["frames"], plain["refused_frames"]) == (2, 3)
    assert [reason for _, reason in kept] == ["not_protobuf", "time_went_back", "other_day"]
    assert arrays["rows"]["sid"].tolist() == [0, 2]


def test_what_else_happened_keeps_its_meaning(backlog):
    put(backlog, KIND.STARTED, b"0")
    put(backlog, KIND.SUBSCRIBED, carries(0), at=1)
    put(backlog, KIND.CONNECTED, carries(0), at=2)
    put(backlog, KIND.FRAME, tick(T0), at=3)
    put(backlog, KIND.LOST, b"1006", at=4)
    put(backlog, KIND.CONNECTED, carries(0, 1), at=5)
    put(backlog, KIND.FRAME, tick(T0 + 9), at=6)
    put(backlog, KIND.SUBSCRIBED, carries(0, 1, 2), at=7)
    put(backlog, KIND.LOST, b"1000 bye", at=8)
    backlog.fold()
    found = drain(backlog)
    assert [f.kind for f in found] == [KIND.STARTED, KIND.CONNECTED, KIND.SUBSCRIBED, KIND.FOLDED, KIND.LOST]
    assert (found[1].body, found[2].body, found[4].body) == (carries(0, 1), carries(0, 1, 2), b"1000 bye")


def test_what_a_connection_is_to_carry_stays_before_its_opening(backlog):
    put(backlog, KIND.SUBSCRIBED, carries(0), at=1)
    put(backlog, KIND.LOST, b"1006", at=2)
    put(backlog, KIND.CONNECTED, carries(0), at=3)
    backlog.fold()
    assert [f.kind for f in drain(backlog)] == [KIND.SUBSCRIBED, KIND.CONNECTED]


def test_memory_is_bounded_whatever_comes(intake):
    backlog = Backlog(intake.judge, lambda _f, _r: None, len(WATCH), 200_000)
    frames = [tick(T0 + n, 0, 1, 2, 3) for n in range(500)]
    tracemalloc.start()
    for turn in range(20):
        for n, frame in enumerate(frames):
            put(backlog, KIND.FRAME, bytes(frame), link=n % 2, at=turn)
            put(backlog, KIND.LOST if n % 2 else KIND.CONNECTED, b"{}" if n % 2 == 0 else b"1006", link=n % 2)
            if backlog.is_too_much:
                backlog.fold()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert backlog.folds > 10
    assert backlog.most_bytes < 210_000
    assert peak < 2_000_000
    assert len(backlog) < 1_000


def test_folded_or_not_the_newest_rows_are_the_same_and_the_gap_is_marked(backlog, intake):
    bodies = [tick(T0 + n, n % 4, (n + 1) % 4) for n in range(40)]
    whole = Intake(WATCH, DAY)
    newest = {}

    def feed(into, kind, body):
        return into.take(FeedEvent(0, 7, 0, kind, body))

    feed(whole, KIND.CONNECTED, carries(0, 1, 2, 3))
    for body in bodies:
        for record in feed(whole, KIND.FRAME, body):
            newest.update((int(row["sid"]), row.tobytes()) for row in record.rows)
    feed(intake, KIND.CONNECTED, carries(0, 1, 2, 3))
    feed(intake, KIND.FRAME, bodies[0])
    for body in bodies[1:]:
        put(backlog, KIND.FRAME, body)
    backlog.fold()
    records = feed(intake, KIND.FOLDED, drain(backlog)[0].body)
    assert [(first, last) for _, first, last in gaps(records)] == [(T0, T0 + 39)]
    (rows,) = [r.rows for r in records if isinstance(r, TickBatch) and r.rows["kind"][0] != TickKind.GAP]
    assert (rows["flags"] & TickFlag.CONFLATED > 0).all()
    plain = np.frombuffer(bytearray(rows.tobytes()), TICK)
    plain["flags"] &= ~np.uint32(TickFlag.CONFLATED)
    assert {int(row["sid"]): row.tobytes() for row in plain} == newest
