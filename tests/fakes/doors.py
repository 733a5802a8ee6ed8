"""The programs of the house as processes of their own: started, watched, asked to end, and never left behind."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pipeline.core.schema import Role

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0
GONE = ("Z", "X")
OURS = ("TICKTICK_", "REDIS_", "UPSTOX_", "UPX_")


def environment(folder: Path, urls: Mapping[Role, str] | None = None, **settings: Any) -> dict[str, str]:
    """Give an environment with folders, a Redis and settings of the test's own; ``dashboard__port=1`` sets [dashboard] port."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    addresses = {f"redis__{role}_url": url for role, url in (urls or {}).items()}
    given = {"paths__runtime": folder / "run", "paths__logs": folder / "logs", "session_date": "2026-11-20", **addresses, **settings}
    return kept | {f"TICKTICK__{name.upper()}": str(value) for name, value in given.items()}


def wait_for(is_so: Callable[[], Any], words: str, limit_s: float = LIMIT_S) -> Any:
    """Look until it is so; give what was found."""
    deadline = time.monotonic() + limit_s
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"waited {limit_s:.0f} s for {words}"
        time.sleep(0.02)
    return found


def sourced(env_file: Path, *argv: str) -> list[str]:
    """Run a program in a shell that has sourced a file first, as its user would."""
    return ["/bin/sh", "-c", '. "$0"; exec "$@"', str(env_file), *argv]


def script(name: str) -> list[str]:
    return [sys.executable, f"scripts/{name}.py"]


def verb(*words: str) -> list[str]:
    return [sys.executable, "-m", "pipeline.run.cli", *words]


class Doors:
    """``with Doors(folder) as doors``: whatever was started is gone at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.procs: list[Door] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for door in self.procs:
            door.kill()

    def open(self, argv: list[str], env: Mapping[str, str], cwd: Path = ROOT) -> Door:
        self.procs.append(Door(argv, env, cwd, self.folder / f"{len(self.procs)}"))
        return self.procs[-1]


class Door:
    """One process with its standard output and error in files."""

    def __init__(self, argv: list[str], env: Mapping[str, str], cwd: Path, place: Path) -> None:
        self._out, self._err = place.with_suffix(".out"), place.with_suffix(".err")
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.proc = subprocess.Popen(
                argv, cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def wait(self, limit_s: float = LIMIT_S) -> int:
        return self.proc.wait(limit_s)

    def expect(self, is_so: Callable[[], Any], words: str, limit_s: float = LIMIT_S) -> Any:
        """Wait for something; that this process lives on is part of it."""

        def look() -> Any:
            found = is_so()
            assert found or self.proc.poll() is None, f"exit {self.proc.returncode} while waiting for {words}: {self.err[-2000:]}"
            return found

        return wait_for(look, words, limit_s)

    def kill(self) -> None:
        """End what is left of it, its children included (they die with their parent)."""
        if self.proc.poll() is None:
            self.proc.kill()
        self.proc.wait()


class Terminal:
    """A process on a terminal of its own: what it prints is read, what is typed reaches it."""

    def __init__(self, argv: list[str], env: Mapping[str, str], cwd: Path = ROOT) -> None:
        self.text = ""
        self.code: int | None = None
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                os.execve(argv[0], argv, dict(env))
            finally:
                os._exit(127)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._fd)

    def type(self, line: str) -> None:
        os.write(self._fd, f"{line}\n".encode())

    def interrupt(self) -> None:
        """Type Ctrl-C."""
        os.write(self._fd, b"\x03")

    def pump(self, wait_s: float = 0.05) -> None:
        """Take in what was printed."""
        while select.select([self._fd], [], [], wait_s)[0]:
            try:
                got = os.read(self._fd, 65_536)
            except OSError:  # Linux: the other side is closed
                return
            if not got:
                return
            self.text += got.decode(errors="replace").replace("\r\n", "\n")
            wait_s = 0.0

    def sees(self, words: str, times: int = 1, limit_s: float = LIMIT_S) -> str:
        """Wait until words stand on the screen; give the whole screen."""

        def look() -> bool:
            self.pump()
            return self.text.count(words) >= times

        try:
            wait_for(look, f"{words!r}", limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; on the screen:\n{self.text[-3000:]}") from None
        return self.text

    def ends(self, limit_s: float = LIMIT_S) -> int:
        """Wait for its end; give the exit code."""

        def look() -> bool:
            self.pump()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.code = os.waitstatus_to_exitcode(status)
            return pid != 0

        wait_for(look, "the end of the process", limit_s)
        self.pump()
        assert self.code is not None
        return self.code


def descendants(pid: int) -> set[int]:
    """Give the living processes under one, whatever their group or session (Linux)."""
    parents = {int(path.name): _stat(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdecimal()}
    found: set[int] = set()
    while more := {child for child, (state, parent) in parents.items() if state not in GONE and parent in found | {pid}} - found:
        found |= more
    return found


def cpu_s(pid: int) -> float:
    """Give the processor time that a process has had; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_alive(pid: int) -> bool:
    return _stat(pid)[0] not in GONE


def _stat(pid: int) -> tuple[str, int]:
    """Give a process's state and its parent."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "X", 0
    return fields[0], int(fields[1])
