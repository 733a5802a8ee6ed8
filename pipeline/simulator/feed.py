"""The market data feed V3: authorise, one-time address, protobuf frames over a websocket.

Reads   control frames: UTF-8 JSON in *binary* websocket messages (``sub`` ``unsub`` ``change_mode``)
Writes  market_info first, a snapshot of what was subscribed, then live frames; pings
At most two connections. In ``hold`` mode a new connection gets the last frames again, byte for byte, and no
more than 512 frames are under way without a pong. Never answers a control frame, as the real one never does.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from pipeline.simulator.answers import ApiError, success
from pipeline.simulator.encode import MODES, encode
from pipeline.simulator.exchange import EXCHANGE, Exchange
from pipeline.simulator.faults import FEED_KINDS, spoil
from pipeline.simulator.market import Frame, Kind
from pipeline.simulator.stage import Listener

MAX_CONNECTIONS = 2
MAX_KEYS = {"ltpc": 5_000, "option_greeks": 3_000, "full": 2_000, "full_d30": 50}
PING_EVERY = 256
PING_S = 5.0
CLOSE_S = 600.0
"""How long a client may take to read what was sent before the day's end."""
routes = web.RouteTableDef()


@dataclass(slots=True)
class Connection:
    """One socket: what it asked for and how far it has read."""

    exchange: Exchange
    socket: web.WebSocketResponse
    modes: dict[str, str] = field(default_factory=dict)
    listener: Listener | None = None
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)
    fresh: list[str] = field(default_factory=list)
    """Keys that wait for their snapshot."""
    sent: int = 0
    pinged: int = 0
    ponged: int = 0
    pong: asyncio.Event = field(default_factory=asyncio.Event)
    is_ending: bool = False
    """The day is over and our close frame is on its way."""


@routes.get("/v3/feed/market-data-feed/authorize")
async def authorise(request: web.Request) -> web.Response:
    exchange = request.app[EXCHANGE]
    address = f"ws://{request.host}/feeds?requestId={secrets.token_hex(8)}&code={exchange.tokens.feed_code()}"
    return web.json_response(success({"authorized_redirect_uri": address, "authorizedRedirectUri": address}))


@routes.get("/v3/feed/market-data-feed")
async def direct(request: web.Request) -> web.Response:
    """The address that redirects a client with a bearer header."""
    code = request.app[EXCHANGE].tokens.feed_code()
    raise web.HTTPFound(f"ws://{request.host}/feeds?requestId={secrets.token_hex(8)}&code={code}")


@routes.get("/feeds")
async def feeds(request: web.Request) -> web.WebSocketResponse:
    exchange = request.app[EXCHANGE]
    if not exchange.tokens.use_feed_code(request.query.get("code", "")):
        raise ApiError(403, "UDAPI100057", "the code is used up or unknown: authorize again")
    if exchange.feed_connections >= MAX_CONNECTIONS:
        raise ApiError(403, "UDAPI10005", f"at most {MAX_CONNECTIONS} feed connections")
    socket = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
    await socket.prepare(request)
    exchange.feed_sockets.append(socket)
    connection = Connection(exchange, socket)
    try:
        async with asyncio.TaskGroup() as group:
            talk, ping = group.create_task(_talk(connection)), group.create_task(_ping(connection))
            await _listen(connection)
            ping.cancel()
            talk.cancel()
    finally:
        exchange.feed_sockets.remove(socket)
        if connection.listener is not None:
            exchange.stage.leave(connection.listener)
    return socket


async def _listen(connection: Connection) -> None:
    """Read control frames, pings and pongs until the socket closes."""
    async for message in connection.socket:
        if message.type is WSMsgType.BINARY:
            _control(connection, message.data)
        elif message.type is WSMsgType.PING:
            await connection.socket.pong(message.data)
        elif message.type is WSMsgType.PONG:
            connection.ponged = max(connection.ponged, int(message.data) if bytes(message.data).isdigit() else 0)
            connection.pong.set()


