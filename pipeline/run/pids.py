"""Who runs: the supervisor's state file, process identities that survive the reuse of ids, and shares of memory.

Reads   <runtime>/pids.json and /proc; writes nothing
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.core.errors import Refused

STATE_FILE = "pids.json"


def born(pid: int) -> int:
    """Return a process's start time in kernel ticks (0 where /proc is missing): with its id, an identity."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[19])


def read_state(runtime: Path) -> dict[str, Any] | None:
    """Return the state of the family that runs from this folder, or None when none does.

    Raises:
        Refused: the file cannot be read.
    """
    path = runtime / STATE_FILE
    try:
        state: dict[str, Any] = json.loads(path.read_text("utf-8"))
        parent = state["parent"]
        is_alive = is_running(parent["pid"], parent["born"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path} cannot be read ({error}): remove it when nothing runs") from error
    return state if is_alive else None


def is_running(pid: int, born_at: int) -> bool:
    """Say whether this very process lives; another that got its id later does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False
    return born_at in (0, born(pid))


def pss_kib(pids: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Give each process's proportional share of memory in KiB (Linux; others give nothing)."""
    for name, pid in pids.items():
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
        except OSError:
            continue
        yield name, next(int(row.split()[1]) for row in text.splitlines() if row.startswith("Pss:"))
