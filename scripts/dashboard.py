"""Start the dashboard on 127.0.0.1:8080.  See web/server.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.run.wiring import run_script

if __name__ == "__main__":
    run_script("dashboard")
