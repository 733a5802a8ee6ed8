"""The simulation of orders at the gate: a thousand seeds, the kept ones, and a few mutants; a million and all mutants at night."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from pipeline.core.broker import LEVELS, Word
from tests.simulation.order_broker import CLEAN, Rates
from tests.simulation.order_emergency import measure
from tests.simulation.order_mutants import MUTANTS, check_all
from tests.simulation.order_run import UNPLACED_BOUND, run
from tests.simulation.order_session import STRINGS, Pull, Session
from tests.simulation.order_watch import unseen, watch_all

pytestmark = pytest.mark.xdist_group("simulation")
FAULTS = (
    "request lost", "reply lost", "slow", "slow beyond the time-out", "refused", "5xx", "5xx taken", "rejected by the exchange", "listing cut",
    "push lost", "push doubled", "feed stall", "trade by hand", "stubborn", "journal lost", "stopped by the kill file", "last resort cut",
    "entry after a resume", "GTT forgotten", "GTT without its stop", "GTT not shown", "filled after its end", "rejected late",
    "rests beyond its protection", "cancellation refused", "stop refused", "address not registered", "change not carried out",
    "quantity raised by hand", "exit by tag",
    "crash before the commit", "crash behind the commit", "crash between requests",
)  # fmt: skip
RARE = frozenset(
    {
        ("CANCELLED", "FILL_PART"),
        ("PENDING_CANCEL", "REFUSE"),
        ("PENDING_CANCEL", "COMPLETE"),
        ("PENDING_MODIFY", "REFUSE"),
        ("FILLED", "FILL_ALL"),
    }
)
"""Pairs of the life cycle that 200 sessions do not walk. A thousand walk all but the last, a fill of what a
person made larger after it was filled: it has a test of its own."""
QUICK = ("5.2.3", "5.2.4", "5.3.2", "6.5")


@pytest.mark.timeout(600)
def test_a_thousand_sessions_break_no_rule():
    report = run(0, 1000)
    for line in report.lines():
        print(line)
    assert [(o.seed, o.violations) for o in report.failed] == []
    assert report.crashes > 5_000
    assert report.placed["clean"] == report.allowed["clean"] > 0, "without faults every allowed intent is placed"
    assert report.unplaced("stated") <= UNPLACED_BOUND


def test_sessions_are_what_they_were_meant_to_be():
    """Counted, since a check that turns most intents away, or a fault that never comes, would leave every verdict green."""
    counts: Counter[str] = Counter()
    for _, _, seen in watch_all(range(200)):
        counts += seen
    assert {name for name in counts if name.startswith("fault ")} >= {f"fault {name}" for name in FAULTS}
    denied = sum(count for name, count in counts.items() if name.startswith("denied "))
    assert counts["request place"] > denied
    unwalked = {tuple(name.split()[1:]) for name in unseen(counts)}
    assert unwalked <= RARE


def test_any_number_of_processes_gives_the_same():
    assert list(watch_all(range(6), 1)) == list(watch_all(range(6), 2))
    one, two = run(0, 6, jobs=1), run(0, 6, jobs=2)
    one.elapsed_s = two.elapsed_s = 1.0
    assert list(one.lines()) == list(two.lines())


def test_each_emergency_string_stops_orders_at_each_level():
    lines = list(measure(10))
    assert [failed for _, failed in lines if failed] == []
    assert [line.split()[:2] for line, _ in lines[: len(LEVELS) * len(STRINGS)]] == [
        [level.value, source] for level in LEVELS for source in STRINGS
    ]
    out = Session(3, CLEAN, Pull(Word.FLATTEN, "file")).run()
    assert out.word_last_ms == 0, "a file is seen by the very next order"
    assert 0 < out.word_flat_ms < 10_000


@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.rule.startswith(QUICK)], ids=lambda m: m.rule)
def test_a_missing_rule_is_noticed(mutant):
    assert mutant.caught_by() is not None


def test_a_seed_is_the_same_under_every_hash_seed():
    told = "from tests.simulation.order_session import Session; s = Session(7); s.run(); print(len(s.broker.received), s.outcome)"
    runs = {
        subprocess.run([sys.executable, "-c", told], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("0", "1", "42")
    }
    assert len(runs) == 1


def test_a_healthy_broker_leaves_nothing_naked_for_long():
    out = Session(0, CLEAN).run()
    assert out.violations == []
    assert max(out.naked_ms) < 3_000


def test_the_stated_rates_are_those_of_the_file():
    assert (Rates().lost, Rates().reply_lost, Rates().slow, Rates().refused, Rates().fault) == (0.06, 0.06, 0.04, 0.02, 0.02)


@pytest.mark.nightly
@pytest.mark.timeout(0)
def test_a_million_sessions():
    first, _, last = os.environ.get("TICKTICK_SEEDS", "0:1000000").partition(":")
    report = run(int(first), int(last), print)
    print("\n".join(report.lines()))
    assert report.is_good(), [(o.seed, o.violations) for o in report.failed[:20]]


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_every_missing_rule_is_noticed():
    assert check_all(print)
