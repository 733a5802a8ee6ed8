"""The order process's hands: requests go out after their commit, each once; reports come back as inputs.

Reads   committed OrderRequests (handed over by the runner), the halt file, the broker's answers and pushes
Writes  BrokerReports, as inputs of the order process between its streams' entries

A request that was committed before this process began is never performed: its STARTED report says so, and the order manager asks the book.
An order that is late on its way (Redis or this process stood still, the threads are busy) is not sent: an entry since what it was decided
on has gone by, an exit or a change since the order manager may have given it up, and send another. That is looked at again when its
connection stands. Of several changes of one order only the newest leaves.
Requests are performed by a few threads, so that one slow answer keeps no exit waiting. Event time goes on with our own clock between
two entries: timers work while the feed is silent.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pipeline.broker.contract import Broker, ambiguous, refused
from pipeline.broker.quota import ReadBudget
from pipeline.broker.throttle import MemoryThrottle, Throttle
from pipeline.broker.windows import Urgency
from pipeline.core.broker import READS, Answer, Ask, BrokerReport, Facts, OrderRequest
from pipeline.core.errors import Ambiguous
from pipeline.core.schema import REQUESTS
from pipeline.engine.identity import purpose_of
from pipeline.run.emergency import HaltFile
from pipeline.run.sources import Input, Source
from pipeline.run.turn import UnderWay
from pipeline.store.codec import decode
from pipeline.store.face import EntryId

log = logging.getLogger("ticktick.courier")

WRITERS, READERS = 6, 2
BEAT_MS = 200
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
AGING = frozenset({Ask.PLACE, Ask.MODIFY, Ask.EXIT_ALL})
"""What must not arrive late. A cancel may: it names its order, and is wanted whenever it comes."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How old an order may be, in event time, when it leaves."""

    entry_ms: int
    exit_ms: int


class Courier:
    """Performs requests of one broker; ``poll`` gives what has come back."""

    def __init__(self, broker: Broker, halt: HaltFile, throttle: Throttle, reads: ReadBudget, patience: Patience) -> None:
        """``throttle`` and ``reads`` are the order rate and the read quota that all processes of the account share."""
        self._broker, self.halt, self._patience = broker, halt, patience
        self.now_ms: Callable[[], int] = lambda: 0
        """Event time, by which an order's age counts; given by the source."""
        self._throttle, self._alone = throttle, MemoryThrottle()
        self._changes: dict[str, str] = {}
        """Order -> the newest request to change it."""
        self._back: queue.SimpleQueue[Sequence[BrokerReport | Facts]] = queue.SimpleQueue()
        self._writers = ThreadPoolExecutor(WRITERS, "order")
        self._readers = ThreadPoolExecutor(READERS, "listing")
        self._reads = reads
        self._futures: queue.SimpleQueue[Future[None]] = queue.SimpleQueue()
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self.performed = 0

    @property
    def bell(self) -> int:
        """The descriptor that can be read when something has come back."""
        return self._bell.fileno()

    def take(self, request: OrderRequest, way: UnderWay | None = None) -> None:
        """Perform a committed request, in a thread; ``way`` is the commit it came with."""
        self.performed += 1
        if request.ask is Ask.MODIFY:
            self._changes[request.order_id] = request.id
        pool = self._readers if request.ask in READS else self._writers
        pool.submit(self._perform, request, way).add_done_callback(self._done)

    def deliver(self, reports: Sequence[BrokerReport | Facts]) -> None:
        """Take in what the broker said by itself, and what was looked up."""
        self._back.put(reports)
        self._ring()

    def poll(self) -> list[BrokerReport | Facts]:
        """Give everything that has come back since the last call; a fault in our own code ends the process here."""
        with contextlib.suppress(BlockingIOError):
            while self._bell.recv(4_096):
                pass
        while not self._futures.empty():
            done = self._futures.get()
            if not done.cancelled():
                done.result()
        out: list[BrokerReport | Facts] = []
        while True:
            try:
                out += self._back.get_nowait()
            except queue.Empty:
                return out

    def close(self) -> None:
        """Wait for what is under way; what was not begun stays undone, and the next start asks the book."""
        self._writers.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: Future[None]) -> None:
        self._futures.put(future)
        self._ring()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it has been rung often enough
            self._ringer.send(b"\0")

    def objection(self, request: OrderRequest) -> str:
        """Say why a request is not to leave any more; empty when it is."""
        is_entry, age_ms = _is_entry(request), self.now_ms() - request.ts
        if request.ask in AGING and age_ms > (self._patience.entry_ms if is_entry else self._patience.exit_ms):
            return f"late: decided {age_ms} ms ago"
        if is_entry and self.halt.is_there():
            return f"the halt file {self.halt.path.name} is there"
        return ""

    def _perform(self, request: OrderRequest, way: UnderWay | None) -> None:
        taken_ns = time.monotonic_ns()
        if request.ask in READS:
            now_ms = time.monotonic_ns() // 1_000_000
            time.sleep(max(0, self._reads.reserve(now_ms) - now_ms) / 1000)
        elif undone := self._await_room(request):
            self._back.put(undone)
            return
        booked_ns = time.monotonic_ns()
        self._back.put(self._broker.perform(request))
        if way is not None and request.ask not in READS:
            self._ring()  # whoever waits for the answer does not wait for the log
            log.info("hops of a request", extra={"category": "PERFORMANCE", "fields": hops(request, way, taken_ns, booked_ns)})

    def _undone(self, request: OrderRequest) -> list[BrokerReport]:
        """Give what to report of a request that is not to leave any more; nothing when it is."""
        if request.ask is Ask.MODIFY and self._changes.get(request.order_id, request.id) != request.id:
            # No refusal: the order manager would take that for an answer to the newest change, which is on its way.
            return ambiguous(request, "not sent: a newer change of this order is on its way")
        why = self.objection(request)
        return refused(request, why) if why else []

    def _await_room(self, request: OrderRequest) -> list[BrokerReport]:
        """Book an order call; give what to report when it does not go. An entry goes at once or not at all, all else waits for its turn.

        Without the shared rate (Redis is away) no entry leaves; what makes a position smaller keeps the rate by our own count, which
        goes on all the time: it knows what left just before Redis went away, and when it is back, what left meanwhile.
        """
        is_entry, is_shared = _is_entry(request), True
        urgency = Urgency.ENTRY if is_entry else Urgency.EXIT
        while not (undone := self._undone(request)):
            wait = self._alone.take(urgency)
            if wait == 0 and is_shared:
                try:
                    wait = self._throttle.take(urgency)
                except Ambiguous:  # which may have taken seconds: only a place of now counts
                    is_shared, wait = False, 1
                if wait > 0:
                    self._alone.give_back()
            if wait == 0:
                return self._undone(request)
            if is_entry:
                return refused(request, "the broker's order rate is used up for entries")
            time.sleep(wait / 1000)
        return undone


