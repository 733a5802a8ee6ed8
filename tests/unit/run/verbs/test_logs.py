"""`ticktick logs clean`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.run import cli


def test_it_cleans_and_says_how_much(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path))
    (tmp_path / "system.log").write_text("x" * 10)
    (tmp_path / "errors.log.2").write_text("x" * 5)
    assert cli.main(["logs", "clean", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["freed_bytes"] == 15
    assert (tmp_path / "system.log").read_text() == ""
    assert not (tmp_path / "errors.log.2").exists()
