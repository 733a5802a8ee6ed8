"""Order and trade rows as Upstox's book shows them, and the checks of a place body.

Reads   order bodies as V3 sends them (rupees); orders and fills of the venue (paise, shares)
Writes  plain rows, and the body with what may be left out filled in
A body is refused with the code of its first wrong field. Never knows a phase, a price band or a quote.
"""

from __future__ import annotations

from typing import Any

from pipeline.engine.matching import ORDER_TYPES, VenueEvent, VenueOrder
from pipeline.simulator.answers import ApiError, local_time, number
from pipeline.simulator.listing import Listing
from pipeline.simulator.tokens import USER_ID

__all__ = ["MAX_TAG", "ORDER_TYPES", "STOPS", "checked", "order_row", "paise", "shown_terms", "trade_row"]

PRODUCTS = ("I", "D", "MTF")
STOPS = ("SL", "SL-M")
VALIDITIES = ("DAY", "IOC")
MAX_TAG = 40


def shown_terms(order: VenueOrder) -> dict[str, Any]:
    """What of an order's row a modification can change; rupees."""
    return {
        "quantity": order.qty,
        "price": order.limit_paise / 100,
        "trigger_price": order.trigger_paise / 100,
        "order_type": order.order_type,
    }


def paise(px: float) -> int:
    return round(px * 100)


def checked(body: dict[str, Any], listings: dict[str, Listing]) -> dict[str, Any]:
    """Check a place body and fill in what may be left out.

    Raises:
        ApiError: with the code of the first field that is wrong.
    """
    key, kind = body.get("instrument_token"), body.get("order_type")
    qty = number(body, "quantity", 0)
    rules: list[tuple[bool, str, str, str]] = [
        (not key, "UDAPI1026", "Instrument key is required", "instrument_token"),
        (key not in listings, "UDAPI100011", "Invalid Instrument key", "instrument_token"),
        (qty <= 0 or qty != int(qty), "UDAPI1052", "Quantity must be a whole number above zero", "quantity"),
        (not kind, "UDAPI1004", "Order type is required", "order_type"),
        (kind not in ORDER_TYPES, "UDAPI1056", "Invalid order type", "order_type"),
        (not body.get("validity"), "UDAPI1007", "Validity is required", "validity"),
        (body.get("validity") not in VALIDITIES, "UDAPI1055", "Invalid validity", "validity"),
        (body.get("product") not in PRODUCTS, "UDAPI100036", "Invalid product", "product"),
        (body.get("transaction_type") not in ("BUY", "SELL"), "UDAPI100036", "Invalid transaction type", "transaction_type"),
        (kind in ("LIMIT", "SL") and number(body, "price", 0.0) <= 0, "UDAPI1043", "Price is required", "price"),
        (kind in STOPS and number(body, "trigger_price", 0.0) <= 0, "UDAPI100036", "Trigger price is required", "trigger_price"),
        (number(body, "price", 0.0) < 0 or number(body, "trigger_price", 0.0) < 0, "UDAPI100036", "Price cannot be negative", "price"),
        (len(str(body.get("tag") or "")) > MAX_TAG, "UDAPI1119", f"Tag is longer than {MAX_TAG} characters", "tag"),
        (kind == "MARKET" and body.get("market_protection") == 0, "UDAPI1158", "Market orders need protection: use a limit", "order_type"),
    ]
    for is_wrong, code, message, path in rules:
        if is_wrong:
            raise ApiError(400, code, message, path, body.get(path))
    return {
        "instrument_token": key,
        "quantity": int(qty),
        "order_type": kind,
        "validity": body["validity"],
        "product": body["product"],
        "transaction_type": body["transaction_type"],
        "price": float(number(body, "price", 0.0)),
        "trigger_price": float(number(body, "trigger_price", 0.0)),
        "disclosed_quantity": int(number(body, "disclosed_quantity", 0)),
        "tag": str(body.get("tag") or ""),
    }


def order_row(asked: dict[str, Any], order: VenueOrder, listing: Listing, now: int) -> dict[str, Any]:
    return {
        "exchange": "NFO" if listing.segment == "NSE_FO" else listing.segment.partition("_")[0],
        **asked,
        "guid": None,
        "placed_by": USER_ID,
        "trading_symbol": listing.symbol,
        "tradingsymbol": listing.symbol,
        "average_price": 0.0,
        "filled_quantity": 0,
        "pending_quantity": order.qty,
        "status": "",
        "status_message": "",
        "status_message_raw": "",
        "exchange_order_id": f"11{order.order_id}",
        "parent_order_id": None,
        "order_id": order.order_id,
        "variety": "SIMPLE",
        "order_timestamp": local_time(now),
        "exchange_timestamp": local_time(now),
        "is_amo": False,
        "order_request_id": "1",
        "order_ref_id": f"SIM{order.order_id}",
    }


def trade_row(row: dict[str, Any], event: VenueEvent) -> dict[str, Any]:
    kept = ("exchange", "product", "trading_symbol", "tradingsymbol", "instrument_token", "order_type", "transaction_type")
    return {name: row[name] for name in kept} | {
        "quantity": event.qty,
        "average_price": event.px_paise / 100,
        "exchange_order_id": row["exchange_order_id"],
        "order_id": row["order_id"],
        "exchange_timestamp": local_time(event.ts),
        "trade_id": event.trade_id,
        "order_ref_id": row["order_ref_id"],
        "order_timestamp": row["order_timestamp"],
    }
