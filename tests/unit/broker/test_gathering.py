"""Frames that come thick wait for each other; others do not."""

from pipeline.broker.gathering import ENOUGH, GATHER_NS, Gathering

MS = 1_000_000


def played(apart_ms: float, frames: int, start_ns: int = 10**12) -> tuple[Gathering, int]:
    """Give frames one by one as far apart as said; tell when the last was given."""
    gathering, now = Gathering(), start_ns
    for n in range(frames):
        now = start_ns + int(n * apart_ms * MS)
        gathering.gave([now - 1000], now)
    return gathering, now


def test_sparse_frames_go_on_at_once():
    assert Gathering().until_ns == 0
    assert played(5.0, 1000)[0].until_ns == 0


def test_thick_frames_collect_after_what_was_given_last():
    gathering, now = played(2.5, 1000)
    assert gathering.until_ns == now + GATHER_NS


def test_a_flood_waits_for_no_more_than_enough_frames():
    gathering, now = played(0.1, 1000)
    assert abs(gathering.until_ns - now - ENOUGH * 0.1 * MS) < 1_000
    assert gathering.until_ns - now < GATHER_NS


def test_frames_that_come_together_count_one_by_one():
    gathering, now = Gathering(), 10**12
    for n in range(100):
        now = 10**12 + n * 10 * MS
        gathering.gave([now - k * MS for k in (7, 5, 2, 0)], now)
    assert gathering.until_ns == now + GATHER_NS


def test_a_few_close_frames_are_no_flood_and_a_flood_ends():
    gathering, now = played(50.0, 100)
    for n in range(4):
        gathering.gave([now + n * MS], now + n * MS)
    assert gathering.until_ns == 0
    gathering, now = played(2.0, 1000)
    gathering.gave([now + 700 * MS], now + 700 * MS)
    assert gathering.until_ns == 0


def test_a_read_without_frames_changes_nothing():
    gathering, now = played(2.5, 1000)
    gathering.gave([], now + 5 * MS)
    assert gathering.until_ns == now + GATHER_NS
