"""`ticktick up`: what it refuses before anything starts."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.core.errors import Refused
from pipeline.run import cli, pids
from pipeline.run.processes import PROCESSES
from pipeline.run.verbs import up


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKTICK__PATHS__RUNTIME", str(tmp_path))
    monkeypatch.setenv("TICKTICK__PATHS__LOGS", str(tmp_path))
    monkeypatch.setenv("TICKTICK__SESSION_DATE", "2026-11-20")
    monkeypatch.setenv("REDIS_PORT", "1")


def test_all_by_default_and_some_by_name_in_the_order_of_the_day():
    assert up.chosen([], is_recording=True) == list(PROCESSES)
    assert up.chosen(["orders", "protofolio", "live_data"], is_recording=True) == ["live_data", "orders", "portfolio"]


def test_the_recorder_comes_along_when_it_is_on_or_named():
    assert up.chosen([], is_recording=False) == [name for name in PROCESSES if name != "record_feed"]
    assert up.chosen(["record_feed", "live_data"], is_recording=False) == ["live_data", "record_feed"]


def test_a_misspelt_process_is_refused_with_the_nearest_name():
    with pytest.raises(Refused, match="did you mean 'orders'"):
        up.chosen(["ordrs"], is_recording=False)


def test_no_redis_is_three_and_one_line(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["up"]) == 3
    err = capsys.readouterr().err
    assert "no Redis answers at localhost:1" in err
    assert err.count("\n") == 1


def test_a_day_without_trading_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TICKTICK__SESSION_DATE", "2026-11-22")
    assert cli.main(["up", "-d"]) == 4
    assert "no trading on 2026-11-22" in capsys.readouterr().err


def test_twice_up_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    parent = {"pid": os.getpid(), "born": pids.born(os.getpid())}
    (tmp_path / pids.STATE_FILE).write_text(json.dumps({"parent": parent, "children": {}}))
    assert cli.main(["up"]) == 4
    assert "already up" in capsys.readouterr().err
