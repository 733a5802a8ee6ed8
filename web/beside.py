"""What people hold beside us in the account, as the order process told it: rows, and one line that stays while it is so.

Reads   the hash ``external``
Gives   plain JSON values; nothing on paper, where nobody else trades
"""

from __future__ import annotations

import json
from dataclasses import asdict

from pipeline.core.broker import ALONE, External
from web.fields import Fields, Json, whole


def external(fields: Fields, mode: str) -> Json:
    """Give the papers in which people hold or traded something today; one that cannot be read shows none."""
    rows: list[Json] = []
    try:
        given = json.loads(fields.get("rows", "[]")) if mode not in ALONE else []
        rows = [asdict(External(*row)) for row in given]
    except (ValueError, TypeError):
        rows = []
    return {"ts": whole(fields, "ts"), "rows": rows, "words": words_of(rows)}


def words_of(rows: list[Json]) -> str:
    """Say it in one line; empty when nobody else holds anything."""
    held = [row for row in rows if row["qty"] != 0]
    told = ", ".join(f"{row['name']} {row['qty']:+d}" for row in held[:4])
    more = f" and {len(held) - 4} more" if len(held) > 4 else ""
    made = sum(row["net_paise"] for row in rows) / 100
    return f"by hand in this account: {told}{more} ({made:+,.2f} today); counted in the limits, never touched" if held else ""
