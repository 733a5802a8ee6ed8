"""`ticktick history list`: what the archive covers, a line for each series."""

from __future__ import annotations

import argparse
from typing import Any

from pipeline.archive.adjust import COUNTING, FILE, read_table
from pipeline.archive.report import holes
from pipeline.archive.shelf import Series, Shelf
from pipeline.archive.spans import joined
from pipeline.core.session import Calendar
from pipeline.run.access import calendar_of
from pipeline.run.verbs.shared import settings_for, show

HEAD = ("source", "candle", "symbol", "from", "to", "candles", "holes", "refused", "KiB", "factors")


def main(args: argparse.Namespace) -> int:
    """Print the coverage table."""
    settings = settings_for(args)
    shelf = Shelf(settings.paths.archive, settings.maker)
    shelf.require_maker()
    calendar = calendar_of(settings)
    rows = [coverage(shelf, series, calendar) for series in shelf.series()]
    total = f"{sum(r['candles'] for r in rows)} candles of {len(rows)} series in {settings.paths.archive}"
    words = "\n".join([*_table(rows), total]) if rows else f"nothing in {settings.paths.archive} yet: `ticktick history fetch`"
    show(args, {"archive": str(settings.paths.archive), "series": rows}, words)
    return 0


def coverage(shelf: Shelf, series: Series, calendar: Calendar) -> dict[str, Any]:
    """Tell one series; ``holes`` counts trading days between its first and last covered date that were never asked for."""
    held = shelf.parts(series)
    covered = joined(span for part in held for span in part.note.covered)
    span = (covered[0][0], covered[-1][1]) if covered else ("", "")
    table = shelf.folder(series) / FILE
    used = [f for f in read_table(table.read_text("utf-8"), table.name) if f.state in COUNTING] if table.exists() else []
    values = (
        series.source,
        series.period.name,
        series.symbol,
        *span,
        sum(part.rows for part in held),
        sum(days for _, days in holes(covered, calendar)),
        sum(len(part.note.refused) for part in held),
        round(sum(part.bytes for part in held) / 1024),
        len(used),
    )
    return dict(zip(HEAD, values, strict=True)) | {"unreadable": [part.name for part in held if part.why]}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    cells = [HEAD, *(tuple(str(row[name]) for name in HEAD) for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(HEAD))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    bad = [f"{row['symbol']} {row['candle']}: cannot be read: {', '.join(row['unreadable'])}" for row in rows if row["unreadable"]]
    return [*lines, *bad]
