import select
import threading
import time
from dataclasses import replace

import pytest

from pipeline.broker.contract import accepted, listed
from pipeline.broker.quota import Limit, ReadBudget
from pipeline.broker.throttle import MemoryThrottle
from pipeline.broker.windows import Urgency, Window
from pipeline.core.broker import Answer, Ask, BrokerReport, OrderRequest
from pipeline.core.errors import Ambiguous
from pipeline.core.schema import INTENTS, REQUESTS, Role
from pipeline.run import courier as courier_room
from pipeline.run.courier import Courier, OutwardSource, Patience, hand_over, hops
from pipeline.run.sources import Input
from pipeline.run.turn import Pending, UnderWay
from pipeline.store.codec import encode
from pipeline.store.face import Commit, EntryId, Progress
from tests.fakes.doors import wait_for

PLACE = OrderRequest(5, "q1", Ask.PLACE, "i", "", "AAA", "BUY", "LIMIT", 3, 100, 0, "tt-i")
STOP = OrderRequest(5, "q2", Ask.PLACE, "i", "", "AAA", "SELL", "SL-M", 3, 0, 90, "tx-i")
PATIENCE = Patience(5_000, 18_000)


class Echo:
    """A broker that accepts; ``gate`` holds answers back."""

    name = "echo"

    def __init__(self):
        self.asked, self.gate = [], threading.Event()
        self.gate.set()

    def perform(self, request):
        self.asked.append(request)
        self.gate.wait(5)
        if request.ask is Ask.CANCEL:
            raise ValueError("a bug")
        return listed(request, []) if request.ask is Ask.BOOK else accepted(request, "B1")


class Halt:
    """The halt file, without a Redis to say its word to."""

    def __init__(self, path):
        self.path, self.looks = path, 0

    def is_there(self):
        return self.path.exists()

    def look(self):
        self.looks += 1
        return {"halt_file": int(self.is_there())}


class Quiet:
    """Streams that bring what they are given."""

    watermark = -1
    is_over = False

    def __init__(self):
        self.waiting, self.closed = [], False

    def read(self, _limit, _wait_ms):
        out, self.waiting = self.waiting, []
        return out

    def close(self):
        self.closed = True


def way(*entries) -> UnderWay:
    """A commit of these entries that has taken place."""
    return UnderWay(Commit("orders", Role.DERIVED, Progress()), Pending(list(entries)), [], None, 1_000_000, 3_000_000, 6_000_000)


@pytest.fixture
def desk(tmp_path):
    courier = Courier(Echo(), Halt(tmp_path / "HALT"), MemoryThrottle(), ReadBudget(), PATIENCE)
    yield courier, courier._broker, tmp_path / "HALT"
    courier._broker.gate.set()
    courier.close()


def answers(courier, count):
    found: list = []
    wait_for(lambda: found.extend(courier.poll()) or len(found) >= count, f"{count} reports", 5)
    return found


def test_only_requests_of_a_commit_leave(desk):
    courier, broker, _ = desk
    hand_over(courier, way((INTENTS, EntryId(1, 0), {}), (REQUESTS, EntryId(1, 0), encode(REQUESTS, PLACE))))
    assert [(r.answer, r.order_id) for r in answers(courier, 1)] == [(Answer.ACCEPTED, "B1")]
    assert broker.asked == [PLACE]


def test_an_entry_beyond_the_order_rate_is_refused_and_an_exit_waits_its_turn(tmp_path):
    courier = Courier(Echo(), Halt(tmp_path / "HALT"), MemoryThrottle((Window(2, 100, 1),)), ReadBudget(), PATIENCE)
    for request in (PLACE, PLACE):
        courier.take(request)
    found = answers(courier, 2)
    assert sorted(r.answer for r in found) == [Answer.ACCEPTED, Answer.REFUSED]
    assert "order rate" in next(r.reason for r in found if r.answer is Answer.REFUSED)
    for request in (STOP, STOP, STOP):
        courier.take(request)
    assert [r.answer for r in answers(courier, 3)] == [Answer.ACCEPTED] * 3
    assert len(courier._broker.asked) == 4
    courier.close()


def test_without_the_shared_rate_no_entry_leaves_but_exits_do(tmp_path):
    class Away:
        def take(self, _urgency: Urgency) -> int:
            raise Ambiguous("Redis is away")

    courier = Courier(Echo(), Halt(tmp_path / "HALT"), Away(), ReadBudget(), PATIENCE)
    courier.take(PLACE)
    courier.take(STOP)
    assert sorted(r.answer for r in answers(courier, 2)) == [Answer.ACCEPTED, Answer.REFUSED]
    assert courier._broker.asked == [STOP]
    courier.close()


