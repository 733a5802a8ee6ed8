"""`ticktick history import FILE...`: daily files of your own into the archive; exit 1 when a line or day was refused."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from pipeline.archive.shelf import Shelf
from pipeline.importers.into import Wish, take
from pipeline.importers.spec import IMPORTERS
from pipeline.run.access import calendar_of
from pipeline.run.discovery import discover_importers
from pipeline.run.verbs.shared import settings_for, show

MAX_SHOWN = 20


def main(args: argparse.Namespace) -> int:
    """Import, and say what the figures are worth."""
    settings = settings_for(args)
    discover_importers()
    shelf = Shelf(settings.paths.archive, settings.maker)
    wish = Wish(frozenset(args.symbols), args.symbol, args.again)
    with shelf.writing():
        found = take([Path(name).expanduser() for name in args.files], shelf, calendar_of(settings), wish)
    for why in found.refused[:MAX_SHOWN]:
        sys.stderr.write(f"refused: {why}\n")
    caveats = dict.fromkeys(IMPORTERS.get(name).caveat for name in found.importers.values())
    for caveat in caveats:
        sys.stderr.write(f"note: {caveat}\n")
    words = f"{found.days} days from {len(found.importers)} files; {found.same} were there already, {len(found.refused)} refused"
    show(args, asdict(found) | {"caveats": list(caveats)}, words)
    return 1 if found.refused else 0
