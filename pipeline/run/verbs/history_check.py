"""`ticktick history check`: is the archive whole and sound? The daily integrity report; exit 1 when it holds a fault.

Faults: unreadable files, candles refused when they came, unsound candles, doubles, false spikes, minutes and days that are missing,
holes between the dates that were asked for.
Worth a look, no fault: minutes that a vendor filled, long wicks, days of a paper that no file of all papers holds.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from pipeline.archive.period import period_of
from pipeline.archive.report import Finding, findings, holes
from pipeline.archive.shelf import Series, Shelf
from pipeline.core.errors import Corrupt, Refused
from pipeline.core.session import Calendar
from pipeline.importers.spec import IMPORTERS
from pipeline.run.access import calendar_of
from pipeline.run.discovery import discover_importers
from pipeline.run.verbs.shared import settings_for, show

FIRST = 10


def main(args: argparse.Namespace) -> int:
    """Look everything over; print what was found."""
    settings = settings_for(args)
    shelf = Shelf(settings.paths.archive, settings.maker)
    shelf.require_maker()
    calendar = calendar_of(settings)
    period = period_of(args.candle) if args.candle else None
    chosen = [
        series
        for series in shelf.series()
        if (not args.symbols or series.symbol in args.symbols)
        and (not args.source or series.source == args.source)
        and (period is None or series.period == period)
    ]
    if not chosen:
        raise Refused(f"nothing to check in {settings.paths.archive}: fetch or import something, or ask for what `history list` shows")
    found = {series.label: look(shelf, series, calendar) for series in chosen}
    faults = sum(f.is_fault for each in found.values() for f in each)
    others = sum(not f.is_fault for each in found.values() for f in each)
    plain = {"series": len(chosen), "faults": faults, "worth_a_look": others, "findings": _plain(found)}
    lines = [line for label, each in found.items() for line in _lines(label, each, None if args.all else FIRST)]
    show(args, plain, "\n".join([*lines, f"{len(chosen)} series: {faults} faults, {others} worth a look"]))
    return 1 if faults else 0


def look(shelf: Shelf, series: Series, calendar: Calendar) -> list[Finding]:
    """Give the findings of one series: its files first, then its candles as one run."""
    out: list[Finding] = []
    for part in shelf.parts(series):
        if part.why:
            out.append(Finding(part.name, "unreadable", part.why))
        out += [Finding(why[:10], "refused", why) for why in part.note.refused]
    readable = [part for part in shelf.parts(series) if not part.why]
    if not readable:
        return out
    covered = [span for part in readable for span in part.note.covered]
    for (first, last), days in holes(covered, calendar):
        said = f"to {last}: {days} trading days that were never asked for"
        out.append(Finding(first, "hole", said, is_fault=series.source not in by_date()))
    rows = []
    for part in readable:
        try:
            rows.append(shelf.read_part(series, part.name)[0])
        except Corrupt as error:
            out.append(Finding(part.name, "unreadable", str(error)))
    return out + (findings(np.concatenate(rows), covered, series.period, calendar, readable[-1].note.group) if rows else [])


@cache
def by_date() -> frozenset[str]:
    """Name the sources whose files are a day of all papers: a paper that did not trade on it is in none, and that is no hole."""
    discover_importers()
    return frozenset(importer.source for _, importer in IMPORTERS.items() if not importer.needs_symbol)


def _plain(found: dict[str, list[Finding]]) -> dict[str, list[dict[str, Any]]]:
    return {label: [asdict(f) for f in each] for label, each in found.items() if each}


def _lines(label: str, each: list[Finding], most: int | None) -> list[str]:
    kinds: dict[tuple[bool, str], list[Finding]] = defaultdict(list)
    for finding in each:
        kinds[not finding.is_fault, finding.kind].append(finding)
    out: list[str] = []
    for (is_mild, kind), group in sorted(kinds.items()):
        out += [f"{'look ' if is_mild else 'FAULT'} {label} {kind}: {f.date} {f.words}" for f in group[:most]]
        if most is not None and len(group) > most:
            out.append(f"      {label} {kind}: {len(group) - most} more (--all shows them)")
    return out
