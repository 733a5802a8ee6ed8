"""SIGKILL over orders, portfolio and Redis, in front of a simulator with faults: judged by what the simulator received."""

from __future__ import annotations

import os

import pytest

from pipeline.core import schema
from tests.simulation.house_run import disturb, house

pytestmark = pytest.mark.xdist_group("processes")


def sit(tmp_path, seed: int, kills: int) -> None:
    with house(tmp_path, seed) as run:
        disturb(run, kills)
        run.settle()
        assert run.differences() == []
        assert run.kills.total() == kills
        ledger = run.sim.ledger()
        print(f"{dict(run.kills)}, {run.proposals} proposals, {len(ledger['orders'])} orders, {len(ledger['trades'])} trades")
        assert ledger["trades"], "something was traded at all"
        assert not [a for a in run.records(schema.ALERTS) if a.code in {"position_gone", "adopted"}]


@pytest.mark.timeout(400)
def test_twenty_kills(tmp_path):
    sit(tmp_path, 1, 20)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_three_hundred_kills(tmp_path):
    sit(tmp_path, int(os.environ.get("TICKTICK_SEED", "2")), 300)
