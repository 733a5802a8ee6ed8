"""Log in with the browser; a door to `ticktick login --open`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.run.cli import main

if __name__ == "__main__":
    sys.exit(main(["login", "--open", *sys.argv[1:]]))
