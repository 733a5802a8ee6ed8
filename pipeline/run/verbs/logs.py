"""`ticktick logs clean`: remove rotated log files and empty the live ones."""

from __future__ import annotations

import argparse

from pipeline.run.logs import clean
from pipeline.run.verbs.shared import settings_for, show


def main(args: argparse.Namespace) -> int:
    """Clean, and say how much was freed; running processes go on writing to the same files."""
    settings = settings_for(args)
    freed = clean(settings.paths.logs)
    show(args, {"freed_bytes": freed, "folder": str(settings.paths.logs)}, f"{freed / 1_000_000:.1f} MB freed in {settings.paths.logs}")
    return 0
