"""SIGKILL over orders (its courier with it), portfolio and Redis, in front of a simulator with faults: judged by what the simulator received."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from pipeline.core import schema
from tests.simulation.house_judge import PLACE
from tests.simulation.house_run import House, disturb, house

pytestmark = pytest.mark.xdist_group("processes")


def sit(tmp_path, seed: int, kills: int) -> None:
    with house(tmp_path, seed) as run:
        disturb(run, kills)
        run.settle()
        ledger = run.sim.ledger()
        posts = sum((r["method"], r["path"]) == PLACE for r in ledger["requests"])
        denied = Counter(denial.code for denial in run.records(schema.DENIALS))
        print(
            f"seed {seed}: {dict(run.kills)}, {run.proposals} proposals, {posts} sent, {len(ledger['trades'])} trades, {len(run.spans)} spans, "
            f"denied {dict(denied.most_common())}"
        )
        assert run.differences() == []
        assert run.kills.total() >= kills
        assert posts >= kills, "the house traded between the shots"
        assert {span.kind for span in run.spans} == {"halted", "stale"}
        assert not [a for a in run.records(schema.ALERTS) if a.code in {"position_gone", "adopted"}]
        refuses_to_forget(run)


def refuses_to_forget(run: House) -> None:
    """On a Redis that may lose its last second the order process does not come up again."""
    run.clients[schema.INTENTS.role].config_set("appendfsync", "everysec")
    run.procs["orders"].kill()
    run.launch("orders")
    assert run.procs["orders"].wait() == 4
    assert "may forget orders (appendonly is yes, appendfsync everysec)" in run.procs["orders"].err


@pytest.mark.timeout(600)
def test_twenty_kills(tmp_path):
    sit(tmp_path, 1, 20)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(6))
def test_three_hundred_kills(tmp_path, part):
    """Fifty a part; another ``TICKTICK_SEED`` gives other moments."""
    sit(tmp_path, 100 * int(os.environ.get("TICKTICK_SEED", "2")) + part, 50)
