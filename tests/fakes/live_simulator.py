"""A simulator in a thread of the test's own process, or in a process of its own, on a free port, and small ways to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import queue
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.server import serve
from proto import MarketDataFeedV3_pb2 as pb
from tests.fakes.doors import Doors

START_S = 30.0
RECV_S = 20.0


@dataclass
class LiveSimulator:
    """One running simulator."""

    base: str
    token: str = field(default="")

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> tuple[int, Any]:
        """Make one request; gives the status and the parsed JSON."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        bearer = self.token if token is None else token
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        request = urllib.request.Request(self.base + path, None if body is None else json.dumps(body).encode(), headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=RECV_S) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def get(self, path: str) -> Any:
        status, content = self.call("GET", path)
        assert status == 200, content
        return content

    def ledger(self) -> Any:
        return self.get("/_ledger")

    def last_price(self, key: str) -> float | None:
        """Give the last price of one paper; None before there is one."""
        rows = self.get(f"/v3/market-quote/ltp?instrument_key={urllib.parse.quote(key)}")["data"]
        return next((float(row["last_price"]) for row in rows.values()), None)

    def clock(self) -> Any:
        return self.get("/_clock")

    def feeds(self) -> list[dict[str, Any]]:
        """Give the ledger of the feed's connections, oldest first."""
        return list(self.get("/_feeds")["connections"])

    def fault(self, **order: Any) -> None:
        status, content = self.call("POST", "/_fault", order)
        assert status == 200, content

    @contextlib.contextmanager
    def feed(self, keys: list[str], mode: str = "full") -> Iterator[ClientConnection]:
        """Open the market feed and subscribe."""
        uri = self.get("/v3/feed/market-data-feed/authorize")["data"]["authorized_redirect_uri"]
        # A client that stops reading in mid-stream cannot finish the closing handshake: do not wait for it.
        with connect(uri, max_size=None, compression=None, close_timeout=0.2) as socket:
            if keys:
                subscribe(socket, keys, mode)
            yield socket

    def advance(self, keys: list[str], until_ms: int) -> int:
        """Play until a frame reaches a time, then hang up (a holding simulator stands still then)."""
        with self.feed(keys) as socket:
            for message in frames(socket):
                if message.currentTs >= until_ms:
                    return int(message.currentTs)
        return 0


def subscribe(socket: ClientConnection, keys: list[str], mode: str = "full", method: str = "sub") -> None:
    asked = {"instrumentKeys": keys} | ({"mode": mode} if method != "unsub" else {})
    socket.send(json.dumps({"guid": "t", "method": method, "data": asked}).encode())


def raw_frames(socket: ClientConnection) -> Iterator[bytes]:
    """Give frames until the server closes."""
    while True:
        try:
            payload = socket.recv(timeout=RECV_S)
        except ConnectionClosed:
            return
        assert isinstance(payload, bytes)
        yield payload


def frames(socket: ClientConnection) -> Iterator[pb.FeedResponse]:
    return (pb.FeedResponse.FromString(payload) for payload in raw_frames(socket))


SERVE = """
import asyncio, json, sys
from pipeline.simulator.server import SimulatorConfig, serve
asyncio.run(serve(SimulatorConfig(**json.loads(sys.argv[1])), lambda url: print(url, flush=True)))
"""


def simulator_process(config: SimulatorConfig, doors: Doors) -> LiveSimulator:
    """Start a simulator that shares no interpreter with the test; ``doors`` ends it."""
    given = {name: value for name, value in asdict(config).items() if name not in ("watch", "calendar")}
    door = doors.open([sys.executable, "-c", SERVE, json.dumps(given)], os.environ)
    running = LiveSimulator(door.expect(lambda: door.out.strip(), "the simulator", START_S))
    running.token = running.get("/_token")["data"]["access_token"]
    return running


@contextlib.contextmanager
def live_simulator(config: SimulatorConfig) -> Iterator[LiveSimulator]:
    """Run a simulator until the block ends."""
    ready: queue.Queue[str | BaseException] = queue.Queue()
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def body() -> None:
        task = asyncio.ensure_future(serve(config, ready.put))
        loops.append((asyncio.get_running_loop(), task))
        try:
            await task
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            ready.put(error)
            raise

    thread = threading.Thread(target=lambda: asyncio.run(body()), name="simulator")
    thread.start()
    try:
        base = ready.get(timeout=START_S)
        if isinstance(base, BaseException):
            raise base
        running = LiveSimulator(base)
        running.token = running.get("/_token")["data"]["access_token"]
        yield running
    finally:
        loop, task = loops[0]
        if not loop.is_closed():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
        thread.join(timeout=START_S)
        assert not thread.is_alive()
