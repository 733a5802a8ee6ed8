"""Files of a person's own into the archive: opened, recognised, judged, laid beside what is there.

Reads   CSV files, plain or as the only member of a zip; the importer is the one whose columns the header has
Writes  parts of the archive, source by source, one file a symbol and year
Law     a file that no importer knows is refused whole; a bad line is refused by name. What is there is never changed: another value
        for a day that is there already is refused by name, unless the day is imported again on purpose.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.archive.period import Period
from pipeline.archive.shelf import Note, Series, Shelf
from pipeline.archive.soundness import DAILY, Fault, judge, words
from pipeline.archive.spans import EVER, Span, joined, within
from pipeline.core.errors import Refused
from pipeline.core.session import Calendar, Group, ist_date, ist_ms
from pipeline.importers.spec import IMPORTERS, DayRow, Importer

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAYS = Period("days")
MAX_BYTES = 64 * 1024 * 1024
MAX_NOTED = 500
MAX_SYMBOL = 64


@dataclass(slots=True)
class Imported:
    """What became of the files."""

    days: int = 0
    same: int = 0
    """Days that were there already, with the same values."""
    refused: list[str] = field(default_factory=list)
    importers: dict[str, str] = field(default_factory=dict)
    """File -> importer that knew it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """``symbols`` empty takes all; ``symbol`` names the paper of a file that does not; ``is_again`` replaces days that are there."""

    symbols: frozenset[str] = frozenset()
    symbol: str = ""
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class _Share:
    """What the files hold of one paper, and the dates that they speak for."""

    series: Series
    days: Sequence[DayRow]
    covered: list[Span]


def take(files: Sequence[Path], shelf: Shelf, calendar: Calendar, wish: Wish) -> Imported:
    """Import files into an archive that the caller holds for writing.

    Raises:
        Refused: a file cannot be read, or no importer knows it; nothing of any file is taken then.
    """
    found = Imported()
    rows: dict[tuple[str, str, bool], list[DayRow]] = defaultdict(list)
    for path in files:
        name, importer, lines = opened(path)
        found.importers[path.name] = name
        for row in _rows(path, importer, lines, wish, found):
            if not wish.symbols or row.symbol in wish.symbols:
                rows[importer.source, row.symbol, importer.needs_symbol].append(row)
    for (source, symbol, is_one_paper), days in sorted(rows.items()):
        spans = [(min(d.date for d in days), max(d.date for d in days))] if is_one_paper else [(d.date, d.date) for d in days]
        _lay(_Share(Series(source, DAYS, symbol), days, joined(spans)), shelf, calendar, wish, found)
    return found


def opened(path: Path) -> tuple[str, Importer, csv.DictReader[str]]:
    """Open a file and find its importer by the header."""
    lines = csv.DictReader(io.StringIO(_text(path)), skipinitialspace=True)
    header = {name.strip() for name in lines.fieldnames or () if name is not None}
    lines.fieldnames = [name.strip() for name in lines.fieldnames or ()]
    for name, importer in IMPORTERS.items():
        if importer.columns <= header:
            return name, importer, lines
    known = "; ".join(f"{name}: {importer.about}" for name, importer in IMPORTERS.items())
    raise Refused(f"{path.name} has a header that no importer knows ({', '.join(sorted(header))[:120]}): known are {known}")


