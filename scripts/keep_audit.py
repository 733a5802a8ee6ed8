"""Start the audit: every order-relevant record, hash-chained.  See pipeline/run/audit.py and `ticktick audit`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipeline.run.wiring import run_script

if __name__ == "__main__":
    run_script("keep_audit")
