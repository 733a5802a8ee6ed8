"""Connections without a network: what was asked of them, and arrivals that a test puts in."""

from __future__ import annotations

import json
import time
from typing import Any

from pipeline.broker.link import Arrival, ArrivalKind, LinkLost


class FakeLinks:
    """See ``pipeline.broker.link.Links``; nothing here waits."""

    def __init__(self) -> None:
        self.connecting: list[tuple[int, str, dict[str, list[str]]]] = []
        self.sent: list[tuple[int, str, str, list[str]]] = []
        self.pinged: list[int] = []
        self.dropped: list[int] = []
        self.life: dict[int, int] = {}
        self.waits: list[float] = []
        self.is_closed = False
        self._arrivals: list[Arrival] = []

    def put(self, link: int, kind: ArrivalKind, what: Any = None, at_ns: int | None = None) -> None:
        self._arrivals.append((link, kind, what, time.monotonic_ns() if at_ns is None else at_ns))

    def open(self, link: int) -> None:
        self.put(link, ArrivalKind.OPENED)

    def lose(self, link: int, code: int = 1006) -> None:
        self.put(link, ArrivalKind.LOST, LinkLost(code, "test"))

    def connect(self, link: int, token: str, wanted: Any) -> None:
        self.connecting.append((link, token, {mode: list(keys) for mode, keys in wanted.items()}))

    def send(self, link: int, frames: list[bytes]) -> None:
        for frame in frames:
            asked = json.loads(frame)
            self.sent.append((link, asked["method"], asked["data"].get("mode", ""), asked["data"]["instrumentKeys"]))

    def ping(self, link: int) -> None:
        self.pinged.append(link)

    def drop(self, link: int) -> None:
        self.dropped.append(link)

    def life_ns(self, link: int) -> int:
        return self.life.get(link, 0)

    def receive(self, timeout_s: float) -> list[Arrival]:
        self.waits.append(timeout_s)
        out, self._arrivals = self._arrivals, []
        return out

    def close(self) -> None:
        self.is_closed = True
