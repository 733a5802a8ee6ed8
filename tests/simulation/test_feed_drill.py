"""The feed's drill at the gate's size, and whole at night. The figures are printed by ``python -m tests.simulation.feed_drill``."""

from __future__ import annotations

import pytest

from pipeline.simulator.config import SimulatorConfig
from tests.simulation import feed_drill as drill
from tests.simulation.feed_run import ALL, KEYS, Received, played, unmarked

GATE = drill.Size(rounds=1, reconnects=12, quiet_s=3.0, refusal_s=3.0, slow_s=9.0)
NIGHT = drill.Size()
SIZES = [pytest.param(GATE, id="gate"), pytest.param(NIGHT, id="night", marks=[pytest.mark.nightly, pytest.mark.timeout(1_500)])]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", drill.STALLS)
def test_a_silent_stall_is_found_cured_and_marked(kind, size):
    (row,) = drill.stalls(size, (kind,))
    assert (row["detected"], row["recovered"], row["marked"]) == (size.rounds,) * 3
    assert (row["early"], row["unmarked"]) == (0, 0)


@pytest.mark.parametrize("size", SIZES)
def test_after_a_reconnect_nothing_wanted_is_missing(size):
    (row,) = drill.reconnects(size)
    assert (row["missing"], row["unmarked"]) == (0, 0)
    assert row["connects"] == size.reconnects + 1
    assert (row["wrong_repairs"], row["given_up"]) == (0, 0)
    assert row["repaired"] > 0


def test_a_dead_token_is_tried_once_and_a_new_one_is_found():
    (row,) = drill.token_death(GATE)
    assert row["wasted_tries"] == row["rejected"] == 1
    assert row["state"] == "login needed"
    assert row["recovered"]
    assert (row["marked"], row["unmarked"]) == (1, 0)


@pytest.mark.parametrize("size", SIZES)
def test_refusals_are_borne_with_pauses_and_it_comes_back(size):
    (row,) = drill.refusal(size)
    assert row["recovered"]
    assert row["tries"] >= size.refusal_s / row["cap_s"] / 3, "the pauses are not capped"
    assert row["tries"] <= 4 * size.refusal_s / row["cap_s"], "there are no pauses"
    assert row["pauses_differ"] > 3
    assert row["marked"] == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_slow_server_clock_alarms_nobody_and_is_shown(size):
    (row,) = drill.slow_clock(size)
    assert (row["alarms"], row["connects"], row["refused"]) == (0, 1, 0)
    assert row["skew_beyond_ms"] > 2_500


@pytest.mark.parametrize("size", SIZES)
def test_what_waits_with_us_is_no_stall_of_the_feed(size):
    (row,) = drill.held_back(size)
    assert (row["alarms"], row["alarms_after"], row["connects"], row["unmarked"]) == (0, 0, 1, 0)
    assert row["recovered"]


@pytest.mark.parametrize("size", SIZES)
def test_nothing_happens_in_a_quiet_hour(size):
    rows = drill.quiet(size)
    assert len(rows) == 3
    for row in rows:
        assert (row["reconnects"], row["alarms"], row["resubscribed"]) == (0, 0, 0), row["scenario"]
        assert row["pings"] > 1
    assert rows[1]["quote_checks"] > 0


def test_the_count_of_unmarked_frames_counts():
    """The judge itself: a frame that is taken away is found, a gap over it excuses it, for its paper or for all."""
    config = SimulatorConfig(session="09:15-09:16")
    got = Received()
    for frame in played(config):
        for update in frame.updates:
            got.frames[KEYS.index(update.key)].add(frame.ts)
        got.last_ts = frame.ts
    assert unmarked(config, got, range(15)) == []
    gone = sorted(got.frames[3])[5]
    got.frames[3].discard(gone)
    assert unmarked(config, got, range(15)) == [(gone, 3)]
    assert unmarked(config, got, range(3)) == []
    got.gaps[4].append((gone - 10, gone + 10))
    assert unmarked(config, got, range(15)) == [(gone, 3)]
    for sid in (3, ALL):
        got.gaps[sid].append((gone - 10, gone + 10))
        assert unmarked(config, got, range(15)) == []
        got.gaps[sid].clear()
