"""The hops of a turn, what is logged of them, and the slowest of the day."""

from __future__ import annotations

import json

import pytest

from pipeline.core.session import ist_ms
from pipeline.run.latency import WORST, Hops

NOW = ist_ms("2026-09-25", "10:00")


def test_the_hops_add_up_to_the_whole():
    hops = Hops("decode")
    hops.turn([100.0] * 4, 50.0, 250.0, NOW, [20_000.0] * 4)
    told = hops.fields()
    for name, us in {"decode": 100, "step": 50, "commit": 250, "total": 400, "exchange": 20_000}.items():
        assert told[f"{name}_p50_us"] == pytest.approx(us, rel=0.03)
    assert told["inputs"] == 4
    parts = sum(told[f"{name}_p50_us"] for name in ("decode", "step", "commit"))
    assert parts == pytest.approx(told["total_p50_us"], rel=0.05)


def test_a_minute_is_told_once_and_stays_in_the_day():
    hops = Hops("wait")
    assert "exchange" not in hops.names
    hops.turn([1_000.0], 10.0, 10.0, NOW)
    assert hops.minute()["wait_p99_us"] == pytest.approx(1_000, rel=0.03)
    assert hops.minute()["wait_p99_us"] == 0
    hops.turn([5.0], 10.0, 10.0, NOW)
    assert hops.fields()["inputs"] == 2
    assert hops.fields()["wait_p99_us"] == pytest.approx(1_000, rel=0.03)


def test_the_slowest_are_kept_with_the_hop_that_is_to_blame():
    hops = Hops("wait")
    for n in range(40):
        hops.turn([10.0], 10.0, 100.0 + n, NOW + n * 1000)
    hops.turn([90_000.0], 10.0, 10.0, NOW)
    worst = json.loads(hops.fields()["worst"])
    assert len(worst) == WORST
    assert worst[0] == {"time": "10:00:00", "us": 90_020, "hop": "wait"}
    assert {entry["hop"] for entry in worst[1:]} == {"commit"}
    assert [entry["us"] for entry in worst] == sorted((entry["us"] for entry in worst), reverse=True)


def test_another_days_clock_and_an_empty_turn_count_for_nothing():
    hops = Hops("decode")
    hops.turn([], 10.0, 10.0, NOW)
    hops.turn([10.0], 10.0, 10.0, NOW, [86_400e6])
    assert hops.fields()["exchange_p50_us"] == 0
    assert hops.fields()["inputs"] == 1
