"""The older CSV form of the instrument file as rows of today's JSON form.

Reads   the CSV's text: other names, dates as text, tick sizes in RUPEES
Writes  rows with the names of the JSON form, tick sizes in PAISE, expiry in epoch milliseconds

The CSV has neither freeze quantities nor ISIN columns; what it does not say stays unsaid, so that a check finds it
missing. Used to look into an old file by hand, never to trade on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from pipeline.core.errors import Refused
from pipeline.core.session import ist_ms

COLUMNS = ("instrument_key", "tradingsymbol", "tick_size", "lot_size", "exchange")
FORMS = {"EQUITY": "EQ", "INDEX": "INDEX"}


def is_csv(text: str) -> bool:
    """Tell by the first line."""
    return text.lstrip("\ufeff").startswith(('"instrument_key"', "instrument_key"))


def rows_of_csv(text: str, name: str) -> Iterator[dict[str, Any]]:
    """Give the rows.

    Raises:
        Refused: a column is missing, or a row has no number where one must be.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise Refused(f"{name}: no instrument file, the columns {', '.join(missing)} are missing")
    for number, row in enumerate(reader, 2):
        try:
            yield _row(row)
        except (ValueError, TypeError, AttributeError):
            raise Refused(f"{name}: line {number} is damaged: fetch the file again") from None


def _row(row: dict[str, str]) -> dict[str, Any]:
    key = row["instrument_key"]
    segment, kind, option = key.partition("|")[0], row.get("instrument_type", ""), row.get("option_type", "")
    out: dict[str, Any] = {
        "segment": segment,
        "instrument_key": key,
        "trading_symbol": row["tradingsymbol"],
        "name": row.get("name", ""),
        "instrument_type": option if option in ("CE", "PE") else "FUT" if kind.startswith("FUT") else FORMS.get(kind, kind),
    }
    if segment.endswith("_INDEX"):
        return out
    out |= {"tick_size": _paise(row["tick_size"]), "lot_size": int(float(row["lot_size"]))}
    if segment.endswith("_EQ"):
        out["isin"] = key.partition("|")[2]
    if row.get("expiry"):
        out["expiry"] = ist_ms(row["expiry"], "23:59:59") + 999
    if row.get("strike"):
        out["strike_price"] = float(row["strike"])
    return out


def _paise(rupees: str) -> float:
    """Turn a tick size in rupees into paise; halves of a paisa exist in currency contracts."""
    return round(float(rupees) * 100, 4)
