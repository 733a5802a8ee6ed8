"""`ticktick down`: ends the family of this folder, and only that."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from pipeline.run import cli
from pipeline.run.supervise import Policy, Supervisor


def forever() -> None:
    while True:
        signal.pause()


def test_nothing_up_is_three(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TICKTICK__PATHS__RUNTIME", str(tmp_path))
    assert cli.main(["down"]) == 3
    assert "nothing is up" in capsys.readouterr().err


def test_it_ends_a_running_family(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TICKTICK__PATHS__RUNTIME", str(tmp_path))
    ready, go = os.pipe()
    parent = os.fork()
    if parent == 0:
        family = Supervisor({"a": forever}, tmp_path, Policy())
        family.start()
        os.write(go, b"x")
        family.run()
        os._exit(0)
    os.read(ready, 1)
    reaper = threading.Thread(target=os.waitpid, args=(parent, 0))  # else a zombie would still count as running
    reaper.start()
    assert cli.main(["down"]) == 0
    reaper.join()
    assert "down" in capsys.readouterr().out
    assert not (tmp_path / "pids.json").exists()
