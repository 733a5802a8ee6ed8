"""The order process's hands: requests go out after their commit, each once; reports come back as inputs.

Reads   committed OrderRequests (handed over by the runner), the halt file, the broker's answers and pushes
Writes  BrokerReports, as inputs of the order process between its streams' entries

A request that was committed before this process began is never performed: its STARTED report says so, and the order manager asks the book.
Requests are performed by a few threads, so that one slow answer keeps no exit waiting. Event time goes on with our own clock between two
entries: timers work while the feed is silent.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from pipeline.broker.contract import Broker, refused
from pipeline.broker.quota import ReadBudget
from pipeline.broker.throttle import MemoryThrottle, Throttle
from pipeline.broker.windows import Urgency
from pipeline.core.broker import READS, Answer, Ask, BrokerReport, Facts, OrderRequest
from pipeline.core.errors import Ambiguous
from pipeline.core.schema import REQUESTS, Stream
from pipeline.engine.identity import purpose_of
from pipeline.run.emergency import HaltFile
from pipeline.run.sources import Input, Source
from pipeline.store.codec import decode
from pipeline.store.face import EntryId, Fields

WRITERS, READERS = 6, 2
BEAT_MS = 200
SHORT_WAIT_MS = 3


class Courier:
    """Performs requests of one broker; ``poll`` gives what has come back."""

    def __init__(self, broker: Broker, halt: HaltFile, throttle: Throttle, reads: ReadBudget) -> None:
        """``throttle`` and ``reads`` are the order rate and the read quota that all processes of the account share."""
        self._broker, self.halt = broker, halt
        self._throttle, self._alone = throttle, MemoryThrottle()
        self._back: queue.SimpleQueue[Sequence[BrokerReport | Facts]] = queue.SimpleQueue()
        self._writers = ThreadPoolExecutor(WRITERS, "order")
        self._readers = ThreadPoolExecutor(READERS, "listing")
        self._reads = reads
        self._futures: queue.SimpleQueue[Future[None]] = queue.SimpleQueue()
        self.performed = 0

    def take(self, request: OrderRequest) -> None:
        """Perform a committed request, in a thread."""
        self.performed += 1
        pool = self._readers if request.ask in READS else self._writers
        pool.submit(self._perform, request).add_done_callback(self._futures.put)

    def deliver(self, reports: Sequence[BrokerReport | Facts]) -> None:
        """Take in what the broker said by itself, and what was looked up."""
        self._back.put(reports)

    def poll(self) -> list[BrokerReport | Facts]:
        """Give everything that has come back since the last call; a fault in our own code ends the process here."""
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

    def _perform(self, request: OrderRequest) -> None:
        is_entry = request.ask is Ask.PLACE and purpose_of(request.tag) == "entry"
        if request.ask in READS:
            now_ms = time.monotonic_ns() // 1_000_000
            time.sleep(max(0, self._reads.reserve(now_ms) - now_ms) / 1000)
        elif not self._has_room(is_entry=is_entry):
            self._back.put(refused(request, "the broker's order rate is used up for entries"))
            return
        if is_entry and self.halt.is_there():
            self._back.put(refused(request, f"the halt file {self.halt.path.name} is there"))
            return
        self._back.put(self._broker.perform(request))

    def _has_room(self, *, is_entry: bool) -> bool:
        """Book an order call: an entry goes at once or not at all, everything else waits for its turn.

        Without the shared rate (Redis is away) no entry leaves; what makes a position smaller keeps the rate by itself.
        """
        urgency, throttle = Urgency.ENTRY if is_entry else Urgency.EXIT, self._throttle
        while True:
            try:
                wait = throttle.take(urgency)
            except Ambiguous:
                if is_entry:
                    return False
                throttle = self._alone
                continue
            if wait == 0 or is_entry:
                return wait == 0
            time.sleep(wait / 1000)


class OutwardSource:
    """The order process's streams, with the courier's reports between their entries."""

    def __init__(self, streams: Source, courier: Courier, reached_ms: int, closers: Iterable[Callable[[], None]] = ()) -> None:
        """``reached_ms`` is the event time that was committed last; 0 at the beginning of a day."""
        self._streams, self.courier, self.halt, self._closers = streams, courier, courier.halt, tuple(closers)
        self._event_ms, self._clock_ms = reached_ms, _clock_ms()
        self._has_started = False
        self._beat_ms = 0
        self.watermark = -1

    @property
    def is_over(self) -> bool:
        return False

    def now_ms(self) -> int:
        """Event time as it goes on between two entries."""
        return self._event_ms + _clock_ms() - self._clock_ms

    def read(self, limit: int, wait_ms: int) -> list[Input]:
        self.halt.look()
        told = self._told() if self._event_ms > 0 else []
        out = self._streams.read(limit, 0 if told else min(wait_ms, SHORT_WAIT_MS))
        newest = max((item.id.ms for item in out), default=0)
        if newest > self.now_ms():
            self._event_ms, self._clock_ms = newest, _clock_ms()
        at = EntryId(max(newest, self.now_ms()) if self._event_ms > 0 else 0, 0)
        return [*out, *(Input("", at, record, 0) for record in told)]

    def close(self) -> None:
        for close in self._closers:
            close()
        self.courier.close()
        self._streams.close()

    def _told(self) -> list[Any]:
        """What is not in any stream: the start, what came back, and a beat now and then."""
        now = self.now_ms()
        out: list[Any] = []
        if not self._has_started:
            self._has_started = True
            out.append(BrokerReport(now, Answer.STARTED))
        out += self.courier.poll()
        if out or now - self._beat_ms >= BEAT_MS:
            self._beat_ms = now
            out = out or [BrokerReport(now, Answer.BEAT)]
        return out


def hand_over(courier: Courier, entries: Iterable[tuple[Stream, EntryId, Fields]]) -> None:
    """Give the courier the requests of a commit that has taken place."""
    for stream, _, fields in entries:
        if stream is REQUESTS:
            courier.take(decode(stream, {name: bytes(value) for name, value in fields.items()}))


def _clock_ms() -> int:
    return time.monotonic_ns() // 1_000_000
