"""Start the filter: signals to ranked recommendations.  See pipeline/jobs/filtering.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.run.wiring import run_script

if __name__ == "__main__":
    run_script("best_filtering")
