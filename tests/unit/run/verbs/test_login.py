"""`ticktick login`: what the terminal's side adds; the login itself is tested with authentication/."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest

from pipeline.core.errors import Refused
from pipeline.run import cli
from pipeline.run.redaction import forget_secrets
from pipeline.run.settings import load
from pipeline.run.verbs import login

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MkFCQ0QifQ.c2lnbmF0dXJlc2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKTICK__PATHS__TOKEN", str(tmp_path / "upstox.token.json"))
    monkeypatch.setenv("TICKTICK_CREDENTIALS", str(tmp_path / "credentials.json"))
    for name in ("API_KEY", "API_SECRET", "REDIRECT_URI", "ACCESS_TOKEN"):
        monkeypatch.delenv(f"UPSTOX_{name}", raising=False)
        monkeypatch.delenv(f"UPX_{name}", raising=False)


@pytest.mark.parametrize("kind", ["analytics", "sandbox"])
def test_a_pasted_token_is_stored_private_and_never_shown(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.stdin", io.StringIO(TOKEN + "\n"))
    assert cli.main(["login", f"--{kind}", "--json"]) == 0
    out = capsys.readouterr()
    assert TOKEN not in out.out + out.err
    assert "state" in json.loads(out.out)
    (stored,) = [path for path in tmp_path.iterdir() if path.suffix == ".json"]
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600


@pytest.mark.parametrize("way", ["--open", "--paste"])
def test_missing_credentials_are_named_in_one_line(way: str, capsys: pytest.CaptureFixture[str]):
    assert cli.main(["login", way]) == 4
    err = capsys.readouterr().err
    assert "api_key, api_secret, redirect_uri missing" in err
    assert err.count("\n") == 1


def test_without_a_terminal_and_input_it_does_not_hang(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(Refused, match="no terminal to ask"):
        login._ask("? ")


def test_the_desk_has_the_settings_addresses_and_place():
    settings = load(overrides={"upstox.login_url": "http://127.0.0.1:1", "upstox.total_timeout_s": 3.0})
    desk = login.desk_for(settings)
    assert desk.endpoints.login_url == "http://127.0.0.1:1"
    assert desk.endpoints.total_timeout_s == 3.0
    assert desk.token_path == settings.paths.token
    forget_secrets()
