"""From a confirmation in Redis to the order's request on a socket: the order process for real, in front of a server that only notes the time.

    python -m benchmarks.orders [--json]

A confirmed recommendation is written to Redis (fsync always); the order process checks it, journals intent, SENDING and request in one
commit, and a thread sends it. Measured is from before the write to the arrival of the request's line at the server, on one clock. Every
order is refused at once, so that the next one may follow.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.core import schema
from tests.fakes.doors import wait_for
from tests.simulation.house_run import house

ORDERS = 60
REFUSAL = json.dumps({"status": "error", "errors": [{"error_code": "UDAPI100036", "message": "no"}]}).encode()


class Clock(BaseHTTPRequestHandler):
    """Notes when a request arrives, and refuses it."""

    arrivals: ClassVar[list[tuple[float, bytes]]] = []

    def do_POST(self) -> None:
        at = time.perf_counter()
        self.arrivals.append((at, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(400)
        self.send_header("Content-Length", str(len(REFUSAL)))
        self.end_headers()
        self.wfile.write(REFUSAL)

    def log_message(self, *_args: Any) -> None:
        return


def measure(orders: int = ORDERS) -> dict[str, float]:
    """Give p50 and p99 in milliseconds."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Clock)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as folder, house(Path(folder), 1, order_url=url) as run:
        wait_for(run.is_up, "orders and portfolio")
        deadline = time.monotonic() + 120
        while len(taken) < orders and time.monotonic() < deadline:
            before = len(Clock.arrivals)
            sent = run.propose()
            until = time.monotonic() + 0.3
            while len(Clock.arrivals) == before and time.monotonic() < until:
                time.sleep(0.0005)
            if sent is not None and len(Clock.arrivals) > before:
                taken.append((Clock.arrivals[before][0] - sent) * 1000)
        sent_count = len(run.records(schema.INTENTS))
    server.shutdown()
    if not taken:
        raise SystemExit(f"no order left the house ({sent_count} intents): look at the order process's log")
    return {"orders": len(taken), "p50_ms": round(float(np.percentile(taken, 50)), 2), "p99_ms": round(float(np.percentile(taken, 99)), 2)}


def main(argv: list[str]) -> None:
    found = measure()
    if "--json" in argv:
        print(json.dumps(found))
    else:
        print(
            f"confirmation to request on the socket: p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms over {found['orders']:.0f} orders"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
