"""Upstox's portfolio stream: order rows as they change, read in a thread of its own.

Reads   the authorise address over HTTPS, then one websocket; text frames, one JSON object each
Writes  lists of BrokerReport (ROW) into ``deliver``; what is no order row is left to the listings

A push is a hint that makes things fast: it may be lost, doubled or late, and the listings on the beat hold without it. Reconnects for ever
with capped pauses, with a fresh address each time. Never sends anything but the closing handshake.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

from websockets.exceptions import InvalidHandshake, InvalidURI, WebSocketException
from websockets.sync.client import connect

from pipeline.broker.rest import RestClient
from pipeline.broker.upstox import PRODUCT, order_row
from pipeline.core.broker import BrokerReport
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from pipeline.core.types import Instrument

log = logging.getLogger("ticktick.push")

AUTHORIZE = "/v2/feed/portfolio-stream-feed/authorize"
LOOK_S = 0.5
PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
MAX_FRAME = 1 << 20


class PortfolioStream:
    """``with``-less: ``start`` once, ``close`` at the end."""

    def __init__(self, api: RestClient, instruments: Iterable[Instrument], deliver: Callable[[list[BrokerReport]], None]) -> None:
        self._api, self._deliver = api, deliver
        self._symbols = {i.instrument_key: i.symbol for i in instruments}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="portfolio-stream", daemon=True)
        self.frames = self.connects = 0

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(LONGEST_PAUSE_S)

    def _run(self) -> None:
        pause = PAUSE_S
        while not self._stop.is_set():
            try:
                self._listen()
                pause = PAUSE_S
            except (Ambiguous, Refused, Unauthorised, OSError, WebSocketException, InvalidHandshake, InvalidURI, KeyError) as error:
                log.warning("portfolio stream: %s: tried again", error)
            if self._stop.wait(pause):
                return
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _listen(self) -> None:
        given = self._api.get_data(AUTHORIZE, {"update_types": "order"})
        with connect(str(given["authorized_redirect_uri"]), max_size=MAX_FRAME, open_timeout=5, close_timeout=1) as socket:
            self.connects += 1
            while not self._stop.is_set():
                try:
                    text = socket.recv(timeout=LOOK_S)
                except TimeoutError:
                    continue
                self.frames += 1
                report = read(text, self._symbols)
                if report is not None:
                    self._deliver([report])


def read(text: str | bytes, symbols: dict[str, str]) -> BrokerReport | None:
    """Read one frame; None for what is no order row of ours, or cannot be read (the listings will tell)."""
    try:
        row: Any = json.loads(text)
        if row.get("update_type", "order") != "order" or row.get("product") != PRODUCT:
            return None
        return order_row(row, symbols, 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        log.warning("portfolio stream: a frame cannot be read: left to the listings")
        return None
