"""Start the portfolio process: fills to positions and profit.  See pipeline/jobs/portfolio.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.run.wiring import run_script

if __name__ == "__main__":
    run_script("portfolio")
