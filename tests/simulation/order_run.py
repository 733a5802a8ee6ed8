"""Many seeds of the simulation of orders over all cores, and what they came to: the same for any number of processes.

A session that breaks a rule is told by its seed and its last twenty records, and shrunk: faults that it does not need are switched off, half
of them at a time, then one by one. Seeds that once failed are kept in ``tests/data/order_seeds.json`` and played with every run.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from tests.simulation.order_broker import CLEAN, Rates
from tests.simulation.order_market import POOL, market
from tests.simulation.order_session import Outcome, Session

KEPT = Path(__file__).resolve().parents[1] / "data" / "order_seeds.json"
CHUNK = 50
UNPLACED_BOUND = 0.12
"""At the fault rates of section 3.4."""


@dataclass(slots=True)
class Report:
    """The sum of many outcomes."""

    sessions: int = 0
    crashes: int = 0
    actions: int = 0
    fills: int = 0
    allowed: Counter[str] = field(default_factory=Counter)
    placed: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)
    naked_ms: Counter[int] = field(default_factory=Counter)
    last_ms: dict[str, list[int]] = field(default_factory=dict)
    flat_ms: dict[str, list[int]] = field(default_factory=dict)
    elapsed_s: float = 0.0

    def add(self, out: Outcome) -> None:
        self.sessions += 1
        self.crashes += out.crashes
        self.actions += out.actions
        self.fills += out.fills
        self.allowed[out.profile] += out.allowed
        self.placed[out.profile] += out.placed
        self.naked_ms.update(out.naked_ms)
        if out.violations:
            self.failed.append(out)
        if out.word_last_ms >= 0:
            self.last_ms.setdefault(out.word_source, []).append(out.word_last_ms)
            self.flat_ms.setdefault(out.word_source, []).append(out.word_flat_ms)

    def unplaced(self, profile: str) -> float:
        return 1 - self.placed[profile] / max(1, self.allowed[profile])

    def is_good(self) -> bool:
        return not self.failed and self.placed["clean"] == self.allowed["clean"] and self.unplaced("stated") <= UNPLACED_BOUND

    def lines(self) -> Iterator[str]:
        yield (
            f"sessions {self.sessions:,}  actions {self.actions:,}  fills {self.fills:,}  crashes {self.crashes:,}  "
            f"violations {len(self.failed)}  {self.sessions / max(self.elapsed_s, 1e-9):.0f} sessions/s"
        )
        told = ", ".join(f"{name} {self.unplaced(name):.1%} of {self.allowed[name]:,}" for name in sorted(self.allowed))
        yield f"allowed intents not placed: {told}"
        if self.naked_ms:
            p50, p99, worst = (quantile(self.naked_ms, q) / 1000 for q in (0.5, 0.99, 1.0))
            yield f"naked seconds over {self.naked_ms.total():,} stretches: p50 {p50:.2f}  p99 {p99:.2f}  max {worst:.2f}"
        for source in sorted(self.last_ms):
            last, flat = Counter(self.last_ms[source]), Counter(self.flat_ms[source])
            yield (
                f"string {source}, {last.total():,} moments: last opening order after p50 {quantile(last, 0.5)} p99 {quantile(last, 0.99)} ms, "
                f"flat after p50 {quantile(flat, 0.5)} p99 {quantile(flat, 0.99)} ms"
            )


def quantile(counts: Counter[int], q: float) -> int:
    """Give the smallest value that so large a part of all does not exceed."""
    wanted, seen = q * counts.total(), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return 0


def _chunk(seeds: Sequence[int]) -> list[Outcome]:
    outcomes = [Session(seed).run() for seed in seeds]
    gc.collect()
    return outcomes


def prepare() -> None:
    """Make what all sessions share, before processes are forked."""
    gc.disable()  # a session is a small graph that dies whole: collecting between chunks is enough
    for number in range(POOL):
        market(number)


def run(first: int, last: int, say: Callable[[str], None] = lambda _text: None, jobs: int = 0) -> Report:
    """Play ``first:last`` in so many processes; 0 is one for each core."""
    report, began = Report(), time.monotonic()
    chunks = [kept_seeds(), *(range(at, min(at + CHUNK, last)) for at in range(first, last, CHUNK))]
    prepare()
    try:
        with multiprocessing.get_context("fork").Pool(jobs or os.cpu_count()) as pool:
            for outcomes in pool.imap(_chunk, chunks):
                for outcome in outcomes:
                    report.add(outcome)
                if report.sessions % (CHUNK * 200) < CHUNK:
                    report.elapsed_s = time.monotonic() - began
                    say(next(iter(report.lines())))
    finally:
        gc.enable()
    report.elapsed_s = time.monotonic() - began
    return report


def kept_seeds() -> list[int]:
    """Give the seeds that once failed."""
    return [int(seed) for seed in json.loads(KEPT.read_text("utf-8"))["seeds"]]


def shrink(seed: int) -> Rates:
    """Find a smaller set of faults with which the seed still fails."""
    rates = Session(seed).rates
    names = [f.name for f in fields(rates) if getattr(rates, f.name) != getattr(CLEAN, f.name)]
    half = max(1, len(names) // 2)
    while half >= 1:
        for at in range(0, len(names), half):
            calmer = replace(rates, **dict.fromkeys(names[at : at + half], 0))
            if Session(seed, calmer).run().violations:
                rates = calmer
        names = [name for name in names if getattr(rates, name) != 0]
        half //= 2
    return rates
