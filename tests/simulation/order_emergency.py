"""From an emergency string to the last order that opens something, to the last fill of one, and to flat, at random moments of a session.

Every level (pause: no entries; halt: working ones are cancelled too; flatten: and everything is closed; kill: the broker is asked to, past
the order manager, which keeps its hands off for 45 s and closes what is left then), pulled by each string, with a broker that answers and with the faults of section 3.4. A click and a command travel for up to 60 ms, a file is seen within
a quarter of a second by whoever beats, and by an order that is about to leave at once. Times are of the simulation.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from itertools import product

from pipeline.core.broker import LEVELS, Word
from tests.simulation.order_broker import CLEAN, Rates
from tests.simulation.order_run import CHUNK, prepare, quantile
from tests.simulation.order_session import STRINGS, Outcome, Pull, Session

BROKERS = {"healthy": CLEAN, "stated faults": Rates()}


def _moments(what: tuple[str, Pull, range]) -> list[Outcome]:
    broker, pull, seeds = what
    return [Session(seed, BROKERS[broker], pull).run() for seed in seeds]


def measure(moments: int, jobs: int = 0) -> Iterator[tuple[str, list[Outcome]]]:
    """Pull each string at so many moments; give a line for each case, and the sessions that broke a rule."""
    prepare()
    cases = [(name, Pull(level, source)) for name, level, source in product(BROKERS, LEVELS, STRINGS)]
    with multiprocessing.get_context("fork").Pool(jobs or os.cpu_count()) as pool:
        for name, pull in cases:
            chunks = [(name, pull, range(at, min(at + CHUNK, moments))) for at in range(0, moments, CHUNK)]
            outcomes = [outcome for chunk in pool.imap(_moments, chunks) for outcome in chunk]
            yield _line(name, pull, outcomes), [outcome for outcome in outcomes if outcome.violations]


def _line(name: str, pull: Pull, outcomes: list[Outcome]) -> str:
    told = [
        f"{what} p50 {quantile(ms, 0.5):,} p99 {quantile(ms, 0.99):,} max {max(ms):,}"
        for what, ms in (
            ("last opening order", Counter(o.word_last_ms for o in outcomes)),
            ("its last fill", Counter(o.word_filled_ms for o in outcomes)),
            ("flat", Counter(o.word_flat_ms for o in outcomes)),
        )
        if what != "flat" or pull.word in {Word.FLATTEN, Word.KILL}
    ]
    return f"{pull.word.value:<8} {pull.source:<8} {name:<14} {len(outcomes):,} moments, ms: {'; '.join(told)}"
