"""`ticktick status`: judging beats, and naming what is missing."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from pipeline.run import cli
from pipeline.run.processes import PROCESSES
from pipeline.run.settings import load
from pipeline.run.verbs.status import Row, _page, feed_words, latency_of, latency_words, row_of, token_of, what_is_missing

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
        assert _page(row, "", settings).state == "running"
        told = f"127.0.0.1:{page.getsockname()[1]}"
        assert _page(row, told, load()).state == "running", "a demo's page is where its session says"
    assert _page(row, "", settings).state == "absent"
    assert _page(row, told, settings).state == "absent"


def test_the_token_is_told_by_the_process_that_uses_it():
    auth = {"state": "valid", "kind": "oauth", "issued_ms": "5", "expires_ms": "7", "next": ""}
    assert token_of(auth, all_running()) == {"state": "valid", "kind": "oauth", "issued_ms": 5, "expires_ms": 7, "next": ""}
    assert token_of(auth, all_running(websocket_client="absent")) == {}, "what a dead process left is not believed"
    assert token_of({}, all_running()) == {}


def all_running(**states: str) -> list[Row]:
    return [Row(name, states.get(name, "running"), 0) for name in PROCESSES]


def test_a_skew_to_another_day_is_no_skew():
    assert "skew" not in feed_words({"state": "connected", "skew_ms": "470013336", "clock_lag_ms": "0"}, has_beat=True)
    assert "skew -38 ms" in feed_words({"state": "connected", "skew_ms": "-38"}, has_beat=True)


def test_nothing_is_missing_when_all_is_well():
    assert what_is_missing(all_running(historical_data_fetcher="absent"), "h:1/2", VALID) == ""


def test_what_is_missing_is_one_line_with_commands():
    words = what_is_missing(all_running(orders="absent", live_data="stale"), "h:1/2", {"state": "expired"})
    assert "not running: orders (`ticktick up`)" in words
    assert "live_data" in words
    assert "token expired (`ticktick login --open`)" in words
    assert "\n" not in words
    assert what_is_missing([], "", VALID).startswith("no Redis answers")


FEED = {
    "state": "connected", "mode": "full", "frames": "48112", "subscribed": "12", "wanted": "15", "unconfirmed": "2", "unconfirmed_names": "TCS, M&M", "stalled": "0", "gaps": "1",
    "folded_rows": "312", "refused_frames": "0", "skew_ms": "-38", "clock_lag_ms": "0",
}  # fmt: skip


def test_the_feed_is_one_line():
    told = "feed connected, 48112 frames · full · 12/15 symbols · 2 unconfirmed (TCS, M&M) · gaps 1 · conflated 312 · refused 0 · skew -38 ms · lag 0 ms"
    assert feed_words(FEED, has_beat=True) == told
    assert feed_words(FEED, has_beat=False).startswith("feed: no beat, last heard connected · full")
    assert feed_words({}, has_beat=False) == "feed unknown, 0 frames"
    assert feed_words({"state": "waiting", "subscribed": "15"}, has_beat=True) == "feed waiting, 0 frames · 15 symbols"


def test_latency_is_numbers_and_the_chain_a_sum():
    ticks = latency_of({"total_p99_us": "1500", "inputs": "9", "worst": '[{"time":"10:00:00","us":1900,"hop":"commit"}]', "note": "text"})
    assert ticks == {"total_p99_us": 1500, "inputs": 9, "worst": [{"time": "10:00:00", "us": 1900, "hop": "commit"}]}
    assert latency_of({"worst": "{"})["worst"] == []
    others = {
        "orders": {"total_p99_us": 20_000, "inputs": 1},
        "live": {"total_p99_us": 0, "inputs": 0},
        "portfolio": {"total_p99_us": 900_000, "inputs": 1},
    }
    assert latency_words({"ticks": ticks, **others}) == "latency, chain p99 21.5 of 500 ms: ticks 1.5, orders 20.0"
    assert latency_words({}) == ""


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
