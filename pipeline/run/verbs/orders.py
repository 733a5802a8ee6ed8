"""`ticktick orders`: the confirmation prompt of the day that runs, in this terminal, beside `ticktick up` or a demo.

It starts no order process: that one runs already, and is told the answers as it is told those of the page. Ctrl-C leaves the prompt alone.
"""

from __future__ import annotations

import argparse
import sys

from pipeline.core.errors import Refused
from pipeline.run.terminal import ask_only
from pipeline.run.verbs.running import running_day
from pipeline.run.verbs.shared import settings_for


def main(args: argparse.Namespace) -> int:
    """Ask until the person leaves."""
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask in: confirm on the page")
    settings = settings_for(args)
    _, _, date_iso = running_day(settings, "there is nothing to confirm")
    ask_only(settings, date_iso)
    return 0