class Shared:
    """The rate that all share, on a Redis that goes and comes."""

    def __init__(self, windows):
        self.held, self.is_away = MemoryThrottle(windows), False

    def take(self, urgency):
        if self.is_away:
            raise Ambiguous("Redis is away")
        return self.held.take(urgency)


def test_the_rate_holds_over_the_instants_in_which_redis_goes_and_comes_back(tmp_path, monkeypatch):
    windows = (Window(4, 400, 1),)
    monkeypatch.setattr(courier_room, "MemoryThrottle", lambda: MemoryThrottle(windows))
    shared = Shared(windows)
    courier = Courier(Echo(), Halt(tmp_path / "HALT"), shared, ReadBudget(), PATIENCE)
    instants: list[float] = []
    courier._broker.perform = lambda request: instants.append(time.monotonic()) or accepted(request, "B1")
    for is_away in (False, True, False):
        shared.is_away = is_away
        for _ in range(4):
            courier._perform(STOP, None)
    for n, began in enumerate(instants):
        assert sum(began <= at < began + 0.4 for at in instants[n:]) <= 4
    courier.close()


def test_an_entry_that_the_shared_rate_refuses_takes_no_place_of_our_own_count(tmp_path):
    shared = Shared((Window(2, 60_000, 1),))
    courier = Courier(Echo(), Halt(tmp_path / "HALT"), shared, ReadBudget(), PATIENCE)
    for _ in range(5):
        courier._perform(PLACE, None)
    assert courier._broker.asked == [PLACE]
    assert courier._alone.forecast()[0].used == 1
    courier.close()


def test_listings_keep_the_read_quota(tmp_path):
    courier = Courier(Echo(), tmp_path / "HALT", MemoryThrottle(), ReadBudget((Limit(1, 300),)), PATIENCE)
    began = time.monotonic()
    for number in range(3):
        courier.take(OrderRequest(5, f"b{number}", Ask.BOOK))
    answers(courier, 3)
    assert time.monotonic() - began >= 0.55
    courier.close()


def test_one_slow_answer_keeps_no_other_waiting(desk):
    courier, broker, _ = desk
    broker.gate.clear()
    for request in (PLACE, STOP, OrderRequest(5, "q3", Ask.BOOK)):
        courier.take(request)
    wait_for(lambda: len(broker.asked) == 3, "all three under way", 5)


def test_the_halt_file_stops_entries_at_the_last_moment_and_no_exits(desk):
    courier, broker, halt_file = desk
    halt_file.touch()
    courier.take(PLACE)
    courier.take(STOP)
    found = {r.request_id: r for r in answers(courier, 2)}
    assert (found["q1"].answer, found["q2"].answer) == (Answer.REFUSED, Answer.ACCEPTED)
    assert "halt file" in found["q1"].reason
    assert broker.asked == [STOP]


CHANGE = OrderRequest(5, "q4", Ask.MODIFY, "i", "B2", "AAA", "SELL", "SL-M", 3, 0, 91, "tx-i")
LAST = OrderRequest(5, "q5", Ask.EXIT_ALL, "i", "", "AAA", "SELL", "EXIT_ALL", 3, 0, 0, "tt-i")


@pytest.mark.parametrize(("request_", "most_ms"), [(PLACE, 5_000), (STOP, 18_000), (CHANGE, 18_000), (LAST, 18_000)])
def test_an_order_that_is_late_on_its_way_stays(desk, request_, most_ms):
    courier, broker, _ = desk
    courier.now_ms = lambda: request_.ts + most_ms
    courier.take(request_)
    answers(courier, 1)
    courier.now_ms = lambda: request_.ts + most_ms + 1
    courier.take(request_)
    (late,) = answers(courier, 1)
    assert (late.answer, late.reason) == (Answer.REFUSED, f"late: decided {most_ms + 1} ms ago")
    courier.take(OrderRequest(5, "q3", Ask.BOOK))
    answers(courier, 1)
    assert [r.id for r in broker.asked] == [request_.id, "q3"]


def test_a_change_that_waited_does_not_leave_behind_a_newer_one(tmp_path):
    """And is no refusal: that would be taken for the answer to the newer one."""
    courier = Courier(Echo(), Halt(tmp_path / "HALT"), Gate(), ReadBudget(), PATIENCE)
    other, newer = replace(CHANGE, id="q8", order_id="B3"), replace(CHANGE, id="q9", trigger_paise=92)
    for request in (CHANGE, other, newer):
        courier.take(request)
    courier._throttle.wait = 0
    found = {report.request_id: report.answer for report in answers(courier, 3)}
    assert found == {"q4": Answer.AMBIGUOUS, "q8": Answer.ACCEPTED, "q9": Answer.ACCEPTED}
    assert {request.id for request in courier._broker.asked} == {"q8", "q9"}
    courier.close()


class Gate:
    """An order rate that lets nobody through until it is opened."""

    wait = 20

    def take(self, _urgency):
        return self.wait


