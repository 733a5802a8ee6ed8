"""From a signal to its order's request on a socket: the processes for real, in front of a server that only notes the time.

    python -m benchmarks.orders [--orders 300] [--json]

A wave of charts is written to Redis (fsync always). The filter finds a signal in it and proposes an order; whoever asks people (here this
bench, in a read that waits) has the proposal, and answers yes at once: people's time is nowhere in it. The order process checks the
answer, journals intent, SENDING and request in one commit, books a place in the order rate, and a thread sends it. Measured is from before
the wave's write to the arrival of the request at the server, on one clock; what never arrives ends the run with its reason. Every order is
refused at once, so that the next one may follow. Feed, portfolio and simulator run beside it, each a process of its own, and their commits
stand in the same queue for the disk.

    signal    wave written, read, judged, journalled; the proposal read by who asks: two fsyncs are in it
    confirm   the answer written and read: its own fsync
    step      checked and turned into records
    commit    journalled: another fsync
    hand      taken by a thread
    book      a place in the order rate: the last fsync
    wire      connected, sent, read by the server
    answered  from before the answer's write to the server
    ours      signal and answered: all but the person
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks._speaking import Speaking
from pipeline.core import schema
from pipeline.core.types import Confirmation
from pipeline.store import codec
from tests.fakes.doors import wait_for
from tests.simulation.house_run import House, house

ORDERS = 300
PACE_S = 0.15
"""Well below the eight entries a second that the order rate leaves."""
LIMIT_S = 10.0
HOPS = ("signal", "confirm", "step", "commit", "hand", "book", "wire", "answered", "ours")
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


@dataclass(frozen=True, slots=True)
class Asked:
    """Monotonic instants (ns) of one proposal: before its wave was written, read by who asks, before its answer was written."""

    began_ns: int
    asked_ns: int
    answered_ns: int


def measure(orders: int = ORDERS) -> dict[str, Any]:
    """Give p50, p99 and the maximum of each hop in milliseconds."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Clock)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    given = {"logging__level": "INFO", "filter__cooldown_s": 0}
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with tempfile.TemporaryDirectory() as folder, house(Path(folder), 1, order_url=url, **given) as run:
        run.launch("best_filtering")
        wait_for(run.is_up, "orders and portfolio")
        try:
            wait_for(lambda: run.propose() and _last_sent(run), "the first order to leave")
        except AssertionError as late:
            raise SystemExit(f"{late}: {_told(run)}") from None
        asked = answer(run, orders)
        until, ways = time.monotonic() + LIMIT_S, logged(Path(folder))
        tags = {intent.reason: intent.tag for intent in run.records(schema.INTENTS)}
        while (missing := [key for key in asked if tags.get(key) not in ways]) and time.monotonic() < until:
            time.sleep(0.1)
            ways = logged(Path(folder))
            tags = {intent.reason: intent.tag for intent in run.records(schema.INTENTS)}
        if missing:
            raise SystemExit(f"{len(missing)} of {orders} orders did not leave: {_told(run)}")
        fsync = run.clients[schema.INTENTS.role].config_get("appendfsync")["appendfsync"]
    server.shutdown()
    table = np.array([hops_of(way, ways[tags[key]], Clock.arrivals[tags[key]]) for key, way in asked.items()])
    return {
        name: {"p50_ms": _ms(np.percentile(column, 50)), "p99_ms": _ms(np.percentile(column, 99)), "max_ms": _ms(column.max())}
        for name, column in zip(HOPS, table.T, strict=True)
    } | {"orders": {"count": len(table)}, "redis": {"appendfsync": fsync}}


def answer(run: House, orders: int) -> dict[str, Asked]:
    """Let so many signals speak, one by one at a steady pace, and say yes to each proposal; give its instants by its id."""
    out: dict[str, Asked] = {}
    charts, client, pages = Speaking(run), run.clients[schema.RECOMMENDATIONS.role], schema.CONFIRM_PAGE
    after: Any = client.xrevrange(schema.RECOMMENDATIONS.name, count=1)[0][0]
    charts.next()  # every paper's first candle: nobody speaks yet
    while len(out) < orders:
        paper, began_ns = charts.next()
        found: Any = client.xread({schema.RECOMMENDATIONS.name: after}, count=1, block=round(LIMIT_S * 1000))
        asked_ns = time.monotonic_ns()
        if not found:
            told = Counter(signal.outcome for signal in run.records(schema.SIGNALS))
            raise SystemExit(f"no proposal for {paper.symbol}: {told.most_common(5)}")
        after, fields = found[0][1][0]
        proposal = codec.decode(schema.RECOMMENDATIONS, fields)
        yes = codec.encode(pages, Confirmation(proposal.ts + 1, proposal.id, "confirm", "page"))
        answered_ns = time.monotonic_ns()
        client.xadd(pages.name, yes, id=f"{proposal.ts + 1}-*")
        out[proposal.id] = Asked(began_ns, asked_ns, answered_ns)
        time.sleep(max(0.0, PACE_S - (time.monotonic_ns() - began_ns) / 1e9))
    return out


def logged(folder: Path) -> dict[str, dict[str, Any]]:
    """Give what the order process wrote of each request, by tag."""
    lines = (json.loads(line) for line in (folder / "logs" / "performance.log").read_text("utf-8").splitlines())
    return {line["tag"]: line for line in lines if line["event"] == "hops of a request"}


def hops_of(asked: Asked, way: dict[str, Any], arrived_ns: int) -> list[int]:
    """Give the hops of one order in nanoseconds, in the order of ``HOPS``."""
    spans = [way[f"{name}_us"] * 1_000 for name in ("step", "commit", "hand", "book")]
    signal, confirm = asked.asked_ns - asked.began_ns, way["read_ns"] - asked.answered_ns
    answered = arrived_ns - asked.answered_ns
    return [signal, confirm, *spans, arrived_ns - way["read_ns"] - sum(spans), answered, signal + answered]


def _last_sent(run: House) -> bool:
    time.sleep(0.5)
    return bool(run.records(schema.REQUESTS) and Clock.arrivals)


def _told(run: House) -> list[tuple[str, int]]:
    """Say what stopped orders, the most frequent first."""
    return Counter(event.reason for event in run.records(schema.ORDERS) if event.status in ("DENIED", "REFUSED")).most_common(5)


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
    count, fsync = found.pop("orders")["count"], found.pop("redis")["appendfsync"]
    print(f"{count} orders, milliseconds, Redis with appendfsync {fsync}\n{'hop':<9} {'p50':>8} {'p99':>8} {'max':>8}")
    for name, row in found.items():
        print(f"{name:<9} {row['p50_ms']:>8.2f} {row['p99_ms']:>8.2f} {row['max_ms']:>8.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
