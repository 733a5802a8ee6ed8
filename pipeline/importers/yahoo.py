"""Yahoo's CSV of one paper: ``Date,Open,High,Low,Close,Adj Close,Volume``; the paper is named by the file or the user.

Its prices are already adjusted for splits as of the day of the download, ``Adj Close`` for dividends too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pipeline.importers.spec import IMPORTERS, DayRow, Importer, count, number


def read(line: Mapping[str, str], symbol: str) -> DayRow | None:
    """Read one line; a day of ``null`` is refused like any other that cannot be read."""
    o, h, low, c = (number(line[name]) for name in ("Open", "High", "Low", "Close"))
    day = date.fromisoformat(line["Date"].strip()).isoformat()
    return DayRow(symbol, day, o, h, low, c, count(line["Volume"]), adj_close=number(line["Adj Close"]))


IMPORTERS.add(
    "yahoo",
    Importer(
        "yahoo",
        "Yahoo, one paper's days",
        frozenset({"Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"}),
        read,
        "whoever chose these papers chose them today: those that failed are not among them (survivorship); "
        "known false rows (2005-07-28 in most papers) are found by `ticktick history check`",
        needs_symbol=True,
    ),
)
