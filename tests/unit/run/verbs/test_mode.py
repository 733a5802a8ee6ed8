"""`ticktick mode`: telling it, weighing another, and setting it only when a person says so."""

from __future__ import annotations

import io
import json
import shutil
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from pipeline.run import cli, preflight
from pipeline.run.options import Mode
from pipeline.run.preflight import Point
from pipeline.run.settings import SHIPPED_ROOT, load
from pipeline.run.verbs import mode
from pipeline.run.verbs.mode import phrase, with_mode


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    shutil.copy(SHIPPED_ROOT / "config" / "risk.toml", folder)
    monkeypatch.setenv("TICKTICK_CONFIG", str(folder))
    monkeypatch.setenv("TICKTICK__PATHS__RUNTIME", str(tmp_path / "run"))
    return folder


class Typed(io.StringIO):
    def isatty(self) -> bool:
        return True


def allow(monkeypatch: pytest.MonkeyPatch, **points: bool) -> None:
    found = [Point(name, is_met, True, "seen") for name, is_met in (points or {"token": True}).items()]
    monkeypatch.setattr(preflight, "points", lambda _settings: found)


def say(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Typed(text + "\n"))


def test_it_says_the_mode_its_meaning_and_its_source(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TICKTICK__MODE", "replay")
    assert cli.main(["mode"]) == 0
    assert "mode replay (from TICKTICK__MODE)" in capsys.readouterr().out
    assert cli.main(["mode", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mode"] == "replay"


def test_every_mode_has_its_meaning():
    assert set(mode.MEANING) == set(get_args(Mode))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'mode = "live-real"\n'),
        ('mode = "paper"          # paper | replay\nmaker = "x"\n', 'mode = "live-real"  # paper | replay\nmaker = "x"\n'),
        ('maker = "x"\n[feed]\nmode = "full"\n', 'mode = "live-real"\nmaker = "x"\n[feed]\nmode = "full"\n'),
        ("  mode='paper'\n", 'mode = "live-real"\n'),
        ("# mode = 1\nmode = 'paper'", '# mode = 1\nmode = "live-real"\n'),
    ],
)
def test_only_the_mode_of_a_file_is_changed(text: str, expected: str):
    assert with_mode(text, "live-real") == expected
    assert tomllib.loads(with_mode(text, "live-real"))["mode"] == "live-real"


def test_real_money_is_set_by_typing_it_with_its_amount(own: Path, capsys, monkeypatch):
    allow(monkeypatch)
    say(monkeypatch, "REAL MONEY 10,00,000.00")
    assert cli.main(["mode", "set", "live-real"]) == 0
    assert "REAL MONEY" in capsys.readouterr().err
    assert load().mode == "live-real"
    assert cli.main(["mode", "set", "paper"]) == 0
    assert load().mode == "paper", "the way back needs no word"


@pytest.mark.parametrize("typed", ["", "y", "live-real", "REAL MONEY", "real money 10,00,000.00", "REAL MONEY 10,00,000.01"])
def test_anything_else_changes_nothing(own: Path, capsys, monkeypatch, typed: str):
    allow(monkeypatch)
    say(monkeypatch, typed)
    assert cli.main(["mode", "set", "live-real"]) == 4
    assert "nothing was changed" in capsys.readouterr().err
    assert not (own / "settings.toml").exists()


def test_no_terminal_no_live_mode(own: Path, capsys, monkeypatch):
    allow(monkeypatch)
    monkeypatch.setattr("sys.stdin", io.StringIO("live-sandbox\n"))
    assert cli.main(["mode", "set", "live-sandbox"]) == 4
    assert "by a person at a terminal" in capsys.readouterr().err


def test_a_required_point_that_is_not_met_forbids_it_whatever_is_typed(own: Path, capsys, monkeypatch):
    allow(monkeypatch, token=True, audit=False)
    say(monkeypatch, "live-sandbox")
    assert cli.main(["mode", "set", "live-sandbox"]) == 1
    assert "not allowed: audit" in capsys.readouterr().out
    assert not (own / "settings.toml").exists()
    assert cli.main(["mode", "preflight", "live-sandbox", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["may"], told["set"], [p["name"] for p in told["points"]]) == (False, False, ["token", "audit"])


def test_what_cannot_be_set_from_here_is_one_line(own: Path, capsys, monkeypatch, tmp_path):
    allow(monkeypatch)
    for words, line in ((["set", "live"], "did you mean 'live-real'"), (["set"], "is none to set"), (["set", "replay"], "is none to set")):
        assert cli.main(["mode", *words]) == 4
        assert line in capsys.readouterr().err
    monkeypatch.setattr(mode, "read_state", lambda _folder: {"parent": {}})
    assert cli.main(["mode", "set", "paper"]) == 4
    assert "never changed under them" in capsys.readouterr().err
    monkeypatch.setenv("TICKTICK__MODE", "paper")
    assert cli.main(["mode", "set", "paper"]) == 4
    assert "unset it first" in capsys.readouterr().err
    monkeypatch.delenv("TICKTICK__MODE")
    monkeypatch.delenv("TICKTICK_CONFIG")
    assert cli.main(["mode", "set", "live-real"]) == 4
    assert "name it in TICKTICK_CONFIG" in capsys.readouterr().err
    assert cli.main(["mode", "preflight", "live-real"]) == 4
    assert "needs risk limits of your own" in capsys.readouterr().err


def test_the_phrase_holds_what_is_at_stake(own: Path):
    assert phrase(load(overrides={"mode": "live-real", "risk.capital_paise": 50_000_00})) == "REAL MONEY 50,000.00"
    assert phrase(load(overrides={"mode": "live-sandbox"})) == "live-sandbox"
