"""NSE's daily file of the cash market since July 2024, in the common format of the exchanges.

Such as ``BhavCopy_NSE_CM_0_0_0_20240708_F_0000.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pipeline.importers.nse_cm import CAVEAT, SERIES
from pipeline.importers.spec import IMPORTERS, DayRow, Importer, count, number


def read(line: Mapping[str, str], _symbol: str) -> DayRow | None:
    """Read one line; None for other segments and series."""
    if line["Sgmt"].strip() != "CM" or line["SctySrs"].strip() not in SERIES:
        return None
    o, h, low, c = (number(line[name]) for name in ("OpnPric", "HghPric", "LwPric", "ClsPric"))
    return DayRow(
        line["TckrSymb"].strip(),
        date.fromisoformat(line["TradDt"].strip()).isoformat(),
        o,
        h,
        low,
        c,
        count(line["TtlTradgVol"]),
        prev_close=number(line["PrvsClsgPric"]),
        instrument_key=f"NSE_EQ|{line['ISIN'].strip()}",
    )


IMPORTERS.add(
    "nse-udiff",
    Importer(
        "nse",
        "NSE cash market, daily file since July 2024",
        frozenset(
            {"TradDt", "Sgmt", "ISIN", "TckrSymb", "SctySrs", "OpnPric", "HghPric", "LwPric", "ClsPric", "PrvsClsgPric", "TtlTradgVol"}
        ),
        read,
        CAVEAT,
    ),
)
