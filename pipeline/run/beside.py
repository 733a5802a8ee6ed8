"""What people hold beside us, and the account's high-water mark, in words for a terminal.

Reads   the hashes ``external`` and ``equity:<mode>``, as the order process left them
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.core.broker import ALONE, External
from pipeline.core.money import rupees
from pipeline.core.schema import EQUITY, EXTERNAL, Role
from pipeline.run.equity import account_of
from pipeline.run.settings import Settings
from pipeline.store.client import open_clients


def beside(settings: Settings, mode: str) -> dict[str, Any]:
    """Give what both hashes say; nothing by hand on paper, where nobody else trades."""
    client = open_clients(settings.redis.urls())[Role.DERIVED]
    rows: Any = client.hget(EXTERNAL.key(), "rows") if mode not in ALONE else None
    account = account_of(settings)
    equity: Any = client.hgetall(EQUITY.key(account)) if account else {}
    return {
        "external": json.loads(rows) if rows else [],
        "equity": {name.decode(): value.decode() for name, value in equity.items()},
    }


def words_of(found: Mapping[str, Any]) -> list[str]:
    """Say each in a line; what is not there says nothing."""
    out = [
        f"by hand: {held.name} {held.qty:+d}, worth {rupees(held.worth_paise)}, {rupees(held.net_paise)} today; "
        "counted in the limits, never touched"
        for held in (External(*row) for row in found["external"])
        if held.qty != 0 or held.net_paise != 0
    ]
    equity = found["equity"]
    if equity.get("fall_paise", "0") != "0":
        fall, limit = int(equity["fall_paise"]), int(equity.get("limit_paise", "0"))
        out.append(f"{rupees(fall)} below the account's high-water mark; entries stop at {rupees(limit)} below")
    return out
