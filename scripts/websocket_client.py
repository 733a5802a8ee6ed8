"""Start the feed process: frames to ticks and their metrics.  See pipeline/broker/feed.py and pipeline/jobs/ticks.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.run.wiring import run_script

if __name__ == "__main__":
    run_script("websocket_client")
