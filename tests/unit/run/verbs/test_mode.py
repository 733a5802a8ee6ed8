"""`ticktick mode`."""

from __future__ import annotations

import json

import pytest

from pipeline.run import cli


def test_it_says_the_mode_its_meaning_and_its_source(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TICKTICK__MODE", "replay")
    assert cli.main(["mode"]) == 0
    assert "mode replay (from TICKTICK__MODE)" in capsys.readouterr().out
    assert cli.main(["mode", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mode"] == "replay"
