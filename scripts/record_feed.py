"""Start the recorder: the feed as received, to day files.  See pipeline/run/record.py and [recorder] in the settings."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.run.wiring import run_script

if __name__ == "__main__":
    run_script("record_feed")
