"""`ticktick history export`: candles of the archive as CSV, one file a paper, raw or with splits and bonuses in.

``--adjusted`` divides by the table of factors that `ticktick history adjust` made, and refuses days that have none: an adjusted price is
never a guess. Nothing is filled in where a candle is missing.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.archive.adjust import FILE, adjusted, read_table
from pipeline.archive.period import Period, period_of
from pipeline.archive.shelf import Series, Shelf, put_text
from pipeline.archive.spans import EVER, Span
from pipeline.core.errors import Refused
from pipeline.core.registry import did_you_mean
from pipeline.core.session import ist_clock, ist_date
from pipeline.run.verbs.shared import settings_for, show

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def main(args: argparse.Namespace) -> int:
    """Write the files, or a single paper to the terminal."""
    settings = settings_for(args)
    shelf = Shelf(settings.paths.archive, settings.maker)
    shelf.require_maker()
    period = period_of(args.candle)
    if args.adjusted and period.minutes > 0:
        raise Refused("--adjusted is for days, weeks and months: candles of minutes have no table of factors")
    chosen = _chosen(shelf, period, args.source, args.symbols)
    if args.out is None and len(chosen) > 1:
        raise Refused(f"{len(chosen)} papers: name one, or a folder for their files with --out")
    span = (args.first or EVER[0], args.last or EVER[1])
    texts = {series: csv_text(rows_of(shelf, series, span, is_adjusted=args.adjusted), period) for series in chosen}
    if args.out is None:
        sys.stdout.write(texts[chosen[0]])
        return 0
    paths = {series.symbol: _put(Path(args.out).expanduser(), series, text) for series, text in texts.items()}
    show(args, {"files": paths}, "\n".join(f"{symbol:<12} {path}" for symbol, path in paths.items()))
    return 0


def _chosen(shelf: Shelf, period: Period, source: str, symbols: list[str]) -> list[Series]:
    held = [s for s in shelf.series() if s.period == period and source in ("", s.source)]
    chosen = [s for s in held if not symbols or s.symbol in symbols]
    for symbol in symbols:
        if symbol not in {s.symbol for s in chosen}:
            hint = did_you_mean(symbol, sorted({s.symbol for s in held}))
            raise Refused(f"the archive holds no {period.name} candles of {symbol}{hint}; `ticktick history list` shows what it holds")
    if not chosen:
        raise Refused(f"the archive holds no {period.name} candles; `ticktick history list` shows what it holds")
    if len({s.source for s in chosen}) > 1:
        raise Refused(f"more than one source ({', '.join(sorted({s.source for s in chosen}))}): choose with --source")
    return chosen


def rows_of(shelf: Shelf, series: Series, span: Span, *, is_adjusted: bool) -> NDArray[np.void]:
    """Read a series, with its factors in when asked.

    Raises:
        Refused: it has no table of factors.
        Corrupt: a file of it cannot be read.
    """
    rows = shelf.read(series, span)
    if not is_adjusted:
        return rows
    table = shelf.folder(series) / FILE
    if not table.exists():
        raise Refused(f"{series.label} has no table of factors: make it with `ticktick history adjust`")
    return adjusted(rows, read_table(table.read_text("utf-8"), table.name))


def csv_text(rows: NDArray[np.void], period: Period) -> str:
    """Write rows as CSV; times are IST, prices as exact as they are kept."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    others = tuple(name for name in rows.dtype.names or () if name != "ts")
    is_day = period.minutes == 0
    lines.writerow(("date" if is_day else "start", *others))
    for ts, *values in rows[["ts", *others]].tolist():
        lines.writerow((ist_date(ts) if is_day else f"{ist_date(ts)}T{ist_clock(ts)[:5]}:00+05:30", *values))
    return text.getvalue()


def _put(folder: Path, series: Series, text: str) -> str:
    path = folder / f"{series.symbol}.csv"
    try:
        put_text(path, text)
    except OSError as error:
        raise Refused(f"{path} cannot be written ({error.strerror}): name another folder with --out") from error
    return str(path)