def _text(path: Path) -> str:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                members = packed.infolist()
                if len(members) != 1 or members[0].file_size > MAX_BYTES:
                    raise Refused(f"{path.name}: a zip of one CSV of at most {MAX_BYTES >> 20} MiB is wanted: unpack it first")
                return packed.read(members[0]).decode("utf-8-sig")
        if path.stat().st_size > MAX_BYTES:
            raise Refused(f"{path.name} is larger than {MAX_BYTES >> 20} MiB: split it")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror}): check the path") from error
    except (UnicodeDecodeError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise Refused(f"{path.name} is damaged or no text ({error}): fetch it again") from error


def _rows(path: Path, importer: Importer, lines: csv.DictReader[str], wish: Wish, found: Imported) -> Iterator[DayRow]:
    symbol = (wish.symbol or path.name.partition(".")[0]) if importer.needs_symbol else ""
    try:
        for line in lines:
            try:
                row = importer.read(line, symbol)
            except (ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
                found.refused.append(f"{path.name}, line {lines.line_num}: {error}")
                continue
            if row is None:
                continue
            if why := _unfit(row):
                found.refused.append(f"{path.name}, line {lines.line_num}: {why}")
            else:
                yield row
    except csv.Error as error:
        raise Refused(f"{path.name}, line {lines.line_num}: {error}: fetch it again") from error


def _unfit(row: DayRow) -> str:
    """Tell why a day cannot have a place in the archive at all, or nothing."""
    if not row.date >= EVER[0]:
        return f"the day {row.date} is before {EVER[0]}"
    if not 0 < len(row.symbol) <= MAX_SYMBOL or not row.symbol.strip("."):
        return f"{row.symbol[:MAX_SYMBOL]!r} is no symbol: name the paper with --symbol"
    return ""


def _lay(share: _Share, shelf: Shelf, calendar: Calendar, wish: Wish, found: Imported) -> None:
    """Judge one paper's days and lay them beside what is there, year by year."""
    series, rows = share.series, _packed(share.days)
    codes = judge(rows, DAYS, calendar, Group.EQ)
    bad = [(ist_date(int(row["ts"]))[:4], words(Fault(int(code)), row, DAYS)) for row, code in zip(rows, codes, strict=True) if code]
    found.refused += [f"{series.symbol}: {why}" for _, why in bad]
    sound = rows[codes == Fault.NONE]
    key = max(share.days, key=lambda day: day.date).instrument_key
    years = {ist_date(ts)[:4] for ts in sound["ts"].tolist()} | {year for year, _ in bad}
    for year in sorted(years):
        mine = sound[(sound["ts"] >= ist_ms(f"{year}-01-01", "00:00")) & (sound["ts"] <= ist_ms(f"{year}-12-31", "00:00"))]
        old, note = shelf.read_part(series, year)
        kept, fresh = _merged(series, old, mine, wish, found)
        taken = {ist_date(ts) for ts in fresh["ts"].tolist()}
        standing = [why for why in note.refused if why[:10] not in taken]
        refused = dict.fromkeys([*standing, *(why for of, why in bad if of == year)])
        covered = joined([*note.covered, *within((f"{year}-01-01", f"{year}-12-31"), share.covered)])
        told = Note(key or note.instrument_key, Group.EQ, tuple(covered), tuple(refused)[-MAX_NOTED:])
        if len(fresh) > 0 or told != note:
            shelf.put(series, year, np.concatenate([kept, fresh]), told)


def _merged(
    series: Series, old: NDArray[np.void], new: NDArray[np.void], wish: Wish, found: Imported
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Give what of the old rows is kept, and what of the new is taken."""
    _, there, here = np.intersect1d(old["ts"], new["ts"], return_indices=True)
    is_same = old[there] == new[here]
    found.same += int(is_same.sum())
    if wish.is_again:
        found.days += len(new)
        return np.delete(old, there), new
    for at in here[~is_same].tolist():
        found.refused.append(
            f"{series.label} {ist_date(int(new['ts'][at]))}: the archive holds other values for that day (--again replaces them)"
        )
    fresh = np.delete(new, here)
    found.days += len(fresh)
    return old, fresh


def _packed(days: Iterable[DayRow]) -> NDArray[np.void]:
    rows = [(ist_ms(d.date, "00:00"), d.open, d.high, d.low, d.close, d.volume, 0.0, d.prev_close, d.adj_close) for d in days]
    return np.array(rows, DAILY)
