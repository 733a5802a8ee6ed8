"""Run a simulator: one port for REST, the market feed and the portfolio stream.

Reads   SimulatorConfig
Writes  the base URL to ``on_ready`` once it listens
    asyncio.run(serve(SimulatorConfig(seed=7, session="short"), print))
Runs until cancelled; the market's clock starts when the first feed connection has subscribed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import WSCloseCode, web

from pipeline.core.errors import Refused
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.exchange import EXCHANGE, Exchange, build
from pipeline.simulator.rest import application

SHUTDOWN_S = 1.0

__all__ = ["SimulatorConfig", "serve"]


async def serve(config: SimulatorConfig, on_ready: Callable[[str], None]) -> None:
    """Serve until cancelled.

    Raises:
        Refused: the port is taken, the date is no trading day, the recording cannot be read.
    """
    exchange = await asyncio.to_thread(build, config)
    app = application(exchange)
    app.on_shutdown.append(_hang_up)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.port)
        try:
            await site.start()
        except OSError as error:
            raise Refused(f"port {config.port} on {config.host} cannot be had ({error.strerror}): choose another with --port") from error
        port = runner.addresses[0][1]
        on_ready(f"http://{config.host}:{port}")
        await _play(exchange)
    finally:
        await runner.cleanup()


async def _play(exchange: Exchange) -> None:
    await exchange.stage.run()
    # The day is over, but the book, the candles and the tail of the feed stay to be asked for.
    await asyncio.Event().wait()


async def _hang_up(app: web.Application) -> None:
    exchange = app[EXCHANGE]
    for line in exchange.feeds:
        line.heal()
    for socket in (*exchange.portfolio_sockets, *(line.socket for line in exchange.feeds if line.socket is not None)):
        await socket.close(code=WSCloseCode.GOING_AWAY, message=b"simulator stops")
