"""The simulator as one web application: all routes, who may ask, faults, the journal, the ledger.

Reads   every request: it is journalled with its headers (never the token) and body
Writes  Upstox's envelopes; ``/_clock``, ``/_ledger``, ``/_feeds``, ``/_fault``, ``/_token`` are ours, for tests and demos
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pipeline.core.errors import Refused
from pipeline.core.session import ist_text
from pipeline.simulator import account, candles, feed, gtt, hours, login, orders, portfolio, quotes
from pipeline.simulator.answers import ApiError, failure, success
from pipeline.simulator.exchange import EXCHANGE, Exchange
from pipeline.simulator.faults import REQUEST_KINDS, SPOILT_REPLIES, spoil_reply
from pipeline.simulator.market import Bar

OPEN_PATHS = (
    "/_",
    "/feeds",
    "/v2/login/",
    "/v3/login/",
    "/market-quote/instruments/",
    "/v3/historical-candle/",
    "/v2/market/timings/",
    "/v2/market/holidays",
)
ORDER_PATHS = ("/v3/order/", "/v2/order/multi/", "/v2/order/positions/")
WINDOWS = {True: ((10, 1.0),), False: ((50, 1.0), (500, 60.0), (2_000, 1_800.0))}
"""Order calls (True) and reads: so many in so many seconds."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ROUTES = (account, candles, feed, gtt, hours, login, orders, portfolio, quotes)
routes = web.RouteTableDef()


def application(exchange: Exchange) -> web.Application:
    """Put the routes and the middlewares together."""
    app = web.Application(middlewares=[_journal, _envelope, _faults, _limits, _auth], client_max_size=1 << 20)
    app[EXCHANGE] = exchange
    for module in ROUTES:
        app.add_routes(module.routes)
    app.add_routes(routes)
    return app


