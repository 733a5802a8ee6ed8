"""`ticktick clear` over a real Redis: ours goes, all of it and nothing else; never under a running process."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from unittest.mock import ANY

import pytest

from pipeline.core.schema import EQUITY, HASHES, HEALTH, KEPT, ORDER_CALLS, READS, SERIES, STREAMS, Role
from pipeline.run import cli
from pipeline.run.verbs.clear import clear, patterns
from pipeline.store.client import open_clients


@pytest.fixture(autouse=True)
def _here(redis_urls: Mapping[Role, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for role, url in redis_urls.items():
        monkeypatch.setenv(f"TICKTICK__REDIS__{role.upper()}_URL", url)


def fill(redis_urls: Mapping[Role, str]) -> int:
    """Put one key of every family into its role; return how many."""
    clients, count = open_clients(redis_urls), 0
    for stream in STREAMS:
        clients[stream.role].xadd(stream.name, {"x": 1})
        count += 1
    for series in SERIES:
        clients[series.role].execute_command("TS.ADD", series.key(*("X" for _ in series.labels)), 1, 1)
        count += 1
    for family in (one for one in HASHES if one not in KEPT):
        for role in (family.role,) if family.role is not None else tuple(Role):
            clients[role].hset(family.key(*("job" for _ in family.labels)), "x", 1)
            count += 1
    return count


def test_every_key_of_ours_goes_and_a_strangers_stays(redis_urls: Mapping[Role, str], capsys: pytest.CaptureFixture[str]):
    count = fill(redis_urls)
    clients = open_clients(redis_urls)
    clients[Role.TICKS].set("somebody:else", 1)
    clients[Role.DERIVED].rpush(ORDER_CALLS.name, 1)
    for kept in (READS.key(), EQUITY.key("paper")):
        clients[Role.DERIVED].hset(kept, "x", 1)
    assert cli.main(["clear", "--yes", "--json"]) == 0
    assert sum(json.loads(capsys.readouterr().out)["keys"].values()) == count
    assert {role: client.keys() for role, client in clients.items()} == {
        Role.CANDLES: [],
        Role.TICKS: [b"somebody:else"],
        Role.DERIVED: ANY,
    }
    left = {READS.key().encode(), EQUITY.key("paper").encode(), ORDER_CALLS.name.encode()}
    assert set(clients[Role.DERIVED].keys()) == left, "the broker goes on counting, and the account has its peak"


def test_it_refuses_without_a_yes_and_under_a_running_process(
    redis_urls: Mapping[Role, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    count = fill(redis_urls)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert cli.main(["clear"]) == 4
    assert "add --yes" in capsys.readouterr().err
    open_clients(redis_urls)[Role.DERIVED].hset(HEALTH.key("orders"), mapping={"pid": os.getpid(), "is_done": 0})
    assert cli.main(["clear", "--yes"]) == 4
    assert "processes are running (orders)" in capsys.readouterr().err
    assert sum(clear(open_clients(redis_urls)).values()) == count + 1


def test_thousands_of_keys_go_in_batches(redis_urls: Mapping[Role, str]):
    client = open_clients(redis_urls)[Role.TICKS]
    client.mset({f"tick:S{n}": n for n in range(1_203)})
    assert clear(open_clients(redis_urls))["ticks"] == 1_203


def test_no_redis_is_three(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["clear", "--yes", "--redis-url", "redis://127.0.0.1:1"]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_patterns_have_no_holes():
    assert not [p for role in Role for p in patterns(role) if "{" in p]
