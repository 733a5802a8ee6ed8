import pytest

from pipeline.broker.shared_quota import FileLedger
from pipeline.core.errors import Refused
from pipeline.run.reads import reads_of
from tests.fakes.settings import settings_in


def settings(folder, **given):
    return settings_in(folder, **{"redis.port": 1, "paths.runtime": str(folder), **given})


def test_the_own_pace_and_the_shared_file(tmp_path):
    budget = reads_of(settings(tmp_path), 1.0)
    assert [type(ledger) for ledger in budget._ledgers] == [FileLedger]
    assert budget.reserve(0) < 100
    assert budget.reserve(0) >= 1_000
    assert (tmp_path / "reads.ledger").stat().st_size == 16


def test_a_hurried_clock_is_for_a_simulator_alone(tmp_path):
    with pytest.raises(Refused, match=r"history\.pace = 10"):
        reads_of(settings(tmp_path, **{"history.pace": 10.0}), 1.0)
    fast = reads_of(settings(tmp_path, **{"history.pace": 10.0, "upstox.rest_url": "http://127.0.0.1:1"}), 1.0)
    fast.reserve(0)
    assert 100 <= fast.reserve(0) < 300
