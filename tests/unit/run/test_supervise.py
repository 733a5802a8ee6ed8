"""The supervisor, with real forks: start, restart, give up, end; nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.core.errors import Refused, Stopped
from pipeline.run import pids, supervise
from pipeline.run.supervise import Policy, Supervisor

QUICK = Policy(backoff_min_s=0.01, backoff_max_s=0.05, max_deaths=4, window_s=30.0, grace_s=2.0)
LIMIT_S = 20.0


def forever() -> None:
    while True:
        signal.pause()


def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    forever()


def eventually(is_true: Callable[[], bool], family: Supervisor | None = None) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_true():
        assert time.monotonic() < deadline, "it did not come about in time"
        if family is not None:
            family.tend()
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_children_that_end_well_are_done(tmp_path: Path):
    family = Supervisor({"a": lambda: (tmp_path / "a").write_text("x"), "b": lambda: None}, tmp_path / "run", QUICK)
    family.start()
    assert family.run(timeout_s=LIMIT_S) == 0
    assert [c.state for c in family.children.values()] == ["done", "done"]
    assert (tmp_path / "a").exists()
    assert not (tmp_path / "run" / supervise.STATE_FILE).exists()


def test_a_killed_child_is_started_again_with_another_id_and_goes_on(tmp_path: Path):
    def count() -> None:
        with (tmp_path / "lives").open("a") as lives:
            lives.write(f"{os.getpid()}\n")
        if len((tmp_path / "lives").read_text().splitlines()) < 3:
            os.kill(os.getpid(), signal.SIGKILL)

    family = Supervisor({"a": count}, tmp_path / "run", QUICK)
    family.start()
    assert family.run(timeout_s=LIMIT_S) == 0
    assert len(set((tmp_path / "lives").read_text().split())) == 3
    assert family.children["a"].restarts == 2


def test_a_child_that_keeps_dying_is_given_up_and_takes_the_family_with_it(tmp_path: Path):
    family = Supervisor({"bad": lambda: os._exit(7), "good": forever}, tmp_path, QUICK)
    family.start()
    good = family.pids()["good"]
    assert family.run(timeout_s=LIMIT_S) == 7
    assert family.children["bad"].state == "failed"
    assert family.children["bad"].restarts == QUICK.max_deaths
    assert not is_alive(good)


def test_wrong_settings_are_not_tried_again(tmp_path: Path):
    def refuse() -> None:
        raise Refused("no such key")

    family = Supervisor({"a": refuse}, tmp_path, QUICK)
    family.start()
    assert family.run(timeout_s=LIMIT_S) == 4
    assert family.children["a"].restarts == 0


def test_something_that_is_away_is_waited_for_without_end(tmp_path: Path):
    def wait_for_redis() -> None:
        with (tmp_path / "tries").open("a") as tries:
            tries.write("x")
        if (tmp_path / "tries").stat().st_size <= QUICK.max_deaths + 3:
            raise Stopped("no Redis")

    family = Supervisor({"a": wait_for_redis}, tmp_path / "run", QUICK)
    family.start()
    assert family.run(timeout_s=LIMIT_S) == 0
    assert family.children["a"].restarts == QUICK.max_deaths + 3


def test_an_unexpected_error_is_shown_and_counts_as_a_death(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    def broken() -> None:
        raise ZeroDivisionError("boom")

    family = Supervisor({"a": broken}, tmp_path, Policy(backoff_min_s=0.01, max_deaths=0))
    family.start()
    assert family.run(timeout_s=LIMIT_S) == 1
    assert "boom" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("way_out", "code"), [(lambda: sys.exit(0), 0), (lambda: sys.exit(None), 0), (lambda: sys.exit(4), 4), (lambda: sys.exit("x"), 1)]
)
def test_exit_codes_of_children_are_understood(way_out: Callable[[], None], code: int, tmp_path: Path):
    family = Supervisor({"a": way_out}, tmp_path, Policy(max_deaths=0))
    family.start()
    assert family.run(timeout_s=LIMIT_S) == code


def test_who_goes_first_is_done_before_the_others_start(tmp_path: Path):
    def later() -> None:
        assert (tmp_path / "first").exists()

    family = Supervisor({"b": later, "a": lambda: (tmp_path / "first").write_text("x")}, tmp_path / "run", QUICK, first={"a", "absent"})
    family.start()
    assert list(family.pids()) == ["a"]
    assert family.run(timeout_s=LIMIT_S) == 0
    assert family.children["b"].restarts == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_and_gives_the_handlers_back(number: int, tmp_path: Path):
    before = signal.getsignal(number)
    family = Supervisor({"a": forever, "b": forever}, tmp_path, QUICK)
    family.start()
    born = family.pids()
    os.kill(os.getpid(), number)
    assert family.run(timeout_s=LIMIT_S) == 0
    assert not any(is_alive(pid) for pid in born.values())
    assert signal.getsignal(number) is before


def test_a_child_that_will_not_end_is_killed(tmp_path: Path):
    ready, go = os.pipe()

    def stay() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(go, b"x")
        forever()

    family = Supervisor({"a": stay}, tmp_path, Policy(grace_s=0.1))
    family.start()
    pid = family.pids()["a"]
    os.read(ready, 1)
    family.stop()
    assert not is_alive(pid)
    assert family.children["a"].exit == -signal.SIGKILL


def test_time_up_is_five(tmp_path: Path):
    family = Supervisor({"a": forever}, tmp_path, QUICK)
    family.start()
    assert family.run(timeout_s=0.05) == 5
    assert family.pids() == {}


def test_until_ends_the_run(tmp_path: Path):
    family = Supervisor({"a": forever}, tmp_path, QUICK)
    family.start()
    assert family.run(until=lambda: True) == 0


def test_the_state_file_names_who_runs(tmp_path: Path):
    family = Supervisor({"a": forever}, tmp_path, QUICK)
    family.start()
    try:
        state = json.loads((tmp_path / supervise.STATE_FILE).read_text())
        assert state["parent"]["pid"] == os.getpid()
        assert state["children"]["a"]["pid"] == family.pids()["a"]
        assert pids.read_state(tmp_path) == state
        os.kill(family.pids()["a"], signal.SIGKILL)
        first = family.children["a"].pid
        eventually(lambda: family.children["a"].restarts == 1, family)
        assert json.loads((tmp_path / supervise.STATE_FILE).read_text())["children"]["a"]["pid"] != first
    finally:
        family.stop()
    assert pids.read_state(tmp_path) is None


def test_other_children_of_this_process_are_left_alone(tmp_path: Path):
    other = os.fork()
    if other == 0:
        os._exit(9)
    family = Supervisor({"a": lambda: None}, tmp_path, QUICK)
    family.start()
    assert family.run(timeout_s=LIMIT_S) == 0
    assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 9


def test_warm_imports_steps_and_freezes():
    import gc

    done: list[str] = []
    supervise.warm(("colorsys",), (lambda: done.append("step"),))
    assert "colorsys" in sys.modules
    assert done == ["step"]
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