class OutwardSource:
    """The order process's streams, with the courier's reports between their entries.

    That we began comes before anything that waited in the streams meanwhile: it takes back what we knew of the broker's book.
    """

    def __init__(self, streams: Source, courier: Courier, reached_ms: int, closers: Iterable[Callable[[], None]] = ()) -> None:
        """``reached_ms`` is the event time that was committed last; 0 at the beginning of a day."""
        self._streams, self.courier, self.halt, self._closers = streams, courier, courier.halt, tuple(closers)
        self._reached = reached_ms, _clock_ms()
        """Event time, and our clock when it was reached."""
        courier.now_ms = self.now_ms
        self._has_started = False
        self._beat_ms = 0
        self.watermark = -1

    @property
    def is_over(self) -> bool:
        return False

    def now_ms(self) -> int:
        """Event time as it goes on between two entries."""
        event_ms, clock_ms = self._reached
        return event_ms + _clock_ms() - clock_ms

    def read(self, limit: int, wait_ms: int) -> list[Input]:
        self.halt.look()
        if not self._has_started and self._reached[0] > 0:
            self._has_started = True
            now = self.now_ms()
            return [Input("", EntryId(now, 0), BrokerReport(now, Answer.STARTED), 0)]
        told = self._told()
        out = self._streams.read(limit, 0 if told else wait_ms)
        newest = max((item.id.ms for item in out), default=0)
        if newest > self.now_ms():
            self._reached = newest, _clock_ms()
        told = told or self._told()
        at = EntryId(max(newest, self.now_ms()), 0)
        return [*out, *(Input("", at, record, 0) for record in told)]

    def close(self) -> None:
        for close in self._closers:
            close()
        self.courier.close()
        self._streams.close()

    def _told(self) -> list[Any]:
        """What is not in any stream: what came back, and a beat now and then."""
        if not self._has_started:
            return []
        now = self.now_ms()
        out: list[Any] = list(self.courier.poll())
        if out or now - self._beat_ms >= BEAT_MS:
            self._beat_ms = now
            out = out or [BrokerReport(now, Answer.BEAT)]
        return out


def _is_entry(request: OrderRequest) -> bool:
    return request.ask is Ask.PLACE and purpose_of(request.tag) == "entry"


def hand_over(courier: Courier, done: UnderWay) -> None:
    """Give the courier the requests of a commit that has taken place."""
    for stream, _, fields in done.pending.entries:
        if stream is REQUESTS:
            courier.take(decode(stream, {name: bytes(value) for name, value in fields.items()}), done)


def hops(request: OrderRequest, way: UnderWay, taken_ns: int, booked_ns: int) -> dict[str, str | int]:
    """Give where the time went, in microseconds: from reading what caused a request to its being booked, and answered.

    ``read_ns`` is the instant of reading, on the machine's monotonic clock.
    """
    instants = (way.read_ns, way.stepped_ns, way.committed_ns, taken_ns, booked_ns, time.monotonic_ns())
    names = ("step_us", "commit_us", "hand_us", "book_us", "answer_us")
    spans = {name: (late - early) // 1_000 for name, early, late in zip(names, instants, instants[1:], strict=False)}
    return {"ask": request.ask.value, "intent": request.intent_id, "tag": request.tag, "read_ns": way.read_ns, **spans}


def _clock_ms() -> int:
    """Give the time since the machine began, also while it slept: an order ages then, too."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000
