"""What it costs to receive a websocket frame: our two links, the SDK's client library, and a bare socket as the floor.

    python -m benchmarks.receive [--json] [--rounds N]

A sender in a process of its own answers the authorise call and the handshake, and sends frames of 351 B and 6.8 KB on
demand over loopback: in a burst, or paced at 2,000 a second. Our links run whole: authorise, subscribe, liveness stamps,
an arrival for each frame. CPU time of the receiving process, all its threads; rounds interleaved.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks._rounds import Row, absent, compare, measure, show
from pipeline.broker.link import ArrivalKind, LinkConfig
from pipeline.broker.link_picows import PicowsLinks
from pipeline.broker.link_websockets import WebsocketsLinks

SIZES = {"351 B": 351, "6.8 KB": 6_800}
BURST = {"351 B": 20_000, "6.8 KB": 4_000}
PACED, PER_S = 1_000, 2_000
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHUNK = 64
SDK = "websocket-client (the SDK's)"


# ---------------------------------------------------------------------- the sender, a process of its own


def _exactly(sock: socket.socket, size: int) -> bytes:
    out = b""
    while len(out) < size:
        more = sock.recv(size - len(out))
        if not more:
            raise ConnectionError
        out += more
    return out


def _message(sock: socket.socket) -> tuple[int, bytes]:
    """Read one short client frame: (opcode, payload)."""
    first, second = _exactly(sock, 2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", _exactly(sock, 2))
    mask = _exactly(sock, 4)
    return first & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(_exactly(sock, size)))


def _wire(size: int) -> bytes:
    return struct.pack(">BBH", 0x82, 126, size) + bytes(size)


def _talk(sock: socket.socket) -> None:
    with sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(4_096)
        key = next(line.split(b": ", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key + MAGIC, usedforsecurity=False).digest())
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
            + accept
            + b"\r\n\r\n"
        )
        try:
            while True:
                opcode, payload = _message(sock)
                if opcode == 8:
                    return
                if payload.startswith(b"go "):
                    _, size, count, is_paced = payload.split()
                    _send(sock, _wire(int(size)), int(count), is_paced=is_paced == b"1")
        except (ConnectionError, OSError):
            return


def _send(sock: socket.socket, frame: bytes, count: int, *, is_paced: bool) -> None:
    if not is_paced:
        for _ in range(0, count, CHUNK):
            sock.sendall(frame * CHUNK)
        return
    start = time.perf_counter()
    for n in range(count):
        left = start + n / PER_S - time.perf_counter()
        if left > 0:
            time.sleep(left)
        sock.sendall(frame)


def serve() -> None:
    """Be the sender: say the addresses in one line, then answer for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"ws://127.0.0.1:{listener.getsockname()[1]}/feeds?code=1"

    class Authorise(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"status": "success", "data": {"authorized_redirect_uri": address}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Authorise)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{http.server_address[1]} {address}", flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=_talk, args=(sock,), daemon=True).start()


# ---------------------------------------------------------------------- the receivers

Receive = Callable[[int, int, bool], None]
"""Ask for ``count`` frames of ``size`` bytes and take them all."""


def _go(size: int, count: int, *, is_paced: bool) -> bytes:
    return b"go %d %d %d" % (size, count, is_paced)


def link(make: Callable[[LinkConfig], Any], url: str) -> Receive:
    links = make(LinkConfig(url))
    links.connect(0, "token", {"full": ["NSE_EQ|INE002A01018"]})
    while not any(kind is ArrivalKind.OPENED for _, kind, _, _ in links.receive(1.0)):
        continue

    def receive(size: int, count: int, is_paced: bool) -> None:
        links.send(0, [_go(size, count, is_paced=is_paced)])
        left = count
        while left > 0:
            for _, kind, what, _ in links.receive(1.0):
                if kind is not ArrivalKind.FRAME or len(what) != size:
                    raise ConnectionError
                left -= 1

    return receive


