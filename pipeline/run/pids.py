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
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def is_dead(pid: int, born_at: int) -> bool:
    """Say whether this very process is known to live no more (one whose parent has not noticed yet is dead, too); in doubt it lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # somebody else's: it exists
    fields = _stat(pid)
    return bool(fields) and (fields[0] in ("Z", "X") or born_at not in (0, int(fields[19])))


def machine() -> str:
    """Name what process ids count in: this boot of this machine, or of a container in it; by its name alone where there is no /proc."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text('utf-8').strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return os.uname().nodename


def _stat(pid: int) -> list[str]:
    """Give the fields of a process from its state on (Linux; others give nothing)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


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
