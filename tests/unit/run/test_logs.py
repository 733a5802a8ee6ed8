"""Log files: the promised greps work, lines are whole, rotation loses nothing, secrets stay out."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.run import logs
from pipeline.run.redaction import forget_secrets, register_secret
from pipeline.run.settings import Settings, load


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    yield load(environ={}, overrides={"paths.logs": str(tmp_path)})
    forget_secrets()
    root = logging.getLogger(logs.ROOT_LOGGER)
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()


def lines(folder: Path, name: str) -> list[dict]:
    path = folder / name
    return [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []


def test_each_category_goes_to_its_file_and_all_to_system(settings: Settings, tmp_path: Path):
    log = logs.setup("live", settings, console=False)
    log.info("frame decoded")
    log.info("order filled", extra={"category": "TRADE", "fields": {"symbol": "TCS", "qty": 3}})
    log.info("beat", extra={"category": "PERFORMANCE", "fields": {"p99_ms": 1.5}})
    log.getChild("broker").error("feed refused")
    assert [row["category"] for row in lines(tmp_path, "system.log")] == ["STEP", "TRADE", "PERFORMANCE", "ERROR"]
    assert [row["event"] for row in lines(tmp_path, "errors.log")] == ["feed refused"]
    assert [row["symbol"] for row in lines(tmp_path, "trades.log")] == ["TCS"]
    assert [row["p99_ms"] for row in lines(tmp_path, "performance.log")] == [1.5]
    raw = (tmp_path / "system.log").read_text().splitlines()
    assert [("ERROR" in row, "PERFORMANCE" in row) for row in raw] == [(False, False), (False, False), (False, True), (True, False)]


def test_a_line_tells_indian_time_and_epoch(settings: Settings, tmp_path: Path):
    logs.setup("live", settings, console=False).getChild("feed").info("connected")
    (row,) = lines(tmp_path, "system.log")
    assert row["ts"].endswith("+05:30")
    assert row["process"] == "live"
    assert row["part"] == "feed"
    assert row["pid"] == os.getpid()
    assert isinstance(row["ms"], int)


def test_secrets_are_taken_out_of_messages_fields_and_tracebacks(settings: Settings, tmp_path: Path):
    register_secret('p@ss"w\\ord+1')
    log = logs.setup("live", settings, console=False)
    log.info("key %s", 'p@ss"w\\ord+1', extra={"fields": {"header": "Bearer abcdefgh1234", "deep": {"x": ['p@ss"w\\ord+1']}}})
    try:
        hidden = "a local that must not show"
        raise ValueError('failed with p@ss"w\\ord+1')
    except ValueError:
        log.exception("broken")
    text = (tmp_path / "system.log").read_text()
    assert "ord+1" not in text
    assert "abcdefgh1234" not in text
    assert hidden not in text.replace('hidden = \\"a local', "")
    assert lines(tmp_path, "errors.log")[0]["error"] == "ValueError"
    assert "Traceback" in lines(tmp_path, "errors.log")[0]["traceback"]


def test_one_event_is_one_line_whatever_it_holds(settings: Settings, tmp_path: Path):
    log = logs.setup("live", settings, console=False)
    log.info("two\nlines \x1b[31m \u2028 end", extra={"fields": {"nan": float("nan"), "inf": float("inf"), "event": "taken", 3: object}})
    log.info("bad format %d", "x")
    rows = lines(tmp_path, "system.log")
    assert len(rows) == 2
    assert rows[0]["event"].startswith("two\nlines")
    assert rows[0]["nan"] == "nan"
    assert "bad format" in rows[1]["event"]
    assert "\x1b" not in (tmp_path / "system.log").read_text()


def test_setup_again_replaces_the_handlers(settings: Settings, tmp_path: Path):
    logs.setup("parent", settings, console=False)
    logs.setup("child", settings, console=False).info("once")
    assert [row["process"] for row in lines(tmp_path, "system.log")] == ["child"]


def test_rotation_keeps_every_line_up_to_the_kept_files(tmp_path: Path):
    file = logs.AppendFile(tmp_path / "system.log", limit=100, keep=3)
    for number in range(40):
        file.write(f"{number:09d}\n".encode())
    file.close()
    kept = [tmp_path / "system.log", *(tmp_path / f"system.log.{n}" for n in (1, 2, 3))]
    assert not (tmp_path / "system.log.4").exists()
    assert [int(row) for path in reversed(kept) for row in path.read_text().splitlines()] == list(range(40))


def test_a_line_longer_than_the_limit_still_gets_in(tmp_path: Path):
    file = logs.AppendFile(tmp_path / "system.log", limit=10, keep=1)
    file.write(b"x" * 50 + b"\n")
    file.write(b"y" * 50 + b"\n")
    file.close()
    assert (tmp_path / "system.log.1").read_text() == "x" * 50 + "\n"
    assert (tmp_path / "system.log").read_text() == "y" * 50 + "\n"


def test_two_writers_follow_each_others_rotation(tmp_path: Path):
    first, second = (logs.AppendFile(tmp_path / "system.log", limit=60, keep=50) for _ in range(2))
    for number in range(60):
        (first if number % 3 else second).write(f"{number:09d}\n".encode())
    rows = [row for path in tmp_path.glob("system.log*") for row in path.read_text().splitlines()]
    assert sorted(rows) == [f"{n:09d}" for n in range(60)]


def test_many_processes_write_whole_lines_while_rotating(tmp_path: Path):
    children = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            file = logs.AppendFile(tmp_path / "system.log", limit=4_000, keep=100)
            for line in range(300):
                file.write(f"{number}-{line:04d}-{'x' * 40}\n".encode())
            os._exit(0)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4
    rows = [row for path in tmp_path.glob("system.log*") for row in path.read_text().splitlines()]
    assert sorted(rows) == sorted(f"{n}-{k:04d}-{'x' * 40}" for n in range(4) for k in range(300))


def test_console_lines_are_plain_without_a_terminal_and_hide_control_characters(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    out = io.StringIO()
    monkeypatch.setattr("sys.stderr", out)
    logs.setup("live", settings).warning("look \x1b[2J here", extra={"fields": {"n": 3}})
    assert "WARNING live: look \\x1b[2J here n=3" in out.getvalue()
    assert "\x1b" not in out.getvalue()


EVENT = {
    "id": "1-0", "side": "BUY", "order_qty": "34", "symbol": "RELIANCE", "purpose": "entry", "status": "PARTIAL", "cum_qty": "10", "reason": "R1",
}  # fmt: skip
FILL = {"id": "1-0", "trade_id": "P1-1", "side": "SELL", "symbol": "M&M", "last_qty": "10", "last_paise": "370295", "purpose": "stop"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (EVENT, ""),
        (EVENT | {"status": "CANCELLED", "reason": ""}, "BUY 34 RELIANCE (entry) cancelled"),
        (EVENT | {"status": "DENIED", "cum_qty": "0", "reason": "stale_quote"}, "BUY 34 RELIANCE (entry) denied: stale_quote"),
        (EVENT | {"status": "DENIED", "cum_qty": "0", "reason": "expired"}, ""),
        (FILL, "SELL 10 M&M filled at 3,702.95 (stop)"),
        ({"id": "1-0", "cause": "entry|x", "side": "BUY", "symbol": "TCS", "qty": "3"}, ""),
    ],
)
def test_a_terminal_hears_of_orders_in_words(settings: Settings, monkeypatch: pytest.MonkeyPatch, fields, words):
    monkeypatch.setattr("sys.stderr", out := io.StringIO())
    logger = logs.setup("orders", settings)
    logger.info("orders", extra={"category": "TRADE", "fields": fields})
    logger.info("lag", extra={"category": "PERFORMANCE", "fields": {"lag_p50_ms": 1.0}})
    logger.info("ready", extra={"fields": {"job": "orders", "cursors": {}, "replayed": 0}})
    heard = [line.partition(" orders: ")[2] for line in out.getvalue().splitlines()]
    assert heard == [*([words] if words else []), "ready replayed=0"]


def test_colour_on_a_terminal_unless_told_not_to(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stderr", coloured := Terminal())
    logs.setup("live", settings).error("red")
    assert coloured.getvalue().startswith("\x1b[31m")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stderr", plain := Terminal())
    logs.setup("live", settings).error("plain")
    assert "\x1b" not in plain.getvalue()


def test_a_terminal_that_went_away_does_not_stop_the_process(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    closed = io.StringIO()
    monkeypatch.setattr("sys.stderr", closed)
    log = logs.setup("live", settings)
    closed.close()
    log.info("still here")
    assert lines(tmp_path, "system.log")[0]["event"] == "still here"


def test_clean_empties_live_files_and_removes_rotated_ones_under_a_writer(settings: Settings, tmp_path: Path):
    log = logs.setup("live", settings, console=False)
    log.info("before")
    (tmp_path / "system.log.1").write_text("old\n")
    (tmp_path / "other.txt").write_text("not ours\n")
    assert logs.clean(tmp_path) > 0
    log.info("after")
    assert [row["event"] for row in lines(tmp_path, "system.log")] == ["after"]
    assert not (tmp_path / "system.log.1").exists()
    assert (tmp_path / "other.txt").exists()