def sdk_client(address: str) -> Receive:
    """websocket-client, driven as the SDK drives it: WebSocketApp.run_forever with callbacks on a thread."""
    import websocket

    left, done, opened = [0], threading.Event(), threading.Event()

    def on_message(_app: Any, _message: bytes) -> None:
        left[0] -= 1
        if left[0] == 0:
            done.set()

    app = websocket.WebSocketApp(address, on_open=lambda _app: opened.set(), on_message=on_message)
    threading.Thread(target=app.run_forever, daemon=True).start()
    opened.wait(5)

    def receive(size: int, count: int, is_paced: bool) -> None:
        left[0] = count
        done.clear()
        app.send(_go(size, count, is_paced=is_paced), opcode=websocket.ABNF.OPCODE_BINARY)
        done.wait(60)

    return receive


def bare_socket(address: str) -> Receive:
    """The floor: a blocking socket, the header's arithmetic in Python, the payload copied once."""
    host, port = address.split("/")[2].split(":")
    sock = socket.create_connection((host, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(
        f"GET /feeds HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    sock.recv(4_096)
    buffer = bytearray(1 << 18)
    view = memoryview(buffer)

    def receive(size: int, count: int, is_paced: bool) -> None:
        payload = _go(size, count, is_paced=is_paced)
        sock.sendall(struct.pack(">BB", 0x82, 0x80 | len(payload)) + bytes(4) + payload)
        have = 0
        while count > 0:
            have += sock.recv_into(view[have:])
            at = 0
            while have - at >= 4:
                length = buffer[at + 1]
                begin = at + 2
                if length == 126:
                    length = buffer[at + 2] << 8 | buffer[at + 3]
                    begin = at + 4
                if have - begin < length:
                    break
                frame = bytes(view[begin : begin + length])
                if len(frame) != size:
                    raise ConnectionError
                count -= 1
                at = begin + length
            view[: have - at] = view[at:have]
            have -= at

    return receive


def rows(rounds: int) -> list[Row]:
    sender = subprocess.Popen([sys.executable, "-m", "benchmarks.receive", "--serve"], stdout=subprocess.PIPE, text=True)
    url, address = str(sender.stdout.readline() if sender.stdout is not None else "").split()
    receivers: dict[str, Receive] = {
        "picows link": link(PicowsLinks, url),
        "websockets link": link(WebsocketsLinks, url),
        "bare socket": bare_socket(address),
    }
    with contextlib.suppress(ImportError):
        receivers[SDK] = sdk_client(address)
    out: list[Row] = []
    for label, size in SIZES.items():
        for way, count in (("burst", BURST[label]), ("paced", PACED)):
            whole = count // CHUNK * CHUNK
            cases = {name: (partial(receive, size, whole, way == "paced"), whole) for name, receive in receivers.items()}
            times = measure(cases, rounds)
            out += _rows(f"receive {label} {way}", way, label, times)
    sender.terminate()
    return out


def _rows(name: str, way: str, label: str, times: dict[str, list[float]]) -> list[Row]:
    goal = 10.0 if (way, label) == ("burst", "351 B") else None
    out = [compare(f"{name}: picows", times, "picows link", SDK, goal) if SDK in times else absent(name, SDK, goal, "not installed")]
    # A paced frame is mostly the kernel's wake-up and the event loop's turn; a burst is the library and our callback.
    out += [compare(f"{name}: picows", times, "picows link", peer, None) for peer in ("websockets link", "bare socket")]
    for peer, taken in times.items():
        out.append(Row(f"{name}: {peer}", round(statistics.median(taken), 1), "ns CPU per item", "itself", None, None, None))
    return out


def main(argv: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.receive")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.serve:
        serve()
    else:
        show("receive", rows(args.rounds), as_json=args.json)


if __name__ == "__main__":
    main(sys.argv[1:])
