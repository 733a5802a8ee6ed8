"""`ticktick doctor`: each check sees what it should, and one broken thing does not hide the others."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from pipeline.run import cli
from pipeline.run.redaction import forget_secrets
from pipeline.run.settings import load, origins
from pipeline.run.verbs import doctor


@pytest.fixture(autouse=True)
def _no_redis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REDIS_PORT", "1")
    monkeypatch.setenv("TICKTICK_CREDENTIALS", str(tmp_path / "credentials.json"))
    monkeypatch.setenv("TICKTICK__PATHS__TOKEN", str(tmp_path / "upstox.token.json"))
    for name in ("API_KEY", "API_SECRET", "REDIRECT_URI", "ACCESS_TOKEN"):
        monkeypatch.delenv(f"UPSTOX_{name}", raising=False)
        monkeypatch.delenv(f"UPX_{name}", raising=False)


def levels(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    return {row["name"]: row["level"] for row in json.loads(capsys.readouterr().out)["findings"]}


def test_every_check_reports_and_only_redis_fails_here(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["doctor", "--json"]) == 1
    found = levels(capsys)
    assert found["redis"] == "fail"
    assert {found[name] for name in ("python", "packages", "talib", "decoder", "symbols", "settings")} == {"ok"}
    assert {found[name] for name in ("credentials", "token")} == {"warn"}


def test_for_a_person_it_is_one_line_a_finding_and_the_settings_on_request(capsys: pytest.CaptureFixture[str]):
    cli.main(["doctor"])
    assert "no Redis answers at localhost:1" in capsys.readouterr().out
    cli.main(["doctor", "--settings"])
    out = capsys.readouterr().out
    assert all(key in out for key in origins(load()))
    assert "REDIS_PORT" in out


def test_secrets_in_settings_are_masked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TICKTICK__REDIS__DERIVED_URL", "redis://:topsecret9@127.0.0.1:1/2")
    cli.main(["doctor", "--settings", "--json"])
    assert "topsecret9" not in capsys.readouterr().out
    forget_secrets()


def test_a_taken_port_is_seen():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        (finding,) = doctor.check_port(load(overrides={"dashboard.port": taken.getsockname()[1]}))
    assert finding.level == "warn"
    assert "cannot be taken" in finding.words


def test_a_page_open_to_others_is_warned_of():
    (finding,) = doctor.check_port(load(overrides={"dashboard.host": "0.0.0.0", "dashboard.port": 0}))
    assert finding.level == "warn"


def test_credentials_are_judged_by_completeness_mode_and_redirect(tmp_path: Path):
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({"api_key": "k", "api_secret": "hushhush1", "redirect_uri": "http://127.0.0.1:9/x"}))
    path.chmod(0o600)
    good, other = doctor.check_credentials(load())
    assert "mode 600" in good.words
    assert other.level == "warn"
    assert "http://127.0.0.1:9/x" in other.words
    assert "hushhush1" not in good.words + other.words
    path.chmod(0o644)
    (bad,) = doctor._safely(doctor.check_credentials, load())
    assert bad.level == "fail"


def test_a_malformed_watchlist_fails_in_one_line(tmp_path: Path):
    (tmp_path / "symbols.json").write_text("[{]")
    (finding,) = doctor._safely(doctor.check_symbols, load(overrides={"paths.symbols": str(tmp_path / "symbols.json")}))
    assert finding.level == "fail"
    assert "\n" not in finding.words


def test_the_golden_frame_is_the_documented_one():
    (finding,) = doctor.check_decoder(load())
    assert finding.level == "ok"
