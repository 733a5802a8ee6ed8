"""Positions from trades, and the portfolio stream.

Reads   the desk's trades, the tape's last prices
Writes  position rows; one text JSON frame per change of an order, with ``update_type``
The stream gives no snapshot on connect: read the book and the positions over REST, as with the real one.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any
from urllib.parse import quote

from aiohttp import web

from pipeline.simulator.answers import ApiError, success
from pipeline.simulator.desk import Desk
from pipeline.simulator.exchange import EXCHANGE

UPDATE_TYPES = ("order", "gtt_order", "position", "holding")
ADDRESS = "/v2/feed/portfolio-stream-feed"
PING_S = 5.0
routes = web.RouteTableDef()


def net_positions(trades: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Net quantity by (instrument key, product)."""
    out: dict[tuple[str, str], int] = {}
    for trade in trades:
        place = (trade["instrument_token"], trade["product"])
        out[place] = out.get(place, 0) + trade["quantity"] * (1 if trade["transaction_type"] == "BUY" else -1)
    return out


def positions(desk: Desk) -> list[dict[str, Any]]:
    """Position rows; closed ones stay with quantity 0."""
    return [_position(desk, key, product) for key, product in net_positions(desk.trades)]


def _position(desk: Desk, key: str, product: str) -> dict[str, Any]:
    mine = [t for t in desk.trades if t["instrument_token"] == key and t["product"] == product]
    bought = [t for t in mine if t["transaction_type"] == "BUY"]
    sold = [t for t in mine if t["transaction_type"] == "SELL"]
    buy_qty, sell_qty = sum(t["quantity"] for t in bought), sum(t["quantity"] for t in sold)
    buy_value = round(sum(t["quantity"] * t["average_price"] for t in bought), 2)
    sell_value = round(sum(t["quantity"] * t["average_price"] for t in sold), 2)
    net, closed = buy_qty - sell_qty, min(buy_qty, sell_qty)
    buy_px, sell_px = buy_value / buy_qty if buy_qty else 0.0, sell_value / sell_qty if sell_qty else 0.0
    update = desk.tape.latest[key]
    realised = closed * (sell_px - buy_px)
    average = buy_px if net > 0 else sell_px if net < 0 else 0.0
    unrealised = net * (update.ltp - average)
    day = {"day_buy_value": buy_value, "day_buy_price": round(buy_px, 4), "day_buy_quantity": buy_qty}
    day |= {"day_sell_value": sell_value, "day_sell_price": round(sell_px, 4), "day_sell_quantity": sell_qty}
    over = dict.fromkeys(("overnight_quantity", "overnight_buy_quantity", "overnight_sell_quantity"), 0)
    return {
        **day,
        **over,
        "overnight_buy_amount": 0.0,
        "overnight_sell_amount": 0.0,
        "exchange": mine[0]["exchange"],
        "multiplier": 1.0,
        "value": round(buy_value - sell_value, 2),
        "pnl": round(realised + unrealised, 2),
        "product": product,
        "instrument_token": key,
        "average_price": round(average, 4),
        "buy_value": buy_value,
        "sell_value": sell_value,
        "quantity": net,
        "last_price": update.ltp,
        "unrealised": round(unrealised, 2),
        "realised": round(realised, 2),
        "trading_symbol": mine[0]["trading_symbol"],
        "tradingsymbol": mine[0]["trading_symbol"],
        "close_price": update.cp,
        "buy_price": round(buy_px, 4),
        "sell_price": round(sell_px, 4),
    }


@routes.get("/v2/portfolio/short-term-positions")
async def short_term(request: web.Request) -> web.Response:
    return web.json_response(success(positions(request.app[EXCHANGE].desk)))


@routes.get("/v2/portfolio/long-term-holdings")
async def holdings(request: web.Request) -> web.Response:
    del request
    return web.json_response(success([]))


@routes.get("/v3/portfolio/mtf-positions")
async def mtf(request: web.Request) -> web.Response:
    rows = positions(request.app[EXCHANGE].desk)
    return web.json_response(success([row for row in rows if row["product"] == "MTF"]))


@routes.get(f"{ADDRESS}/authorize")
async def authorise(request: web.Request) -> web.Response:
    address = _address(request)
    return web.json_response(success({"authorized_redirect_uri": address, "authorizedRedirectUri": address}))


@routes.get(ADDRESS)
async def direct(request: web.Request) -> web.Response:
    raise web.HTTPFound(_address(request))


def _address(request: web.Request) -> str:
    kinds = quote(request.query.get("update_types", "order"), safe="")
    code = request.app[EXCHANGE].tokens.feed_code()
    return f"ws://{request.host}/portfolio?requestId={secrets.token_hex(8)}&update_types={kinds}&code={code}"


@routes.get("/portfolio")
async def stream(request: web.Request) -> web.WebSocketResponse:
    exchange = request.app[EXCHANGE]
    if not exchange.tokens.use_feed_code(request.query.get("code", "")):
        raise ApiError(403, "UDAPI100057", "the code is used up or unknown: authorize again")
    wanted = set(request.query.get("update_types", "order").split(",")) & set(UPDATE_TYPES)
    waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    socket = web.WebSocketResponse(heartbeat=PING_S)
    await socket.prepare(request)

    def listen(row: dict[str, Any]) -> None:
        if row.get("update_type", "order") in wanted:
            waiting.put_nowait(row)

    exchange.desk.listeners.append(listen)
    exchange.portfolio_sockets.append(socket)
    try:
        async with asyncio.TaskGroup() as group:
            talk = group.create_task(_talk(socket, waiting))
            async for _ in socket:
                pass  # the client has nothing to say
            talk.cancel()
    finally:
        exchange.desk.listeners.remove(listen)
        exchange.portfolio_sockets.remove(socket)
    return socket


async def _talk(socket: web.WebSocketResponse, waiting: asyncio.Queue[dict[str, Any]]) -> None:
    try:
        while True:
            row = await waiting.get()
            await socket.send_json(row if "update_type" in row else order_event(row))
    except ConnectionError:
        return


def order_event(row: dict[str, Any]) -> dict[str, Any]:
    """An order row as the stream sends it."""
    return {"update_type": "order", "user_id": "SIM001", "instrument_key": row["instrument_token"], **row}
