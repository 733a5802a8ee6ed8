"""`ticktick status`: judging beats, and naming what is missing."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from pipeline.run import cli
from pipeline.run.processes import PROCESSES
from pipeline.run.settings import load
from pipeline.run.verbs.status import Row, _page, row_of, what_is_missing

NOW = 1_790_000_000_000
VALID = {"state": "valid"}


@pytest.mark.parametrize(
    ("beat", "state"),
    [
        ({}, "absent"),
        ({"at_ms": str(NOW - 900), "is_done": "0"}, "running"),
        ({"at_ms": str(NOW - 9_000), "is_done": "0"}, "stale"),
        ({"at_ms": str(NOW - 9_000_000), "is_done": "1"}, "done"),
        ({"at_ms": str(NOW + 50)}, "running"),
    ],
)
def test_a_beat_tells_the_state(beat: dict[str, str], state: str):
    assert row_of("orders", beat, NOW).state == state


def test_the_dashboard_is_judged_by_its_port():
    row = Row("dashboard", "absent", 0)
    with socket.socket() as page:
        page.bind(("127.0.0.1", 0))
        page.listen()
        settings = load(overrides={"dashboard.port": page.getsockname()[1]})
        assert _page(row, settings).state == "running"
    assert _page(row, settings).state == "absent"


def all_running(**states: str) -> list[Row]:
    return [Row(name, states.get(name, "running"), 0) for name in PROCESSES]


def test_nothing_is_missing_when_all_is_well():
    assert what_is_missing(all_running(historical_data_fetcher="absent"), "h:1/2", VALID) == ""


def test_what_is_missing_is_one_line_with_commands():
    words = what_is_missing(all_running(orders="absent", live_data="stale"), "h:1/2", {"state": "expired"})
    assert "not running: orders (`ticktick up`)" in words
    assert "live_data" in words
    assert "token expired (`ticktick login --open`)" in words
    assert "\n" not in words
    assert what_is_missing([], "", VALID).startswith("no Redis answers")


def test_without_redis_it_still_tells_and_exits_three(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("REDIS_PORT", "1")
    monkeypatch.setenv("TICKTICK__PATHS__TOKEN", str(tmp_path / "upstox.token.json"))
    (tmp_path / "upstox.token.json").write_text("{")
    (tmp_path / "upstox.token.json").chmod(0o644)
    assert cli.main(["status", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["redis"] is None
    assert told["token"]["state"] == "unreadable"
    assert cli.main(["status"]) == 3
    assert "missing: no Redis answers" in capsys.readouterr().out
