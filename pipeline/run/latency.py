"""Where the time goes, hop by hop, from the exchange's clock to our commit.

Hops of one input, in order; their sum is the whole way, measured apart as ``total`` (from receipt, or from the writer's commit):
    exchange   the exchange's time in the frame -> received here (two clocks: their difference is in it)
    decode     received -> decoded and handed on (feed);  ``wait``: committed by its writer -> read here (all other jobs)
               (thick frames that collect in the kernel count as received when the wait for them began: what they waited is in it)
    step       the job's own work: for ticks, the metrics
    commit     written to Redis, its answer read
Microseconds. Histograms: nothing is kept per frame but the ten slowest of the day. Never part of a record or a digest.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Sequence

from pipeline.core.histogram import Histogram
from pipeline.core.session import ist_clock

WORST = 10
STRANGE_US = 600e6
"""A frame ten minutes from our clock is of another day (a replay, a demo): its way from the exchange means nothing."""
PERCENTILES = ("p50", "p99", "p999")
CHAIN = ("ticks", "live", "indicators", "chart", "filtering", "orders")
"""From the receipt of a frame to the request of an order, in order."""
BUDGET_US = 500_000
"""What the p99 of the whole chain may take."""


class Hops:
    """The budget of one process: this minute's, and the day's."""

    def __init__(self, first: str) -> None:
        """``first`` is the hop before the step: ``decode`` or ``wait``."""
        self.names = (*(("exchange",) if first == "decode" else ()), first, "step", "commit", "total")
        self._minute = {name: Histogram() for name in self.names}
        self._day = {name: Histogram() for name in self.names}
        self._first = first
        self._worst: list[tuple[float, int, str]] = []

    def turn(self, waited_us: Sequence[float], step_us: float, commit_us: float, now: int, exchange_us: Sequence[float] = ()) -> None:
        """Count the inputs of one turn; they share its step and its commit. ``now`` is the event time, for the list of the slowest."""
        if len(waited_us) == 0:
            return
        rest = step_us + commit_us
        self._minute[self._first].add_all(waited_us)
        self._minute["step"].add(step_us, len(waited_us))
        self._minute["commit"].add(commit_us, len(waited_us))
        self._minute["total"].add_all([waited + rest for waited in waited_us])
        if exchange_us:
            self._minute["exchange"].add_all([max(us, 0.0) for us in exchange_us if abs(us) < STRANGE_US])
        slowest = max(waited_us)
        hop = max((slowest, self._first), (step_us, "step"), (commit_us, "commit"))[1]
        heapq.heappush(self._worst, (slowest + rest, now, hop))
        if len(self._worst) > WORST:
            heapq.heappop(self._worst)

    def minute(self) -> dict[str, int]:
        """Give this minute's percentiles, for the log, and begin a new one."""
        out = self._percentiles(self._minute)
        for name in self.names:
            self._day[name].take(self._minute[name])
        return out

    def fields(self) -> dict[str, str | int | float]:
        """Give the day's percentiles and its slowest inputs, for ``latency:<process>``."""
        whole = {name: Histogram() for name in self.names}
        for name in self.names:
            whole[name].add_counts(self._day[name])
            whole[name].add_counts(self._minute[name])
        slowest = [{"time": ist_clock(now), "us": round(us), "hop": hop} for us, now, hop in sorted(self._worst, reverse=True)]
        worst = json.dumps(slowest, separators=(",", ":"))
        return {**self._percentiles(whole), "inputs": whole["total"].total, "worst": worst}

    def _percentiles(self, histograms: dict[str, Histogram]) -> dict[str, int]:
        return {
            f"{name}_{part}_us": round(value)
            for name in self.names
            for part, value in zip(PERCENTILES, histograms[name].tail(), strict=True)
        }
