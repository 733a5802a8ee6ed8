"""Funds, charges, margin, kill switch, static IP: simple, and true to the trades that were made.

Reads   the desk's trades and positions
Writes  Upstox's replies; rupees
Intraday needs a fifth of the value as margin, delivery all of it. Charges are by the rates of core/rates.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from pipeline.core.charges import Charges, Product, charges_for
from pipeline.core.rates import Plan, product_for
from pipeline.simulator.answers import ApiError, number, success
from pipeline.simulator.desk import Desk
from pipeline.simulator.exchange import EXCHANGE, Exchange
from pipeline.simulator.listing import Listing
from pipeline.simulator.orders import body_of
from pipeline.simulator.portfolio import positions

OPENING_BALANCE = 1_000_000.0
INTRADAY_LEVERAGE = 5.0
MOST_MARGIN_LINES = 20
SEGMENTS = ("NSE_EQ", "BSE_EQ", "NSE_FO", "BSE_FO", "NCD_FO", "BCD_FO", "MCX_FO", "NSE_COM")
routes = web.RouteTableDef()


@routes.get("/v2/user/get-funds-and-margin")
async def funds_v2(request: web.Request) -> web.Response:
    used, realised = _used(request.app[EXCHANGE].desk)
    zeros = dict.fromkeys(("payin_amount", "span_margin", "adhoc_margin", "notional_cash", "exposure_margin"), 0.0)
    equity = {"used_margin": used, "available_margin": round(OPENING_BALANCE + realised - used, 2), **zeros}
    commodity = {"used_margin": 0.0, "available_margin": 0.0, **zeros}
    segment = request.query.get("segment", "")
    return web.json_response(
        success(
            {"equity": equity}
            if segment == "SEC"
            else {"commodity": commodity}
            if segment == "COM"
            else {"equity": equity, "commodity": commodity}
        )
    )


@routes.get("/v3/user/get-funds-and-margin")
async def funds_v3(request: web.Request) -> web.Response:
    used, realised = _used(request.app[EXCHANGE].desk)
    total = round(OPENING_BALANCE + realised - used, 2)
    cash = {
        "opening_balance": OPENING_BALANCE,
        "added_today": 0.0,
        "withdrawn_today": 0.0,
        "amount_from_stock_sale": 0.0,
        "unpaid_charges": 0.0,
    }
    loss = {"total": min(realised, 0.0), "realised": min(realised, 0.0), "unrealised": 0.0}
    margin = {"total": used, "mtf": 0.0, "loss": loss, "span_exposure": 0.0, "cash_margin_var_elm": used, "premium_present": 0.0}
    margin["delivery_margin"] = {"total": 0.0, "equity": 0.0, "fo_settlement": 0.0}
    pledge = {"total": 0.0, "margin_from_pledge": {"total": 0.0, "equity": 0.0, "mutual_funds": 0.0}, "margin_used": {"total": 0.0}}
    available = {
        "total": total,
        "cash_available_to_trade": {"total": total, "cash": {"total": OPENING_BALANCE, **cash}, "margin_used": margin},
    }
    locked = {
        "cash_unavailable_to_trade": {
            "total": max(realised, 0.0),
            "unsettled_profit": {"todays_profit": max(realised, 0.0), "previous_days": 0.0},
        }
    }
    locked["pledge_unavailable_to_trade"] = {"total": 0.0, "equity": 0.0, "mutual_funds": 0.0}
    return web.json_response(
        success({"available_to_trade": {**available, "pledge_available_to_trade": pledge}, "unavailable_to_trade": locked})
    )


@routes.get("/v2/charges/brokerage")
async def brokerage(request: web.Request) -> web.Response:
    exchange, query = request.app[EXCHANGE], request.query
    listing = exchange.listing(query.get("instrument_token", ""))
    side, product = query.get("transaction_type", ""), query.get("product", "")
    try:
        value = round(int(query["quantity"]) * float(query["price"]) * 100)
    except (KeyError, ValueError) as error:
        raise ApiError(400, "UDAPI100036", "quantity and price must be numbers", "quantity", query.get("quantity")) from error
    if side not in ("BUY", "SELL") or product not in ("I", "D", "MTF") or value <= 0:
        raise ApiError(400, "UDAPI100036", "Invalid transaction type, product or quantity")
    owed = _charges(listing, product, (value, 0) if side == "BUY" else (0, value), exchange)
    taxes = {"gst": owed.gst, "stt": owed.stt, "stamp_duty": owed.stamp}
    others = {"transaction": owed.transaction, "clearing": 0.0, "ipft": owed.ipft, "sebi_turnover": owed.sebi}
    rounded = {name: _rupees(paise) for name, paise in others.items()}
    charges = {"total": _rupees(owed.exact), "brokerage": _rupees(owed.brokerage), "taxes": {k: _rupees(v) for k, v in taxes.items()}}
    plan = {"name": "DEMAT", "min_expense": 0.0}
    both = {"otherTaxes": rounded, "other_charges": rounded, "dpPlan": plan, "dp_plan": plan}
    return web.json_response(success({"charges": charges | both}))


@routes.post("/v2/charges/margin")
async def margin(request: web.Request) -> web.Response:
    exchange, body = request.app[EXCHANGE], await body_of(request)
    lines = body.get("instruments") if isinstance(body, dict) else None
    if not isinstance(lines, list) or not lines:
        raise ApiError(400, "UDAPI100036", "instruments are required", "instruments", None)
    if len(lines) > MOST_MARGIN_LINES:
        raise ApiError(400, "UDAPI1102", f"at most {MOST_MARGIN_LINES} instruments", "instruments", len(lines))
    rows = []
    for line in lines:
        listing = exchange.listing(str(line.get("instrument_key")))
        px = number(line, "price", 0.0) or exchange.tape.latest[listing.key].ltp
        need = round(px * number(line, "quantity") / (INTRADAY_LEVERAGE if line.get("product") == "I" else 1), 2)
        zeros = dict.fromkeys(("span_margin", "exposure_margin", "net_buy_premium", "additional_margin", "tender_margin"), 0.0)
        rows.append({"equity_margin": need, "total_margin": need, **zeros})
    total = round(sum(row["total_margin"] for row in rows), 2)
    return web.json_response(success({"required_margin": total, "final_margin": total, "margins": rows}))


@routes.get("/v2/user/kill-switch")
async def kill_switch(request: web.Request) -> web.Response:
    return web.json_response(success(_switches(request.app[EXCHANGE].kill_switch)))


@routes.post("/v2/user/kill-switch")
async def set_kill_switch(request: web.Request) -> web.Response:
    """Switch segments; refused while a position is open, all or nothing."""
    exchange, body = request.app[EXCHANGE], await body_of(request)
    if not isinstance(body, list) or any(not isinstance(row, dict) or row.get("segment") not in SEGMENTS for row in body):
        raise ApiError(400, "UDAPI1186", "Invalid segment", "segment", None)
    if any(row.get("action") not in ("ENABLE", "DISABLE") for row in body):
        raise ApiError(400, "UDAPI1188", "Invalid action", "action", None)
    off = {row["segment"] for row in body if row["action"] == "DISABLE"}
    if any(p["quantity"] != 0 and str(p["instrument_token"]).partition("|")[0] in off for p in positions(exchange.desk)):
        raise ApiError(400, "UDAPI1184", "Positions are open in the segment")
    for entry in list(exchange.desk.entries.values()):
        if entry.order.symbol.partition("|")[0] in off and entry.order.leaves_qty > 0:
            exchange.desk.cancel(entry.order.order_id)
    exchange.kill_switch.update({row["segment"]: row["action"] for row in body})
    return web.json_response(success(_switches(exchange.kill_switch)))


@routes.get("/v2/user/ip")
async def static_ip(request: web.Request) -> web.Response:
    del request
    return web.json_response(
        success({"primary_ip": "127.0.0.1", "secondary_ip": None, "primary_ip_updated_at": None, "secondary_ip_updated_at": None})
    )


def _switches(known: dict[str, str]) -> list[dict[str, Any]]:
    states = {segment: known.get(segment, "ENABLE") == "DISABLE" for segment in SEGMENTS}
    return [{"segment": s, "segment_status": "INACTIVE" if off else "ACTIVE", "kill_switch_enabled": off} for s, off in states.items()]


def _used(desk: Desk) -> tuple[float, float]:
    """Margin that positions and open orders bind, and the day's realised profit."""
    rows = positions(desk)
    bound = sum(abs(r["quantity"]) * r["average_price"] / (INTRADAY_LEVERAGE if r["product"] == "I" else 1) for r in rows)
    for entry in desk.entries.values():
        px = entry.order.limit_paise / 100
        bound += entry.order.leaves_qty * px / (INTRADAY_LEVERAGE if entry.row["product"] == "I" else 1)
    return round(bound, 2), round(sum(r["realised"] for r in rows), 2)


def _charges(listing: Listing, product: str, turnover: tuple[int, int], exchange: Exchange) -> Charges:
    same_day = product_for(listing.segment, listing.symbol)
    is_delivery = product != "I" and not listing.segment.endswith("_FO")
    return charges_for(Product.DELIVERY if is_delivery else same_day, turnover, 1, exchange.date, Plan(exchange.config.plan))


def _rupees(paise: float) -> float:
    return round(paise / 100, 4)
