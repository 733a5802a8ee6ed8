"""The dashboard's server: one page, a few JSON addresses, one websocket. Loopback only.

Reads   Redis through :mod:`web.reader`, a few times a second while somebody looks
Writes  CONFIRM_PAGE: one answer to one recommendation, stamped with the feed's newest instant; emergency words (web/stop.py)
Never   places an order, takes a command over the socket, lifts a halt, or listens beyond this machine unless told to.

When Redis goes away the server stays: the page keeps the last values and says how old they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import redis.exceptions
from aiohttp import web

from pipeline.core.errors import Refused
from pipeline.core.schema import CONFIRM_PAGE, Role
from pipeline.core.session import SessionDay
from pipeline.core.types import TIMEFRAMES, Confirmation
from pipeline.run.options import Settings
from pipeline.store import client as store_client
from web import assets, metrics, overlays, single, views
from web.guard import Guard, add_headers, middleware
from web.live import Board, Sockets
from web.reader import Reader
from web.replies import bad, error, texts
from web.stop import Stops

PUSH_S = 0.25
"""About four pictures a second."""
RETRY_S = 1.0
MAX_BODY = 4096
MAX_CANDLES = 2000
MAX_TRADES = 200
ANSWERS = ("confirm", "reject")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Address:
    host: str = "127.0.0.1"
    port: int = 8080
    is_open: bool = False
    """The user wants other machines to reach the page. There is no login: think twice."""


class Page:
    """Handlers and the pump, around one board."""

    def __init__(self, reader: Reader, clients: Mapping[Role, Any], board: Board, guard: Guard, settings: Settings) -> None:
        self.reader, self.board, self.guard = reader, board, guard
        self.stops = Stops(settings, self._show_halt)
        self.sockets = Sockets(board)
        self._clients = clients
        self._assets = assets.page_assets()
        self._charts = assets.find_charts()
        self._show_halt()
        board.add("charts", {"is_usable": self._charts.is_usable, "problem": self._charts.problem})
        self._polled_at = 0.0
        self._turn = asyncio.Lock()
        self._answering = asyncio.Lock()
        self._answered: set[str] = set()

    # ------------------------------------------------------------------ reading

    async def refresh(self, max_age_s: float = PUSH_S) -> None:
        """Poll, unless somebody just did. A server that is away is shown, not raised."""
        async with self._turn:
            if time.monotonic() - self._polled_at < max_age_s:
                return
            try:
                self.board.show(await self.reader.poll(), time.time_ns() // 1_000_000)
            except (redis.exceptions.RedisError, OSError) as why:
                self.board.lose(_short(why))
            self._show_halt()
            self._polled_at = time.monotonic()

    def _show_halt(self) -> None:
        """Show what holds; it may have changed without Redis."""
        holds = self.stops.view(self.board.said)
        if holds != self.board.state["halt"]:
            self.board.add("halt", holds)
            self.sockets.wake()

    async def pump(self, stop: asyncio.Event) -> None:
        """Poll and push while somebody looks, until stopped. Never cancelled: redis-py may swallow a cancellation."""
        while not stop.is_set():
            if len(self.sockets) > 0:
                await self.refresh(PUSH_S / 2)
                self.sockets.wake()
            is_up = self.board.state["store"]["is_up"] or len(self.sockets) == 0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PUSH_S if is_up else RETRY_S)

    # ------------------------------------------------------------------ files

    async def file(self, request: web.Request) -> web.Response:
        asset = self._assets[request.path]
        response = web.Response(body=asset.body, content_type=asset.content_type, charset="utf-8")
        if asset.content_type == "text/html":
            self.guard.set_cookie(response)
        return response

    async def charts(self, _request: web.Request) -> web.Response:
        if self._charts.asset is None:
            raise web.HTTPNotFound(text=self._charts.problem)
        return web.Response(body=self._charts.asset.body, content_type=self._charts.asset.content_type, charset="utf-8")

    # ------------------------------------------------------------------ JSON

    async def state(self, _request: web.Request) -> web.Response:
        await self.refresh()
        return web.json_response(self.board.state)

    async def part(self, request: web.Request) -> web.Response:
        await self.refresh()
        name = request.path.rsplit("/", 1)[-1]
        return web.json_response({name: self.board.state[name], "clock": self.board.state["clock"], "store": self.board.state["store"]})

    async def trades(self, request: web.Request) -> web.Response:
        limit = _number(request, "limit", 50, MAX_TRADES)
        await self.refresh()
        return web.json_response({name: rows[:limit] for name, rows in self.board.state["trades"].items()})

    async def quote(self, request: web.Request) -> web.Response:
        await self.refresh()
        row = self.board.state["watch"].get(request.match_info["symbol"])
        if row is None:
            raise _not_watched(request)
        return web.json_response({**row, "now": self.board.now})

    async def candles(self, request: web.Request) -> web.Response:
        symbol, label = request.match_info["symbol"], request.query.get("timeframe", "1m")
        limit = _number(request, "limit", 300, MAX_CANDLES)
        minutes = label.removesuffix("m")
        if minutes not in {str(known) for known in TIMEFRAMES}:
            raise bad(f"timeframe must be one of {', '.join(f'{known}m' for known in TIMEFRAMES)}")
        await self.refresh()
        if symbol not in self.board.state["watch"]:
            raise _not_watched(request)
        try:
            columns = await self.reader.candles(symbol, int(minutes), limit + overlays.WARMUP)
            newest = await self.reader.indicators(symbol, int(minutes))
            record = await self.reader.patterns(symbol, int(minutes))
        except (redis.exceptions.RedisError, OSError) as why:
            raise _away(why) from why
        rows = views.candles(columns)
        shown = {
            "candles": rows[-limit:],
            "overlays": overlays.lines(rows, limit),
            "indicators": newest,
            "patterns": views.patterns(record),
        }
        return web.json_response({"symbol": symbol, "timeframe": f"{minutes}m", **shown})

    async def metrics(self, _request: web.Request) -> web.Response:
        await self.refresh()
        body = metrics.exposition(self.board.state, len(self.sockets)).encode()
        return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})

    async def close(self) -> None:
        """Let go of sockets and connections."""
        await self.stops.close()
        await self.sockets.close()
        for client in self._clients.values():
            await client.aclose()

    # ------------------------------------------------------------------ what writes

    async def confirm(self, request: web.Request) -> web.Response:
        """Append one answer. The first wins, here and in the orders process; a late one is refused."""
        wish = await _body(request)
        async with self._answering:
            await self.refresh(0.0)
            self._require_answerable(wish)
            record = Confirmation(self.board.now, wish["recommendation_id"], wish["answer"], CONFIRM_PAGE.writer)
            try:
                entry_id = await store_client.append_async(self._clients[Role.DERIVED], CONFIRM_PAGE, record)
            except (redis.exceptions.RedisError, OSError) as why:
                raise _away(why) from why
            self._answered.add(record.recommendation_id)
        await self.refresh(0.0)
        self.sockets.wake()
        return web.json_response({"recommendation_id": record.recommendation_id, "answer": record.answer, "id": str(entry_id)})

    async def stop(self, request: web.Request) -> web.Response:
        """Pull an emergency string."""
        return await self.stops.pull(request, self.board.state["halt"])

    async def single(self, request: web.Request) -> web.Response:
        """Cancel one entry or close one position."""
        await self.refresh(0.0)
        return await single.act(request, self.stops, self.board.state, self._clients[Role.DERIVED])

    def _require_answerable(self, wish: Mapping[str, str]) -> None:
        state = self.board.state
        if not state["store"]["is_up"]:
            raise error(503, f"Redis is away ({state['store']['error']}): nothing was sent")
        wanted = wish["recommendation_id"]
        found = next((view for view in state["recommendations"] if view["id"] == wanted), None)
        if found is None:
            raise error(404, "no such recommendation is on the page")
        if not self.guard.is_nonce(wanted, wish["nonce"]):
            raise error(403, "the nonce is wrong: load the page again")
        if found["state"] in {"confirmed", "rejected"} or wanted in self._answered:
            raise error(409, "it has been answered already: the first answer counts")
        if state["halt"]["level"] and wish["answer"] == "confirm":
            raise error(409, f"{state['halt']['title']}: nothing was sent")
        if found["state"] == "expired":
            raise error(410, "it has expired: nothing was sent")
        is_typed = wish["typed"].strip().upper() == found["symbol"].upper()
        if state["session"]["is_real"] and wish["answer"] == "confirm" and not is_typed:
            raise error(428, f"a real order needs its symbol typed: {found['symbol']}")


def _not_watched(request: web.Request) -> web.HTTPException:
    return error(404, f"{request.match_info['symbol'][:40]!r} is not on today's watchlist")


def _away(why: BaseException) -> web.HTTPException:
    return error(503, f"Redis is away ({_short(why)}): look whether the answer shows before you repeat it")


def _short(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 6 and 1 <= int(text) <= most):
        raise bad(f"{name} must be a whole number from 1 to {most}")
    return int(text)


async def _body(request: web.Request) -> dict[str, str]:
    """Read ``{recommendation_id, answer, nonce}`` and, for real orders, ``typed``."""
    wish = await texts(request, frozenset({"recommendation_id", "answer", "nonce"}))
    if wish["answer"] not in ANSWERS:
        raise bad("answer must be confirm or reject")
    return wish


def make_app(page: Page) -> web.Application:
    """Put guard, headers and addresses together; the pump runs as long as the app does."""
    app = web.Application(middlewares=[middleware(page.guard)], client_max_size=MAX_BODY)
    app.on_response_prepare.append(add_headers)
    for path in assets.page_assets():
        app.router.add_get(path, page.file)
    app.router.add_get("/vendor/lightweight-charts.js", page.charts)
    app.router.add_get("/live", page.sockets.serve)
    api = "/api/v1/"
    app.router.add_get(api + "state", page.state)
    for name in ("recommendations", "portfolio", "health"):
        app.router.add_get(api + name, page.part)
    app.router.add_get(api + "trades", page.trades)
    app.router.add_get(api + "candles/{symbol}", page.candles)
    app.router.add_get(api + "market/quote/{symbol}", page.quote)
    app.router.add_get("/metrics", page.metrics)
    app.router.add_post(api + "confirm", page.confirm)
    app.router.add_post(api + "stop/arm", page.stops.arm)
    app.router.add_post(api + "stop", page.stop)
    app.router.add_post(api + "single", page.single)
    return app


def make_page(settings: Settings, address: Address, facts: views.Facts, day: SessionDay | None) -> Page:
    """Open the clients and build the page around them. Nothing is sent yet."""
    clients = store_client.open_async(settings.redis.urls())
    guard = Guard.for_address(address.host, address.port)
    return Page(Reader(clients), clients, Board(facts, day, guard.nonce), guard, settings)


async def serve(
    settings: Settings,
    address: Address,
    facts: views.Facts,
    day: SessionDay | None,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Show the page until ``stop`` is set; ``on_ready`` is told its address. Port 0 takes a free one.

    Raises:
        Refused: the port is taken, or the host is not this machine and ``is_open`` was not asked for.
    """
    listener = bind(address)
    here = replace(address, port=listener.getsockname()[1])
    page = make_page(settings, here, facts, day)
    runner = web.AppRunner(make_app(page), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await page.refresh()  # so that the first visitor sees the market, not an empty page
        await web.SockSite(runner, listener).start()
        on_ready(f"http://{f'[{here.host}]' if ':' in here.host else here.host}:{here.port}/")
        await page.pump(stop)
    finally:
        await page.close()
        await runner.cleanup()


def bind(address: Address) -> socket.socket:
    """Take the port, or say in one line who is in the way and what to do.

    Raises:
        Refused: as for :func:`serve`.
    """
    host, port = address.host, address.port
    if host not in LOOPBACK and not address.is_open:
        raise Refused(f"the dashboard has no login and listens on this machine only, not on {host}: TICKTICK__DASHBOARD__HOST=127.0.0.1")
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise Refused(f"the dashboard cannot listen on {host}:{port} ({error.strerror}): choose another host or port") from error
        hint = f"stop the other program, or choose another port: TICKTICK__DASHBOARD__PORT={port + 1}"
        raise Refused(f"port {port} is taken: {hint}") from error
