"""The latency budget on the page: where each process spends its time, and whether the whole chain keeps to 500 ms.

Reads   latency:<process>: ``{hop}_{p50|p99|p999}_us``, ``inputs``, ``worst`` (JSON list of {time, us, hop}, the day's slowest)
Gives   rows of microseconds, and the chain's sums over those of its processes that have measured anything
Never   adds the way from the exchange to the chain: it lies between two clocks.

The sum of the p99 of the parts is more than the p99 of the whole, for the parts are seldom slow together: a
budget that holds for the sum holds for the whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.run.latency import BUDGET_US, CHAIN, PERCENTILES, WORST
from web.fields import Fields, Json, whole

HOPS = ("exchange", "decode", "wait", "step", "commit", "total")
FEW = 100
"""Below this many inputs a p99 is the slowest one: often the first, which waited for its process to start."""
LONGEST_US = 1e15
WORD = 24
"""Characters of a time or a hop's name that the page takes."""


def latency(told: Mapping[str, Fields]) -> Json:
    """The table: the chain in its order, then the others, each only when it has told something (the others: measured something)."""
    order = [*CHAIN, *(name for name in told if name not in CHAIN)]
    rows = [made for name in order if told.get(name) and ((made := row(name, told[name]))["is_chain"] or made["hops"])]
    return {"rows": rows, "chain": chain(rows)}


def row(process: str, fields: Fields) -> Json:
    """One process: its hops, each as [p50, p99, p99.9], and its slowest inputs."""
    inputs = whole(fields, "inputs") or 0
    return {
        "process": process,
        "is_chain": process in CHAIN,
        "inputs": inputs,
        "is_rough": inputs < FEW,
        "hops": {hop: parts for hop in HOPS if (parts := _parts(fields, hop)) is not None} if inputs > 0 else {},
        "worst": worst(fields.get("worst", "")),
    }


def _parts(fields: Fields, hop: str) -> list[int] | None:
    parts = [whole(fields, f"{hop}_{part}_us") for part in PERCENTILES]
    known = [part for part in parts if part is not None]
    # Nothing comes from the exchange in no time: its clock is of another day (a demo, a replay) and was not counted.
    is_uncounted = hop == "exchange" and not any(known)
    return None if len(known) < len(parts) or is_uncounted else known


def worst(text: str) -> list[Json]:
    """The slowest inputs, slowest first; what is no such list, or no such entry, is left out."""
    try:
        found: Any = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    out = [entry for entry in map(_slow, found if isinstance(found, list) else []) if entry is not None]
    return sorted(out, key=lambda entry: -entry["us"])[:WORST]


def _slow(entry: Any) -> Json | None:
    if not isinstance(entry, dict):
        return None
    us = entry.get("us")
    if isinstance(us, bool) or not isinstance(us, int | float) or not 0 <= us < LONGEST_US:
        return None
    return {"time": str(entry.get("time", ""))[:WORD], "us": round(us), "hop": str(entry.get("hop", ""))[:WORD]}


def chain(rows: list[Json]) -> Json:
    """Sums from the receipt of a frame to the order, against the budget. None before anything was measured."""
    parts = {row["process"]: row for row in rows if row["is_chain"] and "total" in row["hops"]}
    totals = [row["hops"]["total"] for row in parts.values()]
    sums = [sum(column) for column in zip(*totals, strict=True)] if totals else None
    sure_us = sum(row["hops"]["total"][1] for row in parts.values() if not row["is_rough"])
    return {
        "us": sums,
        "budget_us": BUDGET_US,
        "is_over": sums is not None and sums[1] > BUDGET_US,
        "is_sure": sure_us > BUDGET_US,
        "rough": [name for name, row in parts.items() if row["is_rough"]],
        "missing": [name for name in CHAIN if name not in parts],
    }
