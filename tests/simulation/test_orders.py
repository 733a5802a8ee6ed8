"""The simulation of orders at the gate: a thousand seeds, the kept ones, and a few mutants; a million and all mutants at night."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.order_broker import CLEAN, Rates
from tests.simulation.order_mutants import MUTANTS, check_all
from tests.simulation.order_run import UNPLACED_BOUND, run
from tests.simulation.order_session import Session

pytestmark = pytest.mark.xdist_group("simulation")
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
