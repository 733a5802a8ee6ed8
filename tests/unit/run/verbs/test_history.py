"""`ticktick history start` is the same door as scripts/historical_data_fetcher.py."""

from __future__ import annotations

import pytest

from pipeline.run import cli


def test_without_redis_it_says_so_in_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.setenv("REDIS_PORT", "1")
    monkeypatch.setenv("TICKTICK__SESSION_DATE", "2026-11-20")
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path))
    assert cli.main(["history", "start"]) == 3
    assert "no Redis answers at localhost:1" in capsys.readouterr().err.splitlines()[-1]
