"""`ticktick kill`: level 4 of the emergency stop, past Redis and our own processes, which need not be alive.

The broker cancels every order, exits every position of the whole account and locks the segments for twelve hours; nobody can take that
back. It is asked once more on the terminal (type KILL); --yes-kill-everything says it in advance. Exit 0 flat and locked; 1 when something
is left; 4 when refused.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict

from pipeline.broker.lastresort import Step
from pipeline.core.errors import Refused
from pipeline.run.emergency import halt_file, me
from pipeline.run.lastcall import kill, refusal
from pipeline.run.verbs.shared import settings_for, show

TYPED = "KILL"


def main(args: argparse.Namespace) -> int:
    """Ask once more, then do it."""
    settings = settings_for(args)
    why = refusal(settings)
    if why:
        raise Refused(why)
    if not args.yes_kill_everything:
        sys.stderr.write(
            "This cancels every order and exits every position of the whole account, also what was traded by hand, and locks the\n"
            f"segments at the broker for twelve hours. Type {TYPED} to do it: "
        )
        sys.stderr.flush()
        if sys.stdin.readline().strip() != TYPED:
            raise Refused("not typed: nothing was done")
    found = kill(settings, "command", me(), _tell)
    words = f"flat after {found.flat_ms} ms, locked: {', '.join(found.locked)}" if found.is_done else found.left
    show(args, asdict(found) | {"is_done": found.is_done}, f"{words}; lift ours by removing {halt_file(settings)}, then `ticktick resume`")
    return 0 if found.is_done else 1


def _tell(step: Step) -> None:
    sys.stderr.write(f"{step.at_ms:>6} ms  {step.words}\n")
