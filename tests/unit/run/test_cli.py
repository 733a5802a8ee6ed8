"""The command line: verbs, flags, exit codes, one line for an error."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import types
from pathlib import Path

import pytest

from pipeline.core.errors import Ambiguous, Corrupt, Refused, Stopped, Unauthorised
from pipeline.run import cli

ROOT = Path(__file__).resolve().parents[3]
VERBS = (
    "demo",
    "simulate",
    "replay x",
    "login",
    "status",
    "doctor",
    "up",
    "down",
    "history start",
    "clear",
    "logs clean",
    "mode",
    "subscribe list",
)


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Put a module of ours in the place of `mode`'s."""
    module = types.ModuleType("pipeline.run.verbs.mode")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_alone_it_shows_the_verbs_and_a_wrong_one_is_one_line(capsys: pytest.CaptureFixture[str]):
    assert cli.main([]) == 2
    assert "demo" in capsys.readouterr().err
    assert cli.main(["stauts"]) == 2
    told = capsys.readouterr().err
    assert told == "ticktick: there is no verb 'stauts'; did you mean 'status'?\n"
    assert cli.main(["xyzzy"]) == 2
    assert capsys.readouterr().err == "ticktick: there is no verb 'xyzzy'; `ticktick --help` lists them\n"


@pytest.mark.parametrize("line", VERBS)
def test_every_verb_is_known_and_its_module_exists(line: str):
    args = cli.parser().parse_args(line.split())
    assert importlib.util.find_spec(args.module) is not None


@pytest.mark.parametrize("line", VERBS)
def test_verbs_speak_json(line: str):
    assert cli.parser().parse_args([*line.split(), "--json"]).json is True


def test_demo_takes_the_promised_flags():
    line = "demo --headless --seed 7 --session short --speed max --json --store memory --confirm auto --port 0 --no-browser"
    args = cli.parser().parse_args([*line.split(), "--date", "2026-11-20", "--maker", "generated", "--hold", "--redis-url", "redis://h"])
    assert (args.headless, args.seed, args.session, args.speed, args.store, args.confirm) == (True, 7, "short", 0.0, "memory", "auto")
    assert (args.port, args.no_browser, args.date, args.hold, args.redis_url) == (0, True, "2026-11-20", True, "redis://h")


@pytest.mark.parametrize(
    "line",
    [
        "demo --speed 0",
        "demo --speed fast",
        "demo --speed nan",
        "demo --speed inf",
        "demo --session 9-10",
        "demo --session 10:00-09:30",
        "demo --session 25:00-26:00",
        "demo --port 70000",
        "demo --store disk",
        "replay",
        "login --open --paste",
    ],
)
def test_wrong_usage_is_two(line: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        cli.main(line.split())
    assert left.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["demo --session 09:15-10:00", "demo --speed 0.5", "demo --speed 1e3", "demo --session full"])
def test_right_usage_is_taken(line: str):
    assert cli.parser().parse_args(line.split()).verb == "demo"


@pytest.mark.parametrize(
    ("error", "code"),
    [(Refused("no\nsuch  key"), 4), (Unauthorised("log in"), 4), (Stopped("no Redis"), 3), (Ambiguous("lost"), 1), (Corrupt("bad"), 1)],
)
def test_an_error_is_one_line_and_its_exit_code(error: Exception, code: int, verb: types.ModuleType, capsys: pytest.CaptureFixture[str]):
    def fail(_args: argparse.Namespace) -> int:
        raise error

    verb.main = fail
    assert cli.main(["mode"]) == code
    err = capsys.readouterr().err
    assert err.startswith("ticktick: ")
    assert err.count("\n") == 1


def test_an_error_line_holds_no_secret(verb: types.ModuleType, capsys: pytest.CaptureFixture[str]):
    def fail(_args: argparse.Namespace) -> int:
        raise Refused("redis://:hunter2222@h:1 refused")

    verb.main = fail
    cli.main(["mode"])
    assert "hunter2222" not in capsys.readouterr().err


def test_ctrl_c_is_quiet(verb: types.ModuleType, capsys: pytest.CaptureFixture[str]):
    def leave(_args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    verb.main = leave
    assert cli.main(["mode"]) == cli.INTERRUPTED
    assert capsys.readouterr().err == ""


def test_what_a_verb_returns_is_the_exit_code(verb: types.ModuleType):
    verb.main = lambda _args: 5
    assert cli.main(["mode"]) == 5
    verb.main = lambda _args: None
    assert cli.main(["mode"]) == 0


def test_a_reader_that_goes_away_is_no_error():
    code = f"{sys.executable} -m pipeline.run.cli mode | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


def test_help_imports_nothing_heavy():
    code = "import sys; from pipeline.run import cli; cli.parser(); print([m for m in ('numpy', 'redis', 'aiohttp', 'pydantic') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
