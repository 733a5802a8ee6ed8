"""NSE's daily file of the cash market as it was until July 2024: ``cm08JUL2024bhav.csv``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pipeline.importers.spec import IMPORTERS, DayRow, Importer, count, number

SERIES = frozenset({"EQ", "BE", "BZ"})
"""Ordinary shares: rolling settlement, trade for trade, and trade for trade under surveillance."""
CAVEAT = (
    "a day's file holds what was listed on that day: import whole files, not today's names only, or the past looks better than it was "
    "(survivorship); renamed papers stay under their old symbols"
)


def read(line: Mapping[str, str], _symbol: str) -> DayRow | None:
    """Read one line; None for bonds, warrants and other series."""
    if line["SERIES"].strip() not in SERIES:
        return None
    day = datetime.strptime(line["TIMESTAMP"].strip().title(), "%d-%b-%Y").date()  # noqa: DTZ007 - a date, no instant
    o, h, low, c = (number(line[name]) for name in ("OPEN", "HIGH", "LOW", "CLOSE"))
    return DayRow(
        line["SYMBOL"].strip(),
        day.isoformat(),
        o,
        h,
        low,
        c,
        count(line["TOTTRDQTY"]),
        prev_close=number(line["PREVCLOSE"]),
        instrument_key=f"NSE_EQ|{line.get('ISIN', '').strip()}",
    )


IMPORTERS.add(
    "nse-cm",
    Importer(
        "nse",
        "NSE cash market, daily file until July 2024",
        frozenset({"SYMBOL", "SERIES", "OPEN", "HIGH", "LOW", "CLOSE", "PREVCLOSE", "TOTTRDQTY", "TIMESTAMP"}),
        read,
        CAVEAT,
    ),
)
