"""The family: one parent imports and compiles everything once, then forks one child per process.

Forked children share the parent's memory (imports, kernels), which is where most of it lies; the
collector is frozen before the fork so that it does not touch, and thereby copy, those pages. A child that
dies is forked again, with a growing pause; one that ends well is done. Nothing outlives the parent: the
children are told by the kernel when it dies (Linux) or watch for it (elsewhere).

Writes  <runtime>/pids.json  {"parent": {pid, born}, "children": {name: {pid, born, state, restarts, exit}}}
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import logging
import os
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pipeline.core.errors import TickTickError
from pipeline.run.pids import STATE_FILE, born, is_running, pss_kib, read_state

log = logging.getLogger("ticktick.supervise")

__all__ = ["STATE_FILE", "Child", "Policy", "Supervisor", "born", "is_running", "pss_kib", "read_state", "warm"]

PERMANENT_EXITS = frozenset({2, 4})
"""Wrong usage or settings: starting again cannot help."""
WAITING_EXIT = 3
"""Something the process needs is away (Redis): start again for as long as it takes, with pauses."""
_PR_SET_PDEATHSIG = 1
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Policy:
    """When and how often a dead child is started again."""

    backoff_min_s: float = 0.05
    backoff_max_s: float = 5.0
    max_deaths: int = 10
    """More than this many deaths within ``window_s``: given up."""
    window_s: float = 30.0
    grace_s: float = 10.0
    """Time to end after SIGTERM, before SIGKILL."""


@dataclass(slots=True)
class Child:
    """One place in the family, and who fills it now."""

    name: str
    entry: Callable[[], None]
    pid: int = 0
    state: str = "new"
    """new, running, waiting (to be started again), done, failed, stopped."""
    restarts: int = 0
    exit: int | None = None
    """Exit status of the last life; minus the signal's number when one ended it."""
    due: float = 0.0
    deaths: list[float] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "stopped")


