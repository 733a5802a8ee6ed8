"""What the processes of a trading day load: never pandas, never the SDK, never TA-Lib's wrapper."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("pandas", "upstox_client", "talib", "matplotlib", "hypothesis", "pytest")


def test_the_family_stays_light():
    code = (
        "import sys, importlib\n"
        "from pipeline.run.discovery import jobs\n"
        "from pipeline.run import day, wiring, outside, demo, replay\n"
        "jobs()\n"
        "for name in outside.WARM_MODULES + ('web.server', 'pipeline.simulator.server'): importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.strip() == "[]"
