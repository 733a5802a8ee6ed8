import time

import numpy as np
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from pipeline.broker.quota import SHARED_READS, STANDARD_READS, Limit
from pipeline.broker.shared_quota import FileLedger, SharedReads, booked, ledgers_at
from pipeline.store.server import free_port

LIMITS = (Limit(3, 100), Limit(10, 1_000))


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_a_ledger_keeps_the_limits_over_all_who_book(pauses):
    held, now, at = b"", 1_000, []
    for pause in pauses:
        now += pause
        held, when = booked(held, LIMITS, now)
        at.append(when)
    for limit in LIMITS:
        assert all(b - a >= limit.window_ms for a, b in zip(at, at[limit.calls :], strict=False))


def test_a_clock_that_was_set_back_does_not_block_for_ever_and_a_torn_file_is_read():
    held = np.array([10**12], "<i8").tobytes()
    assert booked(held, LIMITS, 1_000)[1] == 1_000
    assert booked(b"abc", LIMITS, 1_000)[1] == 1_000
    assert booked(np.array([990, 980, 1_000], "<i8").tobytes(), LIMITS, 1_000)[1] == 1_080


def test_our_share_is_below_the_published_limits():
    for ours, theirs in zip(SHARED_READS, STANDARD_READS, strict=True):
        assert ours.window_ms == theirs.window_ms
        assert theirs.calls * 0.9 <= ours.calls < theirs.calls


def test_two_processes_share_a_file(tmp_path):
    one, two = (SharedReads((Limit(100, 1),), (FileLedger(tmp_path / "run" / "x"),), (Limit(2, 60_000),)) for _ in range(2))
    now = time.monotonic_ns() // 1_000_000
    assert one.reserve(now) - now < 1_000
    assert two.reserve(now) - now < 1_000
    assert two.reserve(now) - now > 50_000
    assert oct((tmp_path / "run" / "x").stat().st_mode & 0o777) == "0o600"


def test_a_ledger_that_is_away_leaves_the_other_in_force(tmp_path):
    """A process that began before Redis did books in the file alone, and is seen by those that came after."""
    early = SharedReads((Limit(100, 1),), (FileLedger(tmp_path / "x"),), (Limit(2, 60_000),))
    late = SharedReads((Limit(100, 1),), (FileLedger(tmp_path / "x"), Away()), (Limit(2, 60_000),))
    now = time.monotonic_ns() // 1_000_000
    assert early.reserve(now) - now < 1_000
    assert late.reserve(now) - now < 1_000
    assert late.reserve(now) - now > 50_000
    assert early.reserve(now) - now > 50_000


class Away:
    def __init__(self):
        self.asked = 0

    def book(self, _limits):
        self.asked += 1
        raise redis.ConnectionError("gone")


def test_without_a_ledger_the_limits_are_kept_alone_and_it_is_said_once(caplog):
    budget = SharedReads((Limit(1, 100),), (away := Away(),), (Limit(2, 1_000),))
    assert [budget.reserve(0) for _ in range(3)] == [0, 100, 1_000]
    assert away.asked == 1, "it is left alone for a while"
    assert [r.message for r in caplog.records] == ["a ledger of the shared read quota is away: keeping it without"]


def test_the_file_stands_in_where_no_redis_answers(tmp_path):
    (ledger,) = ledgers_at(f"redis://127.0.0.1:{free_port()}/2", tmp_path / "x")
    assert isinstance(ledger, FileLedger)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        FileLedger(tmp_path / "file" / "x").book(LIMITS)
