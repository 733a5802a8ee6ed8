"""`ticktick up`: every process, forked from one warmed parent.

History goes first and alone, since the others read the watchlist that it writes. In the foreground Ctrl-C
ends everything; with ``--detach`` the family goes into the background and `ticktick down` ends it. Nobody
answers prompts in a forked orders process: confirmations come from the page.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import time
from pathlib import Path

from pipeline.core.errors import Refused, Stopped
from pipeline.core.registry import did_you_mean
from pipeline.run import logs
from pipeline.run.outside import warm_family
from pipeline.run.processes import ALIASES, ENDS_BY_ITSELF, PROCESSES, WHEN_RECORDING
from pipeline.run.settings import Settings
from pipeline.run.supervise import Supervisor, read_state
from pipeline.run.verbs.shared import settings_for, show
from pipeline.run.wiring import open_house, run_process
from pipeline.store.client import check, open_clients


def main(args: argparse.Namespace) -> int:
    """Start the family and stay with it, or leave it in the background."""
    settings = settings_for(args)
    names = chosen(args.only, is_recording=settings.recorder.enabled)
    held = read_state(settings.paths.runtime)
    if held is not None:
        raise Refused(f"already up (process {held['parent']['pid']}): see `ticktick status`, end it with `ticktick down`")
    house = open_house(settings)
    _require_redis(settings)
    if args.detach:
        pid = _detach(settings.paths.logs)
        if pid > 0:
            return _await_start(args, settings, pid)
    logs.setup("supervisor", settings, console=not args.detach)
    warm_family()
    children = {name: functools.partial(run_process, PROCESSES[name], house) for name in names}
    family = Supervisor(children, settings.paths.runtime, first=ENDS_BY_ITSELF)
    family.start()
    return family.run()


def chosen(only: list[str], *, is_recording: bool) -> list[str]:
    """Give the processes to start, in the order of the day; the recorder with the others when it is on, or by name.

    Raises:
        Refused: an unknown name; says the nearest.
    """
    wanted = [ALIASES.get(name, name) for name in only]
    for name in wanted:
        if name not in PROCESSES:
            raise Refused(f"unknown process '{name}'{did_you_mean(name, PROCESSES)}; known: {', '.join(PROCESSES)}")
    return [name for name in PROCESSES if (name in wanted if wanted else is_recording or name not in WHEN_RECORDING)]


def _require_redis(settings: Settings) -> None:
    """Say in one line that Redis is missing, before nine processes say it each."""
    urls = settings.redis.urls()
    for warning in check(open_clients(urls), urls):
        sys.stderr.write(f"ticktick: {warning}\n")


def _detach(folder: Path) -> int:
    """Fork into the background; return the child's id to the one who stays, 0 in the background."""
    pid = os.fork()
    if pid > 0:
        return pid
    os.setsid()
    folder.mkdir(parents=True, exist_ok=True)
    with Path(os.devnull).open("rb") as nothing, (folder / "up.out").open("ab") as out:
        os.dup2(nothing.fileno(), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    return 0


def _await_start(args: argparse.Namespace, settings: Settings, pid: int, timeout_s: float = 60.0) -> int:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and os.waitpid(pid, os.WNOHANG)[0] == 0:
        state = read_state(settings.paths.runtime)
        if state is not None:
            show(args, state, f"up (process {pid}): see `ticktick status`, end it with `ticktick down`")
            return 0
        time.sleep(0.05)
    raise Stopped(f"the processes did not start: see {settings.paths.logs / 'up.out'} and errors.log")
