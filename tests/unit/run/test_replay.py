"""`ticktick replay`: what it says before and after a day file is played."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import __version__
from pipeline.run import cli, replay
from pipeline.run.dayfacts import flat
from pipeline.run.playback import Contents
from pipeline.run.settings import load
from pipeline.store.dayfile import Record, RecordKind
from tests.unit.run.test_playback import file

DIGESTS = {"ticks": "a", "frames": "b", "recommendations": "c", "orders": "d", "confirmations:auto": "e", "portfolio:minutes": "f"}


def held(*, is_cut: bool = False, missed: dict[str, int] | None = None, **facts: Any) -> Contents:
    given = {"is_headless": True, "program": __version__, "parameters": flat(load(environ={}).params) | {"orders.confirm": "auto"}, **facts}
    return Contents(given, (), DIGESTS, missed or {}, is_cut)


def test_a_headless_day_is_compared_whole_a_live_one_up_to_what_people_decide():
    assert replay.compared(held()) == ["confirmations:auto", "orders", "portfolio:minutes", "recommendations", "ticks"]
    assert replay.compared(held(is_headless=False)) == ["recommendations", "ticks"]


def test_verify_names_what_differs_or_is_missing():
    same = {name: digest for name, digest in DIGESTS.items() if name != "frames"}
    assert replay.verify(held(), same) == []
    assert replay.verify(held(), same | {"ticks": "x"}) == ["ticks"]
    assert replay.verify(held(), {"ticks": "a"}) == ["confirmations:auto", "orders", "portfolio:minutes", "recommendations"]


def test_parameters_that_differ_are_named():
    settings = load(environ={}, overrides={"ticks.window": 10, "ticks.ltp_interval_ms": 9, "strategies.ema_momentum.new": 2.0})
    assert replay.differences(held(), load(environ={})) == []
    assert replay.differences(held(), settings) == ["strategies.ema_momentum.new was None, is 2.0", "ticks.window was 300, is 10"]
    asked = held(parameters=flat(load(environ={}).params))
    assert replay.differences(asked, load(environ={})) == ["orders.confirm was ask, is auto"]


def test_what_of_the_day_is_not_in_the_file_is_said():
    assert replay.warnings(held()) == []
    said = replay.warnings(held(is_cut=True, missed={"frames": 3}, program="0.0.1"))
    assert said[0] == "3 entries of frames are missing in the recording"
    assert "not ended cleanly" in said[1]
    assert said[2].startswith("recorded by version 0.0.1")


def test_nothing_to_verify_by(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TICKTICK__PATHS__RUNTIME", str(tmp_path / "run"))
    path = file(tmp_path, [Record(RecordKind.HISTORY)])
    assert cli.main(["replay", str(path), "--verify"]) == 4
    assert "holds no digests" in capsys.readouterr().err
    (tmp_path / "folder").mkdir()
    assert cli.main(["replay", str(tmp_path / "folder"), "--verify"]) == 4
    assert "can be verified" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys):
    path = file(tmp_path, [])
    blob = bytearray(path.read_bytes())
    blob[20] ^= 1
    path.write_bytes(blob)
    assert cli.main(["replay", str(path)]) == 4
    err = capsys.readouterr().err
    assert "damaged in its header" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", sorted(replay.SHOWN_ONLY))
def test_what_is_only_shown_is_a_parameter(name):
    assert name in flat(load(environ={}).params)
