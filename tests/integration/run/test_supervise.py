"""A supervisor in a process of its own: kill -9 of a child and of the parent, and Ctrl-C at a terminal's group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 30.0
FAMILY = """
import signal, sys
from pathlib import Path
from pipeline.run.supervise import Policy, Supervisor
def forever():
    while True: signal.pause()
family = Supervisor({name: forever for name in "abc"}, Path(sys.argv[1]), Policy(backoff_min_s=0.01))
family.start()
sys.exit(family.run())
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    proc = subprocess.Popen([sys.executable, "-c", FAMILY, str(tmp_path)], cwd=ROOT, start_new_session=True)
    yield proc
    if proc.poll() is None:
        proc.kill()
    proc.wait()


def state_of(folder: Path) -> dict[str, Any]:
    path = folder / "pids.json"
    wait_for(path.exists)
    return json.loads(path.read_text())


def wait_for(is_true: Any) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Gone, or a zombie that init has yet to take in."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def test_kill_9_of_a_child_brings_another_in_its_place(parent: subprocess.Popen[bytes], tmp_path: Path):
    victim = state_of(tmp_path)["children"]["b"]["pid"]
    others = {n: c["pid"] for n, c in state_of(tmp_path)["children"].items() if n != "b"}
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: state_of(tmp_path)["children"]["b"]["restarts"] == 1)
    after = state_of(tmp_path)["children"]
    assert after["b"]["pid"] != victim
    assert {n: c["pid"] for n, c in after.items() if n != "b"} == others
    assert parent.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's word on a parent's death is Linux")
def test_kill_9_of_the_parent_leaves_nobody_behind(parent: subprocess.Popen[bytes], tmp_path: Path):
    children = [c["pid"] for c in state_of(tmp_path)["children"].values()]
    parent.kill()
    parent.wait()
    wait_for(lambda: all(is_gone(pid) for pid in children))


def test_ctrl_c_for_the_whole_group_ends_the_family_in_order(parent: subprocess.Popen[bytes], tmp_path: Path):
    children = [c["pid"] for c in state_of(tmp_path)["children"].values()]
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.wait(LIMIT_S) == 0
    assert all(is_gone(pid) for pid in children)
    assert not (tmp_path / "pids.json").exists()
