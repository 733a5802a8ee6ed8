"""Process identities and the state file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.core.errors import Refused
from pipeline.run import pids


def write(folder: Path, pid: int, born: int) -> None:
    (folder / pids.STATE_FILE).write_text(json.dumps({"parent": {"pid": pid, "born": born}, "children": {}}))


def test_no_file_means_nothing_runs(tmp_path: Path):
    assert pids.read_state(tmp_path) is None


def test_a_living_parent_is_found(tmp_path: Path):
    write(tmp_path, os.getpid(), pids.born(os.getpid()))
    state = pids.read_state(tmp_path)
    assert state is not None
    assert state["parent"]["pid"] == os.getpid()


def test_another_process_with_the_same_id_is_not_ours(tmp_path: Path):
    write(tmp_path, os.getpid(), pids.born(os.getpid()) + 1)
    assert pids.read_state(tmp_path) is None


def test_a_dead_parent_does_not_count(tmp_path: Path):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    write(tmp_path, pid, 0)
    assert pids.read_state(tmp_path) is None
    assert pids.born(pid) == 0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"parent": 3}', '{"parent": {"pid": "x", "born": 0}}'])
def test_a_damaged_file_is_refused_in_one_line(text: str, tmp_path: Path):
    (tmp_path / pids.STATE_FILE).write_text(text)
    with pytest.raises(Refused, match=r"pids.json cannot be read"):
        pids.read_state(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no /proc here")
def test_shares_of_memory_are_read():
    shares = dict(pids.pss_kib({"me": os.getpid(), "gone": 2**22 + 1}))
    assert list(shares) == ["me"]
    assert shares["me"] > 1000


def test_who_is_dead_is_known_and_in_doubt_nobody_is():
    assert not pids.is_dead(os.getpid(), pids.born(os.getpid()))
    assert not pids.is_dead(os.getpid(), 0)
    assert not pids.is_dead(1, 0), "somebody else's"
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert pids.is_dead(pid, 0), "its parent has not noticed yet"
    os.waitpid(pid, 0)
    assert pids.is_dead(pid, 0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")
def test_another_process_with_its_id_does_not_keep_it_alive():
    assert pids.is_dead(os.getpid(), pids.born(os.getpid()) + 1)


def test_ids_count_in_this_boot_of_this_machine():
    assert pids.machine() == pids.machine() != ""
