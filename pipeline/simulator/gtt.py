"""GTT orders (good till triggered), V3: kept, listed, and fired by the server (gtt_server.py).

Reads   GTT bodies
Writes  GTT rows with rule states; ids ``GTT-C...`` by counter
An IMMEDIATE entry goes out at once as a limit order; its exits wait for its first fill, cover what it has filled, and cancel each other.
"""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from pipeline.core.broker import Leg
from pipeline.core.types import Side
from pipeline.engine.brackets import Bracket
from pipeline.simulator.answers import ApiError, number, success
from pipeline.simulator.blotter import paise
from pipeline.simulator.exchange import EXCHANGE, Exchange
from pipeline.simulator.gtt_server import GttServer
from pipeline.simulator.orders import body_of

STRATEGIES = ("ENTRY", "TARGET", "STOPLOSS")
TRIGGERS = ("ABOVE", "BELOW", "IMMEDIATE")
YEAR_US = 365 * 86_400 * 1_000_000
routes = web.RouteTableDef()


@routes.post("/v3/order/gtt/place")
async def place(request: web.Request) -> web.Response:
    exchange, started = request.app[EXCHANGE], time.perf_counter()
    body = await _object(request)
    listing = exchange.listing(str(body.get("instrument_token") or ""))
    if body.get("product") not in ("I", "D", "MTF") or body.get("transaction_type") not in ("BUY", "SELL"):
        raise ApiError(400, "UDAPI100036", "Invalid product or transaction type")
    rules = _rules(body)
    gtt_id = f"GTT-C{exchange.date[2:].replace('-', '')}{len(exchange.gtt) + 1:08d}"
    created = exchange.tape.now_ms * 1000
    exchange.gtt[gtt_id] = {
        "type": body["type"],
        "exchange": listing.segment,
        "quantity": _quantity(body),
        "product": body["product"],
        "rules": [_rule_row(r, body["transaction_type"]) for r in rules],
        "trading_symbol": listing.symbol,
        "instrument_token": listing.key,
        "gtt_order_id": gtt_id,
        "expires_at": created + YEAR_US,
        "created_at": created,
    }
    exchange.server.place(_bracket(gtt_id, exchange.gtt[gtt_id]), body["product"])
    _tell(exchange, gtt_id)
    return _reply(gtt_id, started)


@routes.put("/v3/order/gtt/modify")
async def modify(request: web.Request) -> web.Response:
    exchange, started = request.app[EXCHANGE], time.perf_counter()
    body = await _object(request)
    row = _row(exchange, str(body.get("gtt_order_id") or ""))
    side = row["rules"][0]["transaction_type"]
    row |= {"type": body.get("type"), "quantity": _quantity(body), "rules": [_rule_row(r, side) for r in _rules(body)]}
    exchange.server.change(_bracket(row["gtt_order_id"], row))
    _tell(exchange, row["gtt_order_id"])
    return _reply(row["gtt_order_id"], started)


@routes.delete("/v3/order/gtt/cancel")
async def cancel(request: web.Request) -> web.Response:
    exchange, started = request.app[EXCHANGE], time.perf_counter()
    row = _row(exchange, str((await _object(request)).get("gtt_order_id") or ""))
    if not exchange.server.brackets.cancel(row["gtt_order_id"]):
        raise ApiError(400, "UDAPI100040", "GTT is already final and cannot be cancelled", "gtt_order_id", row["gtt_order_id"])
    _tell(exchange, row["gtt_order_id"])
    return _reply(row["gtt_order_id"], started)


@routes.get("/v3/order/gtt")
async def details(request: web.Request) -> web.Response:
    exchange, wanted = request.app[EXCHANGE], request.query.get("gtt_order_id", "")
    rows = [_row(exchange, wanted)] if wanted else list(exchange.gtt.values())
    return web.json_response(success([_shown(exchange, row) for row in rows]))


async def _object(request: web.Request) -> dict[str, Any]:
    body = await body_of(request)
    if not isinstance(body, dict):
        raise ApiError(400, "UDAPI100038", "Invalid input passed to the API")
    return body


def _row(exchange: Exchange, gtt_id: str) -> dict[str, Any]:
    if gtt_id not in exchange.gtt:
        raise ApiError(404, "UDAPI100010", "Order not found", "gtt_order_id", gtt_id)
    return exchange.gtt[gtt_id]