def test_what_grows_late_in_the_order_rate_gives_up_its_place(tmp_path):
    courier = Courier(Echo(), Halt(tmp_path / "HALT"), Gate(), ReadBudget(), PATIENCE)
    courier.take(CHANGE)
    time.sleep(0.05)
    courier.now_ms = lambda: 20_000
    (late,) = answers(courier, 1)
    assert (late.answer, late.reason) == (Answer.REFUSED, "late: decided 19995 ms ago")
    assert courier._broker.asked == []
    courier.close()


def test_the_age_of_an_entry_counts_by_the_events_clock(desk):
    courier, _, _ = desk
    streams = Quiet()
    source = OutwardSource(streams, courier, 5_000)
    streams.waiting = [Input("ticks", EntryId(9_000, 0), "frame", 0)]
    source.read(10, 0), source.read(10, 0)
    assert 9_000 <= courier.now_ms() < 9_000 + 2_000


def test_an_order_ages_while_the_machine_sleeps(desk, monkeypatch):
    courier, _, _ = desk
    source = OutwardSource(Quiet(), courier, 5_000)
    read = time.clock_gettime_ns
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: read(clock) + (7_000_000_000 if clock == courier_room._CLOCK else 0))
    assert source.now_ms() >= 12_000
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert courier_room._CLOCK == time.CLOCK_BOOTTIME


def test_a_fault_in_our_own_code_ends_the_process(desk):
    courier, _, _ = desk
    courier.take(OrderRequest(5, "q9", Ask.CANCEL))
    with pytest.raises(ValueError, match="a bug"):
        wait_for(courier.poll, "the fault", 5)


def kinds(inputs):
    return [i.record.answer for i in inputs if isinstance(i.record, BrokerReport)]


def test_a_start_is_told_when_the_day_has_a_time(desk):
    courier, _, _ = desk
    streams = Quiet()
    source = OutwardSource(streams, courier, 0)
    assert source.read(10, 0) == []
    streams.waiting = [Input("ticks", EntryId(5_000, 0), "frame", 0)]
    assert [i.record for i in source.read(10, 0)] == ["frame"]
    first = source.read(10, 0)
    assert kinds(first) == [Answer.STARTED]
    assert first[0].stream == ""
    assert first[0].id.ms >= 5_000
    assert courier.halt.looks == 3, "the halt file is looked at in every turn, before the day has a time too"


def test_that_we_began_comes_before_an_answer_that_waited_meanwhile(desk):
    courier, _, _ = desk
    streams = Quiet()
    streams.waiting = [Input("confirmations:page", EntryId(5_100, 0), "yes", 0)]
    source = OutwardSource(streams, courier, 5_000)
    assert kinds(source.read(10, 0)) == [Answer.STARTED]
    assert source.read(10, 0)[0].record == "yes"


def test_what_comes_back_rings_and_is_told_by_the_read_that_it_woke(desk):
    courier, _, _ = desk

    class Woken(Quiet):
        def read(self, _limit, _wait_ms):
            courier.take(STOP)
            assert select.select([courier.bell], [], [], 5)[0], "an answer rings"
            return []

    source = OutwardSource(Quiet(), courier, 5_000)
    while kinds(source.read(10, 0)) != [Answer.BEAT]:
        pass
    source._streams = Woken()
    assert Answer.ACCEPTED in kinds(source.read(10, 0))
    wait_for(lambda: not courier.poll() and not select.select([courier.bell], [], [], 0)[0], "the bell to be still", 5)


def test_the_hops_of_a_request_add_up():
    told = hops(PLACE, way(), 7_000_000, 9_000_000)
    assert [told[name] for name in ("step_us", "commit_us", "hand_us", "book_us")] == [2_000, 3_000, 1_000, 2_000]
    assert (told["tag"], told["ask"], told["read_ns"]) == (PLACE.tag, "place", 1_000_000)
    assert told["answer_us"] > 0


def test_time_goes_on_while_the_feed_is_silent(desk):
    courier, _, _ = desk
    source = OutwardSource(Quiet(), courier, 5_000)
    assert kinds(source.read(10, 0)) == [Answer.STARTED]
    began, beats = time.monotonic(), []
    while len(beats) < 2:
        beats += source.read(10, 0)
        assert time.monotonic() - began < 5
    assert {i.record.answer for i in beats} == {Answer.BEAT}
    assert beats[1].record.ts - beats[0].record.ts >= 200
    assert all(i.id.ms >= i.record.ts for i in beats)


def test_it_closes_what_it_was_given(desk):
    courier, _, _ = desk
    streams, closed = Quiet(), []
    OutwardSource(streams, courier, 0, (lambda: closed.append(1),)).close()
    assert (streams.closed, closed) == (True, [1])
