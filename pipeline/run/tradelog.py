"""`trade_log.csv`: one row for each order of an audit, in words that a spreadsheet understands.

Reads   rows of an audit (run/audit.py): intents and order events
Writes  CSV text; times in IST, prices in rupees, status PENDING, EXECUTED or FAILED

An order that was cancelled after some of it had filled is EXECUTED, for what has filled. The id is the intent's: the same cause has the
same id on every machine.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.core.schema import INTENTS, ORDERS
from pipeline.core.session import ist_text
from pipeline.engine.lifecycle import FINAL, Status

COLUMNS = (
    "id", "time", "symbol", "side", "purpose", "quantity", "filled", "limit_price", "average_price", "stop_price", "target_price", "status",
    "order_status", "reason", "signal_id", "order_id", "tag",
)  # fmt: skip


def trade_log(rows: Iterable[Mapping[str, Any]]) -> str:
    """Compose the log, orders in the order in which they were first heard of."""
    orders: dict[str, dict[str, Any]] = {}
    intents: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        record = row.get("record", {})
        if row.get("stream") == INTENTS.name:
            intents[record["id"]] = record
        elif row.get("stream") == ORDERS.name:
            orders.setdefault(record["intent_id"], {"first_ms": record["ts"]}).update(record)
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for key, order in orders.items():
        writer.writerow(_row(key, order, intents.get(key, {})))
    return out.getvalue()


def _row(key: str, order: Mapping[str, Any], intent: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": key,
        "time": ist_text(order["first_ms"]),
        "symbol": order["symbol"],
        "side": order["side"],
        "purpose": order["purpose"],
        "quantity": order["order_qty"],
        "filled": order["cum_qty"],
        "limit_price": _price(order["limit_paise"]),
        "average_price": f"{order['avg_px']:.4f}" if order["cum_qty"] else "",
        "stop_price": _price(intent.get("stop_paise", 0)),
        "target_price": _price(intent.get("target_paise", 0)),
        "status": _word(Status(order["status"]), order["cum_qty"]),
        "order_status": order["status"],
        "reason": order["reason"],
        "signal_id": intent.get("reason", "") if order["purpose"] == "entry" else "",
        "order_id": order["order_id"],
        "tag": order["tag"],
    }


def _word(status: Status, filled: int) -> str:
    if status not in FINAL:
        return "PENDING"
    return "EXECUTED" if filled else "FAILED"


def _price(paise: int) -> str:
    return f"{paise / 100:.2f}" if paise else ""
