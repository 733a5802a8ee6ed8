"""The market data feed V3: authorise, one-time address, protobuf frames over a websocket.

Reads   control frames: UTF-8 JSON in *binary* websocket messages (``sub`` ``unsub`` ``change_mode``)
Writes  market_info first, a snapshot of what was subscribed, then live frames; pings
At most two connections, five with the Plus plan. In ``hold`` mode a new connection gets the last frames again, byte for
byte, and no more than 512 frames are under way without a pong. Never answers a control frame, as the real one never does.
"""

from __future__ import annotations

import asyncio
import secrets

from aiohttp import WSCloseCode, WSMsgType, web

from pipeline.simulator.answers import ApiError, success
from pipeline.simulator.connection import Connection
from pipeline.simulator.encode import encode
from pipeline.simulator.exchange import EXCHANGE, Exchange
from pipeline.simulator.faults import FEED_KINDS, STALLS, Fault, spoil
from pipeline.simulator.market import Frame, Kind
from pipeline.simulator.subscriptions import CONNECTIONS, Subscriptions

PING_EVERY = 256
CLOSE_S = 600.0
"""How long a client may take to read what was sent before the day's end."""
routes = web.RouteTableDef()


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
    most = CONNECTIONS[exchange.config.plan]
    if exchange.feed_connections >= most:
        raise ApiError(403, "UDAPI10005", f"at most {most} feed connections")
    # A connection that is stalled does not answer a close either.
    socket = web.WebSocketResponse(autoping=False, autoclose=False, compress=False, max_msg_size=1 << 20)
    await socket.prepare(request)
    number = exchange.feeds_seen[-1].number + 1 if exchange.feeds_seen else 0
    connection = Connection(number, exchange.tape.now_ms, Subscriptions(exchange.config.plan), socket, request.transport)
    exchange.feeds.append(connection)
    exchange.feeds_seen.append(connection)
    for fault in exchange.faults.lasting():
        connection.strike(fault)
    try:
        async with asyncio.TaskGroup() as group:
            talk, ping = group.create_task(_talk(exchange, connection)), group.create_task(_ping(exchange, connection))
            await _listen(exchange, connection)
            await connection.linger()
            ping.cancel()
            talk.cancel()
    finally:
        exchange.feeds.remove(connection)
        if connection.listener is not None:
            exchange.stage.leave(connection.listener)
        connection.end(exchange.tape.now_ms)
    return socket


async def _listen(exchange: Exchange, connection: Connection) -> None:
    """Read control frames, pings and pongs until the socket closes."""
    socket = _socket(connection)
    async for message in socket:
        if connection.is_dumb:
            continue
        if message.type is WSMsgType.BINARY:
            if connection.hear(message.data, exchange.desk.listings, exchange.tape.now_ms):
                connection.subscribed.set()
                exchange.stage.notify()
        elif message.type is WSMsgType.PING:
            await socket.pong(message.data)
        elif message.type is WSMsgType.PONG:
            connection.ponged = max(connection.ponged, int(message.data) if bytes(message.data).isdigit() else 0)
            connection.pong.set()
    if not connection.is_dumb:
        await socket.close(drain=False)


def _socket(connection: Connection) -> web.WebSocketResponse:
    if connection.socket is None:
        raise ConnectionResetError("the connection has ended")
    return connection.socket


async def _ping(exchange: Exchange, connection: Connection) -> None:
    """Ping from time to time: a silent market is not a dead connection."""
    try:
        while connection.socket is not None and not connection.socket.closed and not connection.is_ending:
            await _send_ping(connection)
            await asyncio.sleep(exchange.config.ping_s)
    except ConnectionError:
        return


async def _send_ping(connection: Connection) -> None:
    if connection.is_dumb:
        return
    connection.pinged += 1
    await _socket(connection).ping(str(connection.pinged).encode())


