"""Order calls over HTTP: place, modify, cancel (V3), book, history, trades (V2), several at once, exit all.

Reads   JSON bodies and queries
Writes  Upstox's replies; the desk does the work
"""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from pipeline.simulator.answers import ApiError, success
from pipeline.simulator.blotter import checked
from pipeline.simulator.desk import FINAL, Desk
from pipeline.simulator.exchange import EXCHANGE
from pipeline.simulator.portfolio import net_positions

MOST_LINES = 10
MAX_CORRELATION = 20
routes = web.RouteTableDef()


async def body_of(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise ApiError(400, "UDAPI100038", "Invalid input passed to the API") from error


async def _object(request: web.Request) -> dict[str, Any]:
    body = await body_of(request)
    if not isinstance(body, dict):
        raise ApiError(400, "UDAPI100038", "Invalid input passed to the API")
    return body


def _timed(content: Any, started: float) -> web.Response:
    return web.json_response(success(content, metadata={"latency": round((time.perf_counter() - started) * 1000)}))


@routes.post("/v3/order/place")
async def place(request: web.Request) -> web.Response:
    started = time.perf_counter()
    return _timed({"order_ids": request.app[EXCHANGE].desk.place(await _object(request))}, started)


@routes.put("/v3/order/modify")
async def modify(request: web.Request) -> web.Response:
    started = time.perf_counter()
    return _timed({"order_id": request.app[EXCHANGE].desk.modify(await _object(request))}, started)


@routes.delete("/v3/order/cancel")
async def cancel(request: web.Request) -> web.Response:
    started = time.perf_counter()
    return _timed({"order_id": request.app[EXCHANGE].desk.cancel(request.query.get("order_id", ""))}, started)


@routes.get("/v2/order/retrieve-all")
async def book(request: web.Request) -> web.Response:
    return web.json_response(success(request.app[EXCHANGE].desk.book()))


@routes.get("/v2/order/details")
async def details(request: web.Request) -> web.Response:
    return web.json_response(success(request.app[EXCHANGE].desk.entry(request.query.get("order_id", "")).row))


@routes.get("/v2/order/history")
async def history(request: web.Request) -> web.Response:
    desk = request.app[EXCHANGE].desk
    tag, order_id = request.query.get("tag", ""), request.query.get("order_id", "")
    if order_id:
        entries = [desk.entry(order_id)]
        if tag and entries[0].row["tag"] != tag:
            raise ApiError(404, "UDAPI100010", "Order not found", "tag", tag)
    elif tag:
        entries = [e for e in desk.entries.values() if e.row["tag"] == tag]
    else:
        raise ApiError(400, "UDAPI1003", "Order id or tag is required", "order_id", None)
    left_out = ("pending_quantity", "guid", "status_message_raw", "order_ref_id")
    rows = [{k: v for k, v in row.items() if k not in left_out} for e in entries for row in e.history]
    return web.json_response(success(rows))


@routes.get("/v2/order/trades/get-trades-for-day")
async def trades(request: web.Request) -> web.Response:
    return web.json_response(success(request.app[EXCHANGE].desk.trades))


@routes.get("/v2/order/trades")
async def trades_of(request: web.Request) -> web.Response:
    desk = request.app[EXCHANGE].desk
    entry = desk.entry(request.query.get("order_id", ""))
    return web.json_response(success([t for t in desk.trades if t["order_id"] == entry.order.order_id]))


@routes.post("/v2/order/multi/place")
async def place_many(request: web.Request) -> web.Response:
    lines, desk = await body_of(request), request.app[EXCHANGE].desk
    _check_lines(lines)
    faulty = _line_errors(lines, desk)
    if faulty:
        # One bad line stops them all.
        return web.json_response(_many([], faulty, len(lines), len(faulty)), status=400)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for line in sorted(lines, key=lambda row: row["transaction_type"] != "BUY"):
        try:
            ids = desk.place(line)
        except ApiError as error:
            failed.append(error.row() | {"correlation_id": line["correlation_id"]})
            continue
        name = str(line["correlation_id"])
        done += [{"correlation_id": name if len(ids) == 1 else f"{name}_{n}", "order_id": i} for n, i in enumerate(ids, 1)]
    return web.json_response(_many(done, failed, len(lines), 0), status=207 if failed and done else 200 if done else 400)


def _check_lines(lines: Any) -> None:
    if not isinstance(lines, list) or not lines:
        raise ApiError(400, "UDAPI1114", "At least one order is required")
    if len(lines) > MOST_LINES:
        raise ApiError(400, "UDAPI1118", f"At most {MOST_LINES} orders")
    names = [line.get("correlation_id") if isinstance(line, dict) else None for line in lines]
    if any(not isinstance(n, str) or not n or len(n) > MAX_CORRELATION for n in names):
        raise ApiError(400, "UDAPI1115", "Each order needs a correlation_id of at most 20 characters", "correlation_id")
    if len(dict.fromkeys(names)) != len(names):
        raise ApiError(400, "UDAPI1117", "Duplicate correlation_id", "correlation_id")


def _line_errors(lines: list[dict[str, Any]], desk: Desk) -> list[dict[str, Any]]:
    out = []
    for line in lines:
        try:
            checked(line, desk.listings)
        except ApiError as error:
            out.append(error.row() | {"correlation_id": line["correlation_id"]})
    return out


def _many(done: list[dict[str, Any]], failed: list[dict[str, Any]], total: int, payload: int) -> dict[str, Any]:
    word = "success" if not failed else "partial_success" if done else "error"
    summary = {"total": total, "success": total - len(failed), "error": len(failed), "payload_error": payload}
    return {"status": word, "data": done, "errors": failed or None, "summary": summary}


@routes.delete("/v2/order/multi/cancel")
async def cancel_many(request: web.Request) -> web.Response:
    desk = request.app[EXCHANGE].desk
    rows = [e.row for e in desk.entries.values() if e.row["status"] not in FINAL and _concerns(request, e.row)]
    if not rows:
        raise ApiError(400, "UDAPI1109", "No open orders to cancel")
    ids = [desk.cancel(row["order_id"]) for row in rows[:MOST_LINES]]
    return web.json_response(success({"order_ids": ids}, errors=None, summary={"total": len(ids), "success": len(ids), "error": 0}))


@routes.post("/v2/order/positions/exit")
async def exit_positions(request: web.Request) -> web.Response:
    desk = request.app[EXCHANGE].desk
    tags = {row["order_id"]: row["tag"] for row in desk.book()}
    wanted = request.query.get("tag", "")
    chosen = [t for t in desk.trades if not wanted or (tags[t["order_id"]] == wanted and t["product"] == "I")]
    held = [(key, product, net) for (key, product), net in net_positions(chosen).items() if net != 0]
    segment = request.query.get("segment", "")
    held = [h for h in held if not segment or desk.listings[h[0]].segment == segment][:MOST_LINES]
    if not held:
        raise ApiError(400, "UDAPI1111", "No open positions to exit")
    if not _is_open(desk):
        raise ApiError(400, "UDAPI1113", "Positions can be exited in market hours only")
    ids: list[str] = []
    for key, product, net in sorted(held, key=lambda h: h[2] > 0):
        order = {"instrument_token": key, "product": product, "order_type": "MARKET", "validity": "DAY", "quantity": abs(net)}
        ids += desk.place({**order, "transaction_type": "SELL" if net > 0 else "BUY", "slice": True, "market_protection": -1})
    return web.json_response(success({"order_ids": ids}, errors=None, summary={"total": len(ids), "success": len(ids), "error": 0}))


def _is_open(desk: Desk) -> bool:
    windows = [w for group in desk.day.windows for w in desk.day.continuous(group)]
    return any(w.start_ms <= desk.tape.now_ms < w.end_ms for w in windows)


def _concerns(request: web.Request, row: dict[str, Any]) -> bool:
    tag, segment = request.query.get("tag", ""), request.query.get("segment", "")
    return (not tag or row["tag"] == tag) and (not segment or str(row["instrument_token"]).startswith(f"{segment}|"))
