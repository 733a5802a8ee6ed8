"""`ticktick record`: off it says what to set; a file is judged without Redis."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.run import cli
from pipeline.run.record import Recorder
from pipeline.store.dayfile import DayFile
from pipeline.store.memory import MemoryStore
from tests.fakes.frames import FRAMES, commit, end_others, frame_events, open_session, task


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Record a short day of noise."""
    monkeypatch.setenv("TICKTICK__PATHS__RUNTIME", str(tmp_path))
    store = MemoryStore()
    open_session(store)
    commit(store, FRAMES, frame_events(400), is_end=True)
    end_others(store)
    recorder = Recorder(store, task(tmp_path))
    while not recorder.is_done:
        recorder.turn(0)
    return recorder.path


def test_off_it_is_refused_in_one_line(capsys):
    assert cli.main(["record"]) == 4
    err = capsys.readouterr().err
    assert "set [recorder] enabled = true" in err
    assert err.count("\n") == 1


def test_what_is_in_a_file(path, capsys):
    assert cli.main(["record", "--check", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["events"], found["frames"], found["refused"]) == (402, 400, 400)
    assert found["kinds"] == {"started": 1, "connected": 1, "frame": 400}
    assert (found["holes"], found["gaps"], found["damage"], found["is_whole"], found["is_as_committed"]) == (0, 0, [], True, "yes")
    assert found["bytes"] == path.stat().st_size
    assert found["raw_bytes"] > 400 * 44
    assert found["from"].startswith("1970-01-01 05:30:00")
    assert cli.main(["record", "--check", str(path)]) == 0
    assert "frames  400" in capsys.readouterr().out


def test_a_cut_is_told_and_no_fault(path, capsys):
    with DayFile(path) as held:
        end = held.blocks[-1].end
    path.write_bytes(path.read_bytes()[: end - 10])
    assert cli.main(["record", "--check", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["is_closed"], found["is_as_committed"], found["damage"]) == (False, "unknown", [])


def test_damage_is_told_and_one(path, capsys):
    blob = bytearray(path.read_bytes())
    with DayFile(path) as held:
        block = held.blocks[0]
    blob[block.end - 10] ^= 1
    path.write_bytes(blob)
    assert cli.main(["record", "--check", str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["damage"] == [f"byte {block.offset}, {block.end - block.offset} bytes: a block that does not match its checksum"]
    assert not found["is_whole"]


def test_a_hole_is_told_and_one(tmp_path, capsys):
    store = MemoryStore()
    open_session(store)
    commit(store, FRAMES, frame_events(400), is_end=True)
    store.trim(FRAMES, 100)
    end_others(store)
    recorder = Recorder(store, task(tmp_path))
    while not recorder.is_done:
        recorder.turn(0)
    assert cli.main(["record", "--check", str(recorder.path)]) == 1
    out = capsys.readouterr().out
    assert "missed  frames 302" in out
    assert "holes  1" in out


def test_what_is_no_day_file_is_refused(tmp_path, capsys):
    (tmp_path / "x").write_text("y")
    assert cli.main(["record", "--check", str(tmp_path / "x")]) == 4
    assert "no day file" in capsys.readouterr().err
