"""Upstox's GTTs in the words of the order manager: bodies that leave, rows that come back.

Reads   OrderRequest; rows of ``GET /v3/order/gtt`` and of the order book
Writes  request bodies (rupees); BrokerReport rows that name their GTT and their part in it

A GTT has no tag; what it has sent is named by its rules. An order that a rule names and that the book does not show yet is told all the
same: the server has handed over, and nothing else may be sent for the position.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.core.broker import GTT, GUARD, Answer, BrokerReport, Leg, OrderRequest
from pipeline.core.types import Side

WAITING = frozenset({"SCHEDULED", "OPEN"})
"""Statuses of a rule that would still send its order."""
DEAD = frozenset({"FAILED", "CANCELLED", "EXPIRED"})
"""Of a rule that has sent nothing, and will not."""
LEGS = (Leg.ENTRY, Leg.STOPLOSS, Leg.TARGET)


@dataclass(frozen=True, slots=True)
class GttRule:
    """One leg of a GTT: ``strategy`` is ENTRY, TARGET or STOPLOSS; ``trigger`` ABOVE, BELOW or IMMEDIATE; a trailing gap of 0 is none."""

    strategy: str
    trigger: str
    trigger_paise: int
    trailing_gap_paise: int = 0


def rules_of(request: OrderRequest) -> tuple[GttRule, ...]:
    """Give the rules of an entry that goes out at once, with its exits."""
    rules = [GttRule(Leg.ENTRY, "IMMEDIATE", request.limit_paise)]
    if request.target_paise > 0:
        rules.append(GttRule(Leg.TARGET, "IMMEDIATE", request.target_paise))
    return (*rules, GttRule(Leg.STOPLOSS, "IMMEDIATE", request.trigger_paise, request.trail_paise))


def gtt_terms(qty: int, rules: tuple[GttRule, ...]) -> dict[str, Any]:
    """Give what of a GTT's body can be changed."""
    rows = []
    for rule in rules:
        row: dict[str, Any] = {"strategy": str(rule.strategy), "trigger_type": rule.trigger, "trigger_price": rule.trigger_paise / 100}
        rows.append(row | ({"trailing_gap": rule.trailing_gap_paise / 100} if rule.trailing_gap_paise > 0 else {}))
    return {"type": "SINGLE" if len(rules) == 1 else "MULTIPLE", "quantity": qty, "rules": rows}


def gtt_body(key: str, side: Side, product: str, terms: dict[str, Any]) -> dict[str, Any]:
    """Give the body that places one."""
    return {"product": product, "instrument_token": key, "transaction_type": side.value} | terms


def is_meant(row: Mapping[str, Any], request: OrderRequest, symbols: Mapping[str, str]) -> bool:
    """Tell whether a GTT has the terms of a request: all that can be known of one whose id never came back."""
    entry = _rules(row).get(Leg.ENTRY)
    if entry is None or symbols.get(str(row["instrument_token"])) != request.symbol or int(row["quantity"]) != request.qty:
        return False
    return str(entry["transaction_type"]) == request.side and _paise(entry["trigger_price"]) == request.limit_paise


def reports(
    gtts: Iterable[Mapping[str, Any]], orders: Mapping[str, BrokerReport], request: OrderRequest, symbols: Mapping[str, str]
) -> list[BrokerReport]:
    """Tell of each GTT its orders, then what still watches. ``orders`` is the book, by order id."""
    out: list[BrokerReport] = []
    for row in gtts:
        rules, gtt_id, symbol = _rules(row), str(row["gtt_order_id"]), symbols.get(str(row["instrument_token"]), "")
        for leg in LEGS:
            order_id = str(rules.get(leg, {}).get("order_id") or "")
            if order_id:
                known = orders.get(order_id) or _unseen(request, order_id, symbol, rules[leg], int(row["quantity"]))
                out.append(replace(known, parent=gtt_id, leg=leg, tag=request.tag if leg is Leg.ENTRY else ""))
        exits = [rules[leg] for leg in (Leg.STOPLOSS, Leg.TARGET) if leg in rules]
        if not exits:
            continue
        stop = rules.get(Leg.STOPLOSS, {})
        trigger = 0 if stop.get("status") in DEAD else _paise(stop.get("trigger_price") or 0)
        status = _watching(exits)
        out.append(
            BrokerReport(
                request.ts, Answer.ROW, request.id, gtt_id, "", symbol, str(exits[0]["transaction_type"]), status, int(row["quantity"]),
                trigger_paise=trigger, order_type=GTT, parent=gtt_id, leg=Leg.WATCH,
            )
        )  # fmt: skip
    return out


def _watching(exits: list[Mapping[str, Any]]) -> str:
    """Give the state of the exits: they wait, none has begun, or they are over. One that waits beside one that has died still guards."""
    words = {str(rule["status"]) for rule in exits}
    return GUARD if words & WAITING and words <= WAITING | DEAD else "open pending" if words <= {"PENDING", "INACTIVE"} else "cancelled"


def _rules(row: Mapping[str, Any]) -> dict[Leg, Mapping[str, Any]]:
    return {Leg(rule["strategy"]): rule for rule in row["rules"]}


def _unseen(request: OrderRequest, order_id: str, symbol: str, rule: Mapping[str, Any], qty: int) -> BrokerReport:
    side = str(rule["transaction_type"])
    return BrokerReport(request.ts, Answer.ROW, request.id, order_id, "", symbol, side, "open pending", qty, order_type="MARKET")


def _paise(px: float | str) -> int:
    return round(float(px) * 100)