class Supervisor:
    """Fork the children, keep them alive, and take them down together."""

    def __init__(
        self,
        children: Mapping[str, Callable[[], None]],
        runtime: Path,
        policy: Policy | None = None,
        *,
        first: Collection[str] = (),
    ) -> None:
        """``first`` names the children that must be done before the others are forked."""
        self.first = frozenset(first) & frozenset(children)
        self.children = {name: Child(name, entry) for name, entry in children.items()}
        self.runtime = runtime
        self.policy = policy or Policy()
        self._asked = 0
        self._wake: tuple[int, int] | None = None
        self._before: dict[int, Any] = {}
        self._parent = os.getpid()

    def start(self) -> None:
        """Fork the children. Call :func:`warm` before: what is loaded now is shared."""
        self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._listen()
        self._fork_new()
        self._write_state()

    def run(self, until: Callable[[], bool] | None = None, timeout_s: float | None = None) -> int:
        """Watch until every child is over, ``until()`` is true, a signal comes, or time is up.

        Then end what still runs, and return 0, the worst exit of a failed child, or 5 when time was up.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        code = 0
        while not all(child.is_over for child in self.children.values()):
            if self._asked or (until is not None and until()):
                break
            if deadline is not None and time.monotonic() > deadline:
                code = 5
                break
            failed = next((c for c in self.children.values() if c.state == "failed"), None)
            if failed is not None:
                break
            self.tend()
            self._sleep(deadline)
        self.stop()
        worst = [c.exit if c.exit is not None and c.exit > 0 else 1 for c in self.children.values() if c.state == "failed"]
        return code or max(worst, default=0)

    def tend(self) -> None:
        """Look after each child once: take in the dead, start again what is due."""
        changed = self._fork_new()
        for child in self.children.values():
            if child.state == "running" and self._reap(child):
                changed = True
            elif child.state == "waiting" and time.monotonic() >= child.due:
                child.restarts += 1
                self._fork(child)
                changed = True
        if changed:
            self._write_state()

    def stop(self) -> None:
        """SIGTERM to all, SIGKILL to those who stay; forget the state file and give the signals back."""
        if os.getpid() != self._parent:
            return
        running = [c for c in self.children.values() if c.state == "running"]
        for child in running:
            _signal(child.pid, signal.SIGTERM)
        deadline = time.monotonic() + self.policy.grace_s
        while running and time.monotonic() < deadline:
            running = [c for c in running if not _collect(c)]
            self._sleep(time.monotonic() + 0.05) if running else None
        for child in running:
            log.warning("child did not end in time, killed", extra={"fields": {"child": child.name, "child_pid": child.pid}})
            _signal(child.pid, signal.SIGKILL)
            _collect(child, wait=True)
        for child in self.children.values():
            if not child.is_over:
                child.state = "stopped"
        (self.runtime / STATE_FILE).unlink(missing_ok=True)
        self._unlisten()

    def pids(self) -> dict[str, int]:
        """Return the process id of each running child."""
        return {c.name: c.pid for c in self.children.values() if c.state == "running"}

    def _fork_new(self) -> bool:
        """Fork who has not lived yet, as soon as those who go first are done."""
        is_open = all(self.children[name].state == "done" for name in self.first)
        new = [c for c in self.children.values() if c.state == "new" and (is_open or c.name in self.first)]
        for child in new:
            self._fork(child)
        return len(new) > 0

    def _fork(self, child: Child) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # a signal between fork and fresh handlers would be lost
        pid = os.fork()
        if pid == 0:
            self._live(child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        child.pid, child.state = pid, "running"

    def _live(self, child: Child) -> NoReturn:
        """Be the child: fresh signals, own process group (Ctrl-C goes to the parent), never return."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*_SIGNALS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            if self._wake is not None:
                os.close(self._wake[0])
                os.close(self._wake[1])
            os.setpgid(0, 0)
            die_with_parent(self._parent)
            child.entry()
            code = 0
        except TickTickError as error:
            log.error("child ends", extra={"fields": {"child": child.name, "why": str(error)}})  # noqa: TRY400  one line, no traceback
            code = error.exit_code
        except KeyboardInterrupt:
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        finally:
            _farewell(code)

    def _reap(self, child: Child) -> bool:
        if not _collect(child):
            return False
        now, policy = time.monotonic(), self.policy
        if child.exit == 0:
            child.state = "done"
            return True
        child.deaths = [*(t for t in child.deaths if now - t < policy.window_s), now]
        fields = {"child": child.name, "exit": child.exit, "deaths": len(child.deaths)}
        is_hopeless = child.exit in PERMANENT_EXITS or (child.exit != WAITING_EXIT and len(child.deaths) > policy.max_deaths)
        if is_hopeless:
            child.state = "failed"
            log.error("child given up", extra={"fields": fields})
            return True
        pause = min(policy.backoff_min_s * 2.0 ** (len(child.deaths) - 1), policy.backoff_max_s)
        child.state, child.due = "waiting", now + pause
        log.warning("child died, will be started again", extra={"fields": fields | {"pause_s": round(pause, 2)}})
        return True

    def _listen(self) -> None:
        """Wake the loop on a signal: handlers only note it, the loop acts."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._wake = os.pipe()
        for fd in self._wake:
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._note)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._asked = number

    def _unlisten(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
        if self._wake is not None:
            signal.set_wakeup_fd(-1)
            for fd in self._wake:
                os.close(fd)
            self._wake = None

    def _sleep(self, deadline: float | None) -> None:
        """Wait for a signal, but no longer than a tenth of a second or the next thing that is due."""
        now = time.monotonic()
        dues = [c.due for c in self.children.values() if c.state == "waiting"]
        limit = min([0.1, *(max(t - now, 0.0) for t in dues), *([] if deadline is None else [max(deadline - now, 0.0)])])
        if self._wake is None:
            time.sleep(limit)
            return
        select.select([self._wake[0]], [], [], limit)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake[0], 4096)

    def _write_state(self) -> None:
        children = {
            c.name: {"pid": c.pid, "born": born(c.pid), "state": c.state, "restarts": c.restarts, "exit": c.exit}
            for c in self.children.values()
        }
        state = {"parent": {"pid": self._parent, "born": born(self._parent)}, "children": children}
        draft = self.runtime / f".{STATE_FILE}.{self._parent}"
        draft.write_text(json.dumps(state, indent=1) + "\n", "utf-8")
        draft.replace(self.runtime / STATE_FILE)


def warm(modules: tuple[str, ...], steps: tuple[Callable[[], object], ...] = ()) -> None:
    """Import the heavy modules and run the warm-up steps (kernel compilation), then freeze the collector."""
    for name in modules:
        importlib.import_module(name)
    for step in steps:
        step()
    gc.collect()
    gc.freeze()


def die_with_parent(parent: int) -> None:
    """Make sure that this process does not outlive its parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()
    if os.getppid() != parent:  # it died between the fork and here
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _farewell(code: int) -> NoReturn:
    """Leave without the parent's exit handlers; an error that nobody caught is shown and logged first."""
    error = sys.exc_info()[1]
    if error is not None and not isinstance(error, (TickTickError, KeyboardInterrupt, SystemExit)):
        traceback.print_exception(error)
        log.critical("child ends by an error nobody expected", exc_info=error)
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _collect(child: Child, *, wait: bool = False) -> bool:
    """Take in a dead child's status. Only by its own id: other children of this process are not ours."""
    try:
        pid, status = os.waitpid(child.pid, 0 if wait else os.WNOHANG)
    except ChildProcessError:
        pid, status = child.pid, 1 << 8
    if pid == 0:
        return False
    child.exit = os.waitstatus_to_exitcode(status)
    child.state = "stopped"
    return True