def _control(connection: Connection, payload: bytes) -> None:
    """Obey a control frame; nonsense is dropped without a word, as the real one does."""
    try:
        asked = json.loads(payload)
        method, wanted = asked["method"], asked["data"]
        keys, mode = [str(k) for k in wanted["instrumentKeys"]], str(wanted.get("mode", "ltpc"))
    except (ValueError, KeyError, TypeError):
        return
    known = [k for k in keys if k in connection.exchange.desk.listings]
    if method == "unsub":
        for key in known:
            connection.modes.pop(key, None)
    elif method in ("sub", "change_mode") and mode in MODES:
        known = known[: MAX_KEYS[mode]]
        connection.modes.update(dict.fromkeys(known, mode))
        connection.fresh += known
        connection.subscribed.set()
        connection.exchange.stage.notify()


async def _ping(connection: Connection) -> None:
    """Ping from time to time: a silent market is not a dead connection."""
    try:
        while not connection.socket.closed and not connection.is_ending:
            await _send_ping(connection)
            await asyncio.sleep(PING_S)
    except ConnectionError:
        return


async def _send_ping(connection: Connection) -> None:
    connection.pinged += 1
    await connection.socket.ping(str(connection.pinged).encode())


async def _talk(connection: Connection) -> None:
    """Send the market to one client, then close with 1000."""
    exchange, stage = connection.exchange, connection.exchange.stage
    try:
        is_new = not exchange.config.hold or stage.head == 0
        stage.open()
        if is_new:
            await _send(connection, Frame(exchange.tape.now_ms - 1, Kind.STATUS, status=exchange.tape.status))
        await connection.subscribed.wait()
        if is_new:
            start = stage.head
            await _snapshot(connection)
        else:
            start = stage.oldest
            connection.fresh.clear()
        connection.listener = stage.join(start)
        while not stage.is_done(connection.listener):
            frames = await stage.after(connection.listener)
            await _send_batch(connection, frames)
            stage.read(connection.listener, len(frames))
            # Only at the head: a snapshot of what is yet to be sent would put its time before older frames.
            if connection.fresh and connection.listener.at == stage.head:
                await _snapshot(connection)
        connection.is_ending = True
        await _read_out(connection)
        await connection.socket.close(code=WSCloseCode.OK, message=b"session over")
    except ConnectionError:
        return  # the client has gone: the reader sees it too and ends the connection


async def _send_batch(connection: Connection, frames: list[Frame]) -> None:
    for frame in frames:
        await _send(connection, frame)
        connection.sent += 1
        if connection.exchange.config.hold and connection.sent % PING_EVERY == 0:
            await _checkpoint(connection)


async def _checkpoint(connection: Connection) -> None:
    """Bound what is under way: go on when the ping before this one was answered."""
    before = connection.pinged
    await _send_ping(connection)
    while connection.ponged < before and not connection.socket.closed:
        connection.pong.clear()
        await connection.pong.wait()


async def _read_out(connection: Connection) -> None:
    """Wait until a slow client has read everything: a close cuts off what is still on its way."""
    await _send_ping(connection)
    async with asyncio.timeout(CLOSE_S):
        while connection.ponged < connection.pinged and not connection.socket.closed:
            connection.pong.clear()
            await connection.pong.wait()


async def _snapshot(connection: Connection) -> None:
    """Tell the newest state of the keys that were just subscribed."""
    tape = connection.exchange.tape
    keys, connection.fresh = connection.fresh, []
    updates = tuple(tape.latest[k] for k in dict.fromkeys(keys) if k in tape.latest)
    if updates:
        await _send(connection, Frame(tape.now_ms, Kind.SNAPSHOT, updates))


async def _send(connection: Connection, frame: Frame) -> None:
    payload = encode(frame, connection.modes)
    if payload is None:
        return
    fault = connection.exchange.faults.take("/feeds", FEED_KINDS)
    if fault is None:
        await connection.socket.send_bytes(payload)
    elif fault.kind == "stall_feed":
        await asyncio.sleep(fault.delay_s)
        await connection.socket.send_bytes(payload)
    elif fault.kind == "drop_feed":
        raise_reset(connection)
    else:
        await connection.socket.send_bytes(spoil(payload, fault.kind))


def raise_reset(connection: Connection) -> None:
    """Cut the line without a close frame, as a lost network does."""
    transport = connection.socket._req.transport if connection.socket._req is not None else None  # noqa: SLF001 - aiohttp has no public abort
    if transport is not None:
        transport.abort()
    raise ConnectionResetError("fault: feed dropped")
