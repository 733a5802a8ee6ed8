"""The other end of the end-to-end benchmark: a feed in a process of its own, its frames made by the simulator before it begins.

``python -m benchmarks._sender '{"symbols": 200, "per_frame": 20, "frames": 3000, "rate": 0, "sent": "/tmp/x.npy"}'`` prints its HTTP
address, answers ``authorize``, waits for one subscription, plays (``rate`` frames a second; 0 as fast as it is read), saves the
monotonic instant at which each frame was sent, and closes with 1000. Frames carry every field of mode full.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from pipeline.core.session import ist_ms
from pipeline.simulator.encode import encode, fill_feed
from pipeline.simulator.market import Bar, Frame, Kind, Status, Update
from proto import MarketDataFeedV3_pb2 as pb

DATE = "2026-09-25"
OPEN = ist_ms(DATE, "09:15")
UPDATES_PER_S = 4
"""Of each symbol, on the market's clock."""
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def keys(symbols: int) -> list[str]:
    return [f"NSE_EQ|INE{n:06d}0{n % 10}{n % 7}" for n in range(symbols)]


class Market:
    """Symbols that tick in turn: prices walk by a step, volumes rise, five levels around."""

    def __init__(self, symbols: int, seed: int = 7) -> None:
        self.rng = np.random.default_rng(seed)
        self.keys = keys(symbols)
        self.ticks = self.rng.integers(20_000, 80_000, symbols)
        self.vtt = self.rng.integers(1_000_000, 9_000_000, symbols)
        self.feeds = [pb.Feed() for _ in range(symbols)]
        for n, feed in enumerate(self.feeds):
            fill_feed(feed, self._update(n), "full")

    def _update(self, n: int) -> Update:
        px = self.ticks[n] * 0.05
        bar = Bar(OPEN, px, px + 1, px - 1, px, 120_000)
        day = Bar(ist_ms(DATE, "00:00"), px, px + 9, px - 9, px, 4_000_000)
        bids, asks = [round(px - 0.05 * (k + 1), 2) for k in range(5)], [round(px + 0.05 * (k + 1), 2) for k in range(5)]
        sizes = [1_000 + 37 * k for k in range(5)]
        return Update(self.keys[n], px, OPEN, 25, px - 3, px, int(self.vtt[n]), 0.0, 0.0, 1e5, 9e4, bids, sizes, asks, sizes, day, bar)

    def move(self, n: int, ts: int, draw: list[int]) -> pb.Feed:
        """Let one symbol trade; everything that changes on a real feed changes."""
        self.ticks[n] += draw[0] % 3 - 1
        self.vtt[n] += draw[1]
        part = self.feeds[n].fullFeed.marketFF
        px = round(int(self.ticks[n]) * 0.05, 2)
        part.ltpc.ltp, part.ltpc.ltt, part.ltpc.ltq, part.vtt, part.atp = px, ts - draw[1], draw[1], int(self.vtt[n]), px
        for k, level in enumerate(part.marketLevel.bidAskQuote):
            level.bidP, level.askP = round(px - 0.05 * (k + 1), 2), round(px + 0.05 * (k + 1), 2)
            level.bidQ, level.askQ = 500 + draw[0] + k, 700 + draw[1] + k
        return self.feeds[n]


def make(symbols: int, per_frame: int, frames: int) -> list[bytes]:
    """Encode the whole play, each frame behind its websocket header; the last one says that the session is over."""
    market, out = Market(symbols), []
    draws = market.rng.integers(1, 90, (frames * per_frame, 2)).tolist()
    at = 0
    for number in range(frames):
        ts = OPEN + 60_000 + int(number * per_frame / symbols / UPDATES_PER_S * 1000)
        message = pb.FeedResponse(type=pb.live_feed, currentTs=ts)
        for _ in range(per_frame):
            n = at % symbols
            message.feeds[market.keys[n]].CopyFrom(market.move(n, ts, draws[at]))
            at += 1
        out.append(framed(message.SerializeToString()))
    over = encode(Frame(ist_ms(DATE, "16:00"), Kind.STATUS, status=Status({"NSE_EQ": "CLOSING_END"})), {})
    return [*out, framed(over or b"")]


def framed(payload: bytes) -> bytes:
    """Put a server's binary frame header before a payload."""
    size = len(payload)
    if size < 126:
        return bytes((0x82, size)) + payload
    return (bytes((0x82, 126)) + size.to_bytes(2, "big") if size < 65_536 else bytes((0x82, 127)) + size.to_bytes(8, "big")) + payload


def admit(connection: socket.socket) -> None:
    """Answer a websocket handshake and wait for the first frame of the client, which is its subscription."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65_536)
    key = next(line.split(b":", 1)[1].strip() for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())  # noqa: S324 - the protocol's own
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    connection.recv(1 << 20)


def play(connection: socket.socket, frames: list[bytes], rate: float) -> np.ndarray:
    """Send the frames; give the instant of each."""
    sent = np.zeros(len(frames), np.int64)
    start = time.monotonic_ns() + 200_000_000
    for n, frame in enumerate(frames):
        if rate > 0:
            left = start + int(n * 1e9 / rate) - time.monotonic_ns()
            if left > 0:
                time.sleep(left / 1e9)
        sent[n] = time.monotonic_ns()
        connection.sendall(frame)
    connection.sendall(b"\x88\x02\x03\xe8")
    return sent


def http_server(ws_port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = f"ws://127.0.0.1:{ws_port}/feeds?code=1"
            body = json.dumps({"status": "success", "data": {"authorized_redirect_uri": address}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main(order: dict) -> None:
    frames = make(order["symbols"], order["per_frame"], order["frames"])
    listener = socket.create_server(("127.0.0.1", 0))
    http = http_server(listener.getsockname()[1])
    print(
        json.dumps({"http": f"http://127.0.0.1:{http.server_address[1]}", "ws": f"ws://127.0.0.1:{listener.getsockname()[1]}/feeds"}),
        flush=True,
    )
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    admit(connection)
    np.save(order["sent"], play(connection, frames, order["rate"]))
    connection.settimeout(60)
    while (told := connection.recv(65_536)) and b"\x88" not in told:  # until the client has read everything and says farewell
        pass
    connection.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
