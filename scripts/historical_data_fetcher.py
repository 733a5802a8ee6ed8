"""Start the history process: symbols and the candles that indicators need; ends by itself.  See pipeline/broker/history.py."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.run.wiring import run_script

if __name__ == "__main__":
    run_script("historical_data_fetcher")
