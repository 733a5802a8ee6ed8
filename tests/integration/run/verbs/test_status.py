"""`ticktick status` over a real Redis."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping

import pytest

from pipeline.broker.throttle import RedisThrottle
from pipeline.broker.windows import Urgency
from pipeline.core.schema import HEALTH, LATENCY, SESSION, Role
from pipeline.run import cli
from pipeline.run.processes import PROCESSES
from pipeline.store.client import open_clients


@pytest.fixture(autouse=True)
def _here(redis_urls: Mapping[Role, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)


def beat(redis_urls: Mapping[Role, str], jobs: list[str]) -> None:
    client = open_clients(redis_urls)[Role.DERIVED]
    for job in jobs:
        fields = {"pid": os.getpid(), "at_ms": time.time_ns() // 1_000_000, "lag_p99_ms": 1.25, "is_done": 0, "last_error": ""}
        client.hset(HEALTH.key(job), mapping=fields)
    client.hset(HEALTH.key("ticks"), mapping={"state": "connected", "frames": 12})
    client.hset(LATENCY.key("ticks"), mapping={"total_p99_us": 1500, "inputs": 9, "worst": "[]"})
    client.hset(SESSION.key(), mapping={"mode": "paper", "maker": "generated seed 7", "date": "2026-11-20"})


def test_all_processes_well_is_zero(redis_urls: Mapping[Role, str], capsys: pytest.CaptureFixture[str]):
    beat(redis_urls, list(PROCESSES.values()))
    assert cli.main(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["state"] for row in told["processes"]} == {"running"}
    assert told["session"]["maker"] == "generated seed 7"
    assert told["latency"] == {"ticks": {"total_p99_us": 1500, "inputs": 9, "worst": []}}
    assert cli.main(["status"]) == 0
    out = capsys.readouterr().out
    assert "generated seed 7" in out
    assert "1.25 ms" in out
    assert "feed connected, 12 frames" in out
    assert "chain p99 1.5 of 500 ms" in out


def test_a_word_that_holds_is_told(redis_urls: Mapping[Role, str], capsys: pytest.CaptureFixture[str]):
    beat(redis_urls, list(PROCESSES.values()))
    open_clients(redis_urls)[Role.DERIVED].hset(HEALTH.key("orders"), "word", "flatten")
    assert cli.main(["status"]) == 0
    assert "FLATTEN holds: no new entries" in capsys.readouterr().out


def test_the_order_rate_is_told_once_it_is_used(redis_urls: Mapping[Role, str], capsys: pytest.CaptureFixture[str]):
    beat(redis_urls, list(PROCESSES.values()))
    assert cli.main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["order_rate"] == []
    throttle = RedisThrottle(open_clients(redis_urls)[Role.DERIVED])
    assert [throttle.take(Urgency.EXIT) for _ in range(3)] == [0, 0, 0]
    assert cli.main(["status"]) == 0
    assert "order calls 3 of 500 in 1 min, 3 of 2,000 in 30 min" in capsys.readouterr().out


def test_a_missing_process_is_named_and_is_three(redis_urls: Mapping[Role, str], capsys: pytest.CaptureFixture[str]):
    beat(redis_urls, [job for job in PROCESSES.values() if job != "orders"])
    assert cli.main(["status"]) == 3
    assert "not running: orders" in capsys.readouterr().out