@web.middleware
async def _journal(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note every request, so that tests can assert on what the broker received."""
    exchange = request.app[EXCHANGE]
    note: dict[str, Any] = {"method": request.method, "path": request.path, "query": dict(request.query)}
    note |= {"sim_ms": exchange.tape.now_ms, "at_s": time.monotonic()}
    note["headers"] = {k: v for k, v in request.headers.items() if k.lower() not in ("authorization", "cookie")}
    note["body"] = (await request.read()).decode("utf-8", "replace") if "login" not in request.path else ""
    exchange.requests.append(note)
    response = await handler(request)
    note["status"] = response.status
    return response


@web.middleware
async def _envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn refusals into Upstox's envelope."""
    try:
        return await handler(request)
    except ApiError as error:
        return web.json_response(failure(error), status=error.status)
    except web.HTTPNotFound:
        return web.json_response(failure(ApiError(404, "UDAPI10000", "This request is not supported by Upstox API")), status=404)
    except web.HTTPMethodNotAllowed:
        return web.json_response(failure(ApiError(405, "UDAPI10000", "This request is not supported by Upstox API")), status=405)


@web.middleware
async def _faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith("/_"):
        return await handler(request)
    fault = request.app[EXCHANGE].faults.take(request.path, REQUEST_KINDS)
    if fault is None:
        return await handler(request)
    if fault.kind in ("status", "refuse_feed"):
        raise ApiError(fault.status, fault.udapi, "fault on demand")
    if fault.delay_s > 0:
        await asyncio.sleep(fault.delay_s)
    if fault.kind in SPOILT_REPLIES:
        good = await handler(request)
        body = good.body if isinstance(good, web.Response) and isinstance(good.body, bytes) else b""
        return web.Response(body=spoil_reply(body, fault.kind), status=good.status, content_type="application/json")
    try:
        response = await handler(request)
    finally:
        if fault.kind == "drop_reply" and request.transport is not None:
            # What was asked is done; only the answer is lost.
            request.transport.abort()
    return response


@web.middleware
async def _limits(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ten order calls a second, and the three windows of reads, when the run asks for it; time may run faster (``limit_pace``)."""
    exchange = request.app[EXCHANGE]
    if exchange.config.rate_limits and not request.path.startswith(("/_", "/feeds", "/portfolio")):
        is_order = request.method != "GET" and request.path.startswith(ORDER_PATHS)
        seen, now = exchange.calls[is_order], time.monotonic() * exchange.config.limit_pace
        if any(len(seen) >= most and seen[-most] > now - window_s for most, window_s in WINDOWS[is_order]):
            raise ApiError(429, "UDAPI10005", "Too Many Request Sent")
        seen.append(now)
    return await handler(request)


@web.middleware
async def _auth(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path != "/portfolio" and not request.path.startswith(OPEN_PATHS):
        request.app[EXCHANGE].tokens.check(request.headers.get("Authorization", ""))
    return await handler(request)


@routes.get("/_clock")
async def clock(request: web.Request) -> web.Response:
    """Simulated time and progress, and the papers that are played."""
    exchange = request.app[EXCHANGE]
    tape, stage = exchange.tape, exchange.stage
    row = {
        "ts": tape.now_ms,
        "ist": ist_text(tape.now_ms),
        "date": exchange.date,
        "maker": exchange.maker.name,
        "is_started": stage.is_started,
        "watch": [{"symbol": p.symbol, "instrument_key": p.key, "name": p.name} for p in exchange.maker.listings],
    }
    counts = {"frames": tape.frames, "updates": tape.updates, "trades": tape.trades}
    return web.json_response(
        {**row, **counts, "is_over": stage.is_over, "connections": exchange.feed_connections, "speed": exchange.config.speed}
    )


@routes.get("/_ledger")
async def ledger(request: web.Request) -> web.Response:
    """Everything this simulator did: orders, trades, quotes, candles, requests."""
    exchange = request.app[EXCHANGE]
    desk, tape = exchange.desk, exchange.tape
    keys = [k for k in request.query.get("instrument_key", "").split(",") if k] or list(desk.listings)
    orders_seen = {order_id: entry.history for order_id, entry in desk.entries.items()}
    content: dict[str, Any] = {"ts": tape.now_ms, "orders": desk.book(), "order_history": orders_seen, "trades": desk.trades}
    content["quotes"] = {k: _quote_row(exchange, k) for k in keys if k in tape.latest}
    content["candles"] = {k: [_bar(b) for b in tape.finished(k)] for k in keys if k in tape.bars}
    content["positions"] = portfolio.positions(desk)
    content["requests"] = list(exchange.requests)
    content["faults"] = exchange.faults.rows()
    return web.json_response(content)


@routes.get("/_feeds")
async def feeds(request: web.Request) -> web.Response:
    """The ledger of the feed's connections, the newest ``last`` of them: what was asked for and what is subscribed."""
    exchange = request.app[EXCHANGE]
    last = request.query.get("last", "")
    seen = list(exchange.feeds_seen)[-int(last) :] if last.isdecimal() and int(last) > 0 else list(exchange.feeds_seen)
    rows = [line.row(with_keys=request.query.get("keys", "1") == "1") for line in seen]
    return web.json_response({"ts": exchange.tape.now_ms, "connections": rows})


@routes.get("/_token")
async def token(request: web.Request) -> web.Response:
    """A token without the dialog, for demos and tests."""
    return web.json_response(success({"access_token": request.app[EXCHANGE].tokens.issue()}))


@routes.post("/_fault")
async def fault(request: web.Request) -> web.Response:
    """Order a fault (one object), or clear them all (``{"kind": "none"}``)."""
    exchange, body = request.app[EXCHANGE], await orders.body_of(request)
    try:
        if body.get("kind") == "none":
            exchange.faults.clear()
            feed.heal(exchange)
        else:
            order = exchange.faults.add(body)
            if order.kind == "token_death":
                exchange.tokens.revoke()
            feed.strike(exchange, order)
    except (Refused, AttributeError) as error:
        raise ApiError(400, "UDAPI100036", str(error)) from error
    return web.json_response(success(exchange.faults.rows()))


def _bar(bar: Bar) -> list[Any]:
    return [bar.ts, bar.open, bar.high, bar.low, bar.close, bar.vol]


def _quote_row(exchange: Exchange, key: str) -> dict[str, Any]:
    update = exchange.tape.latest[key]
    names = ("key", "ltp", "ltt", "ltq", "cp", "atp", "vtt", "oi", "iv", "tbq", "tsq", "bid_px", "bid_qty", "ask_px", "ask_qty")
    row: dict[str, Any] = {name: getattr(update, name) for name in names}
    return row | {"day": None if update.day is None else _bar(update.day), "minute": None if update.minute is None else _bar(update.minute)}
