"""Memory and start of the whole family: PSS of every process together, and seconds until each is ready.

Starts the demo's processes (forked from one parent) on a generated day at the clock's pace, without a browser,
and reads ``/proc``. Linux only. ``python -m benchmarks.footprint [--json]``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.run.supervise import pss_kib

NAIVE_MIB = 1300
"""Eight processes that each import everything, as measured for the design."""
GOAL_MIB = 400
GOAL_READY_S = 5.0
DEADLINE_S = 120.0
SETTLE_S = 20.0
PROCESSES = 8


def main(argv: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = _measure(Path(folder))
    if "--json" in argv:
        print(json.dumps({"rows": rows}))
        return
    for row in rows:
        verdict = "" if row["met"] is None else f"goal {row['goal']}  {'met' if row['met'] else 'NOT met'}"
        print(f"{row['name']:<34} {row['value']:>9.1f} {row['unit']:<4} {verdict}".rstrip())


def _measure(folder: Path) -> list[dict[str, object]]:
    environment = {**os.environ, "TICKTICK__PATHS__RUNTIME": str(folder / "run"), "TICKTICK__PATHS__LOGS": str(folder / "logs")}
    command = [sys.executable, "-m", "pipeline.run.cli", "demo", "--no-browser", "--speed", "20", "--session", "09:15-15:30", "--port", "0"]
    started = time.monotonic()
    demo = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ready = _until_ready(folder, started)
        time.sleep(SETTLE_S)
        shares = dict(pss_kib(_family(folder, demo.pid)))
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(30)
    total = sum(shares.values()) / 1024
    each = [
        {"name": f"PSS of {name}", "value": kib / 1024, "unit": "MiB", "versus": "", "ratio": None, "goal": "", "met": None}
        for name, kib in sorted(shares.items())
    ]
    return [
        {
            "name": "PSS of all processes together",
            "value": total,
            "unit": "MiB",
            "versus": f"{NAIVE_MIB} MiB naive",
            "ratio": NAIVE_MIB / total,
            "goal": f"<= {GOAL_MIB}",
            "met": total <= GOAL_MIB,
        },
        {
            "name": "start of the family to all ready",
            "value": ready,
            "unit": "s",
            "versus": "",
            "ratio": None,
            "goal": f"<= {GOAL_READY_S}",
            "met": ready <= GOAL_READY_S,
        },
        *each,
    ]


def _family(folder: Path, parent: int) -> dict[str, int]:
    (state,) = (folder / "run").glob("*/pids.json")
    children = json.loads(state.read_text("utf-8"))["children"]
    return {"supervisor": parent, **{name: child["pid"] for name, child in children.items() if child["state"] == "running"}}


def _until_ready(folder: Path, started: float) -> float:
    """Give the seconds from the command to the last process's ``ready``."""
    log = folder / "logs" / "system.log"
    while time.monotonic() - started < DEADLINE_S:
        with contextlib.suppress(FileNotFoundError, ValueError):
            rows = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
            if len({row["job"] for row in rows if row.get("event") == "ready"}) == PROCESSES:
                return time.monotonic() - started
        time.sleep(0.02)
    raise TimeoutError("the family did not become ready")


if __name__ == "__main__":
    main(sys.argv[1:])
