"""Interleaved rounds, CPU time, medians of per-round ratios; and how rows are shown."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``goal`` is the least ratio that counts as met; a peer that is not installed has no ratio."""

    name: str
    value: float | None
    unit: str
    versus: str
    ratio: float | None
    goal: float | None
    met: bool | None
    note: str = ""


def measure(cases: Mapping[str, tuple[Callable[[], None], int]], rounds: int) -> dict[str, list[float]]:
    """Run every case once a round, in turn; give CPU nanoseconds per item, by case, one figure a round."""
    out: dict[str, list[float]] = {name: [] for name in cases}
    for run, _ in cases.values():
        run()
    for _ in range(rounds):
        for name, (run, items) in cases.items():
            start = time.process_time_ns()
            run()
            out[name].append((time.process_time_ns() - start) / items)
    return out


def compare(name: str, times: Mapping[str, Sequence[float]], ours: str, peer: str, goal: float | None) -> Row:
    """Peer's time over ours, round by round."""
    ratio = statistics.median(p / o for p, o in zip(times[peer], times[ours], strict=True))
    return Row(
        name,
        round(statistics.median(times[ours]), 1),
        "ns CPU per item",
        peer,
        round(ratio, 1),
        goal,
        None if goal is None else ratio >= goal,
    )


def absent(name: str, peer: str, goal: float | None, why: str) -> Row:
    return Row(name, None, "ns CPU per item", peer, None, goal, None, why)


def show(title: str, rows: Sequence[Row], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"benchmark": title, "rows": [asdict(row) for row in rows]}))
        return
    print(title)
    for row in rows:
        value = "-" if row.value is None else f"{row.value:,.0f}" if row.value >= 1 else f"{row.value:.1e}"
        ratio = "-" if row.ratio is None else f"x{row.ratio:,.1f}"
        verdict = {True: "met", False: "NOT met", None: row.note or "none set"}[row.met]
        goal = "-" if row.goal is None else f"x{row.goal:g}"
        print(f"  {row.name:<38} {value:>12} {row.unit:<16} {ratio:>10} of {row.versus:<34} goal {goal}: {verdict}")
