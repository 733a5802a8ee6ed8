"""`ticktick down`: end what `ticktick up` started, and wait until it is gone."""

from __future__ import annotations

import argparse
import os
import signal
import time

from pipeline.core.errors import Stopped
from pipeline.run.supervise import is_running, read_state
from pipeline.run.verbs.shared import settings_for, show

TIMED_OUT = 5


def main(args: argparse.Namespace) -> int:
    """Ask the family's parent to end; it ends the children."""
    settings = settings_for(args)
    state = read_state(settings.paths.runtime)
    if state is None:
        raise Stopped("nothing is up: start it with `ticktick up`")
    pid, born = state["parent"]["pid"], state["parent"]["born"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + args.timeout
    while is_running(pid, born):
        if time.monotonic() > deadline:
            show(args, {"stopped": False, "pid": pid}, f"process {pid} is still ending: look again with `ticktick status`")
            return TIMED_OUT
        time.sleep(0.05)
    show(args, {"stopped": True, "pid": pid}, "down")
    return 0
