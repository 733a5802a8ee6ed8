"""From a confirmation in Redis to the order's request on a socket: the processes for real, in front of a server that only notes the time.

    python -m benchmarks.orders [--orders 300] [--json]

A confirmed recommendation is written to Redis (fsync always); the order process checks it, journals intent, SENDING and request in one
commit, books a place in the order rate, and a thread sends it. Measured is from before the write to the arrival of the request at the server,
on one clock; what never arrives ends the run with its reason. Every order is refused at once, so that the next one may follow. Feed, portfolio
and simulator run beside it, each a process of its own, and their commits stand in the same queue for the disk.

    confirm   written and read: the confirmation's own fsync is in it
    step      checked and turned into records
    commit    journalled: the second fsync
    hand      taken by a thread
    book      a place in the order rate: the third fsync
    wire      connected, sent, read by the server
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.core import schema
from tests.fakes.doors import wait_for
from tests.simulation.house_run import House, house

ORDERS = 300
PACE_S = 0.15
"""Well below the eight entries a second that the order rate leaves."""
LIMIT_S = 10.0
HOPS = ("confirm", "step", "commit", "hand", "book", "wire", "total")
REFUSAL = json.dumps({"status": "error", "errors": [{"error_code": "UDAPI100036", "message": "no"}]}).encode()


class Clock(BaseHTTPRequestHandler):
    """Notes when a request has been read, by its tag, and refuses it."""

    arrivals: ClassVar[dict[str, int]] = {}

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.arrivals[json.loads(body)["tag"]] = time.monotonic_ns()
        self.send_response(400)
        self.send_header("Content-Length", str(len(REFUSAL)))
        self.end_headers()
        self.wfile.write(REFUSAL)

    def log_message(self, *_args: Any) -> None:
        return


def measure(orders: int = ORDERS) -> dict[str, dict[str, float]]:
    """Give p50, p99 and the maximum of each hop in milliseconds."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Clock)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as folder, house(Path(folder), 1, order_url=url, logging__level="INFO") as run:
        wait_for(run.is_up, "orders and portfolio")
        wait_for(lambda: run.propose() and _last_sent(run), "the first order to leave")
        before = len(logged(Path(folder)))
        confirmed = confirm(run, orders)
        until, ways = time.monotonic() + LIMIT_S, logged(Path(folder))
        while len(ways) - before < orders and time.monotonic() < until:
            time.sleep(0.1)
            ways = logged(Path(folder))
        tags = {intent.reason: intent.tag for intent in run.records(schema.INTENTS)}
        kept = {key for key in confirmed if tags.get(key) not in ways}
        if kept:
            told = Counter(event.reason for event in run.records(schema.ORDERS) if event.status in ("DENIED", "REFUSED"))
            raise SystemExit(f"{len(kept)} of {orders} orders did not leave: {told.most_common(5)}")
    server.shutdown()
    rows = [hops_of(at, ways[tags[key]], Clock.arrivals[tags[key]]) for key, at in confirmed.items()]
    table = np.array(rows)
    return {
        name: {"p50_ms": _ms(np.percentile(column, 50)), "p99_ms": _ms(np.percentile(column, 99)), "max_ms": _ms(column.max())}
        for name, column in zip(HOPS, table.T, strict=True)
    } | {"orders": {"count": len(rows)}}


def confirm(run: House, orders: int) -> dict[str, int]:
    """Confirm so many, one by one at a steady pace; give the instant before each confirmation by the recommendation's id."""
    out: dict[str, int] = {}
    papers = list(run.papers)
    while len(out) < orders:
        began = time.monotonic()
        at = run.propose(papers[len(out) % len(papers)])
        if at is not None:
            out[f"R{run.proposals}"] = round(at * 1e9)
        time.sleep(max(0.0, PACE_S - (time.monotonic() - began)))
    return out


def logged(folder: Path) -> dict[str, dict[str, Any]]:
    """Give what the order process wrote of each request, by tag."""
    lines = (json.loads(line) for line in (folder / "logs" / "performance.log").read_text("utf-8").splitlines())
    return {line["tag"]: line for line in lines if line["event"] == "hops of a request"}


def hops_of(confirmed_ns: int, way: dict[str, Any], arrived_ns: int) -> list[int]:
    """Give the hops of one order in nanoseconds, in the order of ``HOPS``."""
    spans = [way[f"{name}_us"] * 1_000 for name in ("step", "commit", "hand", "book")]
    before = way["read_ns"] - confirmed_ns
    return [before, *spans, arrived_ns - way["read_ns"] - sum(spans), arrived_ns - confirmed_ns]


def _last_sent(run: House) -> bool:
    time.sleep(0.5)
    return bool(run.records(schema.REQUESTS) and Clock.arrivals)


def _ms(ns: Any) -> float:
    return round(float(ns) / 1e6, 2)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.orders")
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--json", action="store_true")
    args, _ = parser.parse_known_args(argv)
    found = measure(args.orders)
    if args.json:
        print(json.dumps(found))
        return
    print(f"{found.pop('orders')['count']:.0f} orders, milliseconds\n{'hop':<8} {'p50':>8} {'p99':>8} {'max':>8}")
    for name, row in found.items():
        print(f"{name:<8} {row['p50_ms']:>8.2f} {row['p99_ms']:>8.2f} {row['max_ms']:>8.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