async def _talk(exchange: Exchange, connection: Connection) -> None:
    """Send the market to one client, then close with 1000."""
    stage = exchange.stage
    try:
        is_new = not exchange.config.hold or stage.head == 0
        stage.open()
        if is_new:
            await _send(exchange, connection, Frame(exchange.tape.now_ms - 1, Kind.STATUS, status=exchange.tape.status))
        await connection.subscribed.wait()
        if is_new:
            start = stage.head
            await _snapshot(exchange, connection)
        else:
            start = stage.oldest
            connection.fresh.clear()
        connection.listener = stage.join(start)
        while not stage.is_done(connection.listener):
            frames = await stage.after(connection.listener)
            await _send_batch(exchange, connection, frames)
            stage.read(connection.listener, len(frames))
            # Only at the head: a snapshot of what is yet to be sent would put its time before older frames.
            if connection.fresh and connection.listener.at == stage.head:
                await _snapshot(exchange, connection)
        connection.is_ending = True
        await _read_out(connection)
        await _socket(connection).close(code=WSCloseCode.OK, message=b"session over")
    except ConnectionError:
        return  # the client has gone: the reader sees it too and ends the connection


async def _send_batch(exchange: Exchange, connection: Connection, frames: list[Frame]) -> None:
    for frame in frames:
        await _send(exchange, connection, frame)
        connection.passed += 1
        if exchange.config.hold and connection.passed % PING_EVERY == 0:
            await _checkpoint(connection)


async def _checkpoint(connection: Connection) -> None:
    """Bound what is under way: go on when the ping before this one was answered."""
    before = connection.pinged
    await _send_ping(connection)
    await _ponged(connection, before)


async def _read_out(connection: Connection) -> None:
    """Wait until a slow client has read everything: a close cuts off what is still on its way."""
    await _send_ping(connection)
    async with asyncio.timeout(CLOSE_S):
        await _ponged(connection, connection.pinged)


async def _ponged(connection: Connection, number: int) -> None:
    while connection.ponged < number and not connection.is_dumb and not _socket(connection).closed:
        connection.pong.clear()
        await connection.pong.wait()


async def _snapshot(exchange: Exchange, connection: Connection) -> None:
    """Tell the newest state of the keys that were just subscribed."""
    tape = exchange.tape
    keys, connection.fresh = connection.fresh, []
    updates = tuple(tape.latest[k] for k in dict.fromkeys(keys) if k in tape.latest)
    if updates:
        await _send(exchange, connection, Frame(tape.now_ms, Kind.SNAPSHOT, updates))


async def _send(exchange: Exchange, connection: Connection, frame: Frame) -> None:
    if connection.is_silent:
        return
    payload = encode(frame, connection.modes, exchange.config.clock_offset_ms)
    if payload is None:
        return
    if connection.stall == "freeze" and connection.last:
        payload = connection.last
    fault = exchange.faults.take("/feeds", FEED_KINDS)
    if fault is not None:
        if fault.kind == "drop_frames":
            return
        if fault.kind == "drop_feed":
            connection.cut()
            raise ConnectionResetError("fault: feed dropped")
        if fault.kind == "stall_feed":
            await asyncio.sleep(fault.delay_s)
        payload = spoil(payload, fault.kind)
    connection.last, connection.last_ts = payload, frame.ts
    connection.sent += 1
    await _socket(connection).send_bytes(payload)


def strike(exchange: Exchange, fault: Fault) -> None:
    """Let a fault hit the connections that are open, or the market."""
    loop = asyncio.get_running_loop()
    if fault.kind == "quiet":
        exchange.stage.is_quiet = True
    if fault.kind != "close_code" and fault.kind not in STALLS:
        hit = []
    else:
        hit = [line for line in exchange.feeds if fault.connection in (-1, line.number)]
    for connection in hit:
        fault.done += 1
        if fault.kind == "close_code":
            task = loop.create_task(connection.hang_up(fault.code))
            exchange.tasks.add(task)
            task.add_done_callback(exchange.tasks.discard)
        else:
            connection.strike(fault)
    if fault.seconds > 0 and (fault.kind == "quiet" or fault.lasting):
        loop.call_later(fault.seconds, heal, exchange)
    elif fault.seconds > 0:
        for connection in hit:
            loop.call_later(fault.seconds, connection.heal)


def heal(exchange: Exchange) -> None:
    """End all stalls and the quiet."""
    for connection in exchange.feeds:
        connection.heal()
    exchange.stage.is_quiet = False