def _quantity(body: dict[str, Any]) -> int:
    qty = int(number(body, "quantity", 0))
    if qty <= 0:
        raise ApiError(400, "UDAPI1052", "Quantity must be above zero", "quantity", qty)
    return qty


def _rules(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Check the rules: one for SINGLE, two or three for MULTIPLE, an ENTRY always, each strategy once."""
    rules, kind = body.get("rules"), body.get("type")
    if kind not in ("SINGLE", "MULTIPLE"):
        raise ApiError(400, "UDAPI1126", "Invalid GTT type", "type", kind)
    if not isinstance(rules, list) or not all(isinstance(r, dict) for r in rules):
        raise ApiError(400, "UDAPI1136", "Rules are required", "rules", None)
    names = [r.get("strategy") for r in rules]
    if (kind == "SINGLE" and len(rules) != 1) or (kind == "MULTIPLE" and len(rules) not in (2, 3)):
        raise ApiError(400, "UDAPI1136" if kind == "SINGLE" else "UDAPI1137", "Wrong number of rules", "rules", len(rules))
    if "ENTRY" not in names or len(dict.fromkeys(names)) != len(names) or any(n not in STRATEGIES for n in names):
        raise ApiError(400, "UDAPI1141", "An ENTRY rule is required, each strategy once", "rules", names)
    for rule in rules:
        trigger = rule.get("trigger_type")
        if trigger not in TRIGGERS or (rule["strategy"] != "ENTRY" and trigger != "IMMEDIATE"):
            raise ApiError(400, "UDAPI1143", "Invalid trigger type", "trigger_type", trigger)
        number(rule, "trigger_price")
    return rules


def _rule_row(rule: dict[str, Any], side: str) -> dict[str, Any]:
    opposite = "SELL" if side == "BUY" else "BUY"
    return {
        "strategy": rule["strategy"],
        "trigger_type": rule["trigger_type"],
        "trigger_price": rule["trigger_price"],
        "transaction_type": side if rule["strategy"] == "ENTRY" else opposite,
        "message": None,
        "order_id": None,
        "trailing_gap": rule.get("trailing_gap"),
    }


def _bracket(gtt_id: str, row: dict[str, Any]) -> Bracket:
    rules = {r["strategy"]: r for r in row["rules"]}
    entry, stop, target = rules["ENTRY"], rules.get("STOPLOSS", {}), rules.get("TARGET", {})
    return Bracket(
        gtt_id, row["instrument_token"], Side(entry["transaction_type"]), row["quantity"], paise(entry["trigger_price"]),
        paise(stop.get("trigger_price") or 0), paise(target.get("trigger_price") or 0), paise(stop.get("trailing_gap") or 0),
        entry["trigger_type"],
    )  # fmt: skip


def _shown(exchange: Exchange, row: dict[str, Any]) -> dict[str, Any]:
    """Give a GTT as it stands: the states of its rules, the orders they sent, the stop where it is now."""
    bracket = exchange.server.brackets.held[row["gtt_order_id"]]
    rules = []
    for rule in row["rules"]:
        leg = Leg(rule["strategy"])
        shown = rule | {"status": _state(exchange.server, bracket, leg), "order_id": bracket.children.get(leg) or None}
        rules.append(shown | ({"trigger_price": bracket.stop_paise / 100} if leg is Leg.STOPLOSS else {}))
    return row | {"rules": rules}


def _state(server: GttServer, bracket: Bracket, leg: Leg) -> str:
    order_id = bracket.children.get(leg)
    if order_id is not None:
        return server.state(order_id)
    if bracket.is_over:
        return "CANCELLED"
    return "SCHEDULED" if leg is Leg.ENTRY or server.brackets.guarded_qty(bracket) > 0 else "PENDING"


def _tell(exchange: Exchange, gtt_id: str) -> None:
    for listen in exchange.desk.listeners:
        listen({"update_type": "gtt_order", **_shown(exchange, exchange.gtt[gtt_id])})


def _reply(gtt_id: str, started: float) -> web.Response:
    return web.json_response(success({"gtt_order_ids": [gtt_id]}, metadata={"latency": round((time.perf_counter() - started) * 1000)}))
