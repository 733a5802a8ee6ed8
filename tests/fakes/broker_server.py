"""A tiny Upstox for tests of the clients: scripted HTTP answers and a market feed that plays a list of frames.

The feed's authorise call names a single-use address; frames, rewind and close code are set by the test. Loopback only.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

Answer = tuple[int, bytes]


class HttpServer:
    """Answers by a function of (path, query, handler), whatever the method; remembers what was asked, and the bodies that came."""

    def __init__(self, answer: Callable[[str, dict[str, list[str]], Any], Answer]) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.bodies: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                outer.asked.append((parts.path, dict(self.headers)))
                outer.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                status, body = answer(parts.path, parse_qs(parts.query), self)
                if status == 0:
                    return  # the handler hangs up
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_args: Any) -> None:
                return  # a client that hangs up is part of some tests

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def ok(content: Any) -> Answer:
    return 200, json.dumps({"status": "success", "data": content}).encode()


def error(status: int, code: str = "") -> Answer:
    return status, json.dumps({"status": "error", "errors": [{"error_code": code, "message": "canary-message"}]}).encode()


class FeedServer:
    """Plays ``script``: one list of steps per connection, in the order in which they connect.

    A step is bytes (a frame), text (a text frame), a number (seconds to wait), ``("close", code)``, ``("drop",)`` (the line
    is cut), ``("ping",)`` (waits for the pong), ``("raw", bytes)`` (past the library), ``("fragments", [bytes, ...])`` or
    a function of the connection's number that blocks until it returns. After its script a connection stays open and silent.
    """

    def __init__(self, *scripts: Iterable[Any], tokens: tuple[str, ...] = ("good",)) -> None:
        self.scripts = [list(script) for script in scripts]
        self.tokens = tokens
        self.refuse_handshake: list[int] = []
        self.subscribed: list[dict[str, Any]] = []
        """The first control frame of each connection."""
        self.controls: list[tuple[int, dict[str, Any]]] = []
        """All of them, with the connection's number."""
        self.seen_tokens: list[str] = []
        self.connections: list[ServerConnection] = []
        self.greeting: list[bytes] = []
        """Frames that a connection gets before it has asked for anything."""
        self.authorise_delay = threading.Event()
        self.authorise_delay.set()
        """Clear it to let authorise calls hang, from the ``hang_from``-th on."""
        self.hang_from = 1
        self._codes: set[str] = set()
        self._count = 0
        self._is_stopped = threading.Event()
        self._ws = serve(self._play, "127.0.0.1", 0, process_request=self._admit, ping_interval=None, compression=None)
        self.ws_port = self._ws.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._ws.serve_forever, daemon=True)
        self._thread.start()
        self.http = HttpServer(self._authorise)
        self.url = self.http.url

    def _authorise(self, path: str, _query: Any, handler: Any) -> Answer:
        token = handler.headers.get("Authorization", "").removeprefix("Bearer ")
        self.seen_tokens.append(token)
        if len(self.seen_tokens) >= self.hang_from:
            self.authorise_delay.wait(20)
        if path != "/v3/feed/market-data-feed/authorize" or token not in self.tokens:
            return error(401, "UDAPI100050")
        self._count += 1
        code = f"code-{self._count}"
        self._codes.add(code)
        return ok({"authorized_redirect_uri": f"ws://127.0.0.1:{self.ws_port}/feeds?requestId=1&code={code}"})

    def _admit(self, connection: ServerConnection, request: Any) -> Any:
        if self.refuse_handshake:
            return connection.respond(self.refuse_handshake.pop(0), "no\n")
        code = parse_qs(urlsplit(request.path).query).get("code", [""])[0]
        if code not in self._codes:
            return connection.respond(403, "used\n")
        self._codes.discard(code)
        return None

    def keys_of(self, connection: int) -> dict[str, str]:
        """Give what a connection has subscribed by now: key -> mode."""
        keys: dict[str, str] = {}
        for number, asked in tuple(self.controls):
            for key in asked["data"]["instrumentKeys"] if number == connection else ():
                if asked["method"] == "unsub":
                    keys.pop(key, None)
                else:
                    keys[key] = asked["data"]["mode"]
        return keys

    def _play(self, connection: ServerConnection) -> None:
        number = len(self.connections)
        self.connections.append(connection)
        script = self.scripts.pop(0) if self.scripts else []
        try:
            for frame in self.greeting:
                connection.send(frame)
            first = self._control(connection, number, 5)
            self.subscribed.append(first)
            listener = threading.Thread(target=self._listen, args=(connection, number), daemon=True)
            listener.start()
            for step in script:
                if not self._step(connection, number, step):
                    return
            listener.join()
        except (ConnectionClosed, OSError):
            return  # the client has gone

    def _control(self, connection: ServerConnection, number: int, timeout: float | None) -> dict[str, Any]:
        wanted = connection.recv(timeout=timeout)
        assert isinstance(wanted, bytes), "subscriptions travel in binary frames"
        plain: dict[str, Any] = json.loads(wanted)
        self.controls.append((number, plain))
        return plain

    def _listen(self, connection: ServerConnection, number: int) -> None:
        try:
            while True:
                self._control(connection, number, None)
        except ConnectionClosed:
            return

    def _step(self, connection: ServerConnection, number: int, step: Any) -> bool:
        """Play one step; tell whether the connection goes on."""
        if isinstance(step, bytes | str):
            connection.send(step)
        elif isinstance(step, int | float):
            self._is_stopped.wait(step)
        elif callable(step):
            step(number)
        elif step[0] == "ping":
            assert connection.ping(b"are you there").wait(10), "a ping was not answered"
        elif step[0] == "fragments":
            connection.send(iter(step[1]))
        elif step[0] == "raw":
            connection.socket.sendall(step[1])
        elif step[0] == "drop":
            connection.socket.shutdown(socket.SHUT_RDWR)
            return False
        else:
            connection.close(*step[1:])
            return False
        return True

    def stop(self) -> None:
        self._is_stopped.set()
        self.authorise_delay.set()
        for connection in self.connections:
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed already
        self.http.stop()
        self._ws.shutdown()
        self._thread.join(5)


def eventually(done: Callable[[], bool], seconds: float = 5.0) -> None:
    """Poll until true, or fail."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
