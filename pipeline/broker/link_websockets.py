"""Feed connections over the ``websockets`` library: a thread for each, a bounded queue to whoever receives.

Gives   ``Arrival``s; the library answers pings, and every protocol event is a sign of life

When nobody receives, the queue fills, the threads wait, the library stops reading and TCP holds the server back.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from pipeline.broker.link import (
    ABNORMAL_CLOSE,
    Arrival,
    ArrivalKind,
    LinkConfig,
    LinkLost,
    Wanted,
    authorise,
    failure,
    subscriptions,
    turned_away,
)
from pipeline.broker.rest import USER_AGENT
from pipeline.broker.wire import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_WAITING = 256
"""Arrivals that may wait; beyond it the threads do."""
CLOSE_TIMEOUT_S = 1.0
"""A server that no longer answers does not answer our farewell either."""
STOP_CHECK_S = 0.2


class _Connection(ClientConnection):
    """A connection that notes when the server last gave a sign of life."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.life_ns = time.monotonic_ns()
        super().__init__(*args, **kwargs)

    def process_event(self, event: Any) -> None:
        self.life_ns = time.monotonic_ns()
        super().process_event(event)


class _Worker:
    """Opens one connection and passes on what comes, until it ends or is dropped."""

    def __init__(self, owner: WebsocketsLinks, link: int, token: str, wanted: Wanted) -> None:
        self._owner, self._link = owner, link
        self._token, self._wanted = token, wanted
        self.socket: _Connection | None = None
        self.is_dropped = False
        self.thread = threading.Thread(target=self._run, name=f"feed-{link}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        config = self._owner.config
        try:
            with connect(
                authorise(config, self._token),
                open_timeout=config.total_timeout_s,
                close_timeout=CLOSE_TIMEOUT_S,
                ping_interval=None,
                compression=None,
                proxy=None,
                max_size=MAX_FRAME_BYTES,
                user_agent_header=USER_AGENT,
                create_connection=_Connection,
            ) as made:
                socket: Any = made  # create_connection makes ours
                for frame in subscriptions(self._wanted):
                    socket.send(frame)
                self.socket = socket
                self._put(ArrivalKind.OPENED, None)
                self._pass_on(socket)
        except InvalidStatus as error:
            self._put(ArrivalKind.FAILED, turned_away(error.response.status_code))
        except Exception as error:  # noqa: BLE001 - whatever the library may raise while opening ends in a FAILED arrival
            self._put(ArrivalKind.FAILED, failure(error))

    def _pass_on(self, socket: _Connection) -> None:
        try:
            while not self.is_dropped:
                frame = socket.recv()
                self._put(ArrivalKind.FRAME if isinstance(frame, bytes) else ArrivalKind.TEXT, frame)
        except ConnectionClosed as error:
            told = error.rcvd or error.sent
            lost = LinkLost(told.code, told.reason) if told is not None else LinkLost(ABNORMAL_CLOSE, "")
            self._put(ArrivalKind.LOST, lost)

    def _put(self, kind: ArrivalKind, what: Any) -> None:
        arrival = (self._link, kind, what, time.monotonic_ns())
        while not self.is_dropped:
            try:
                self._owner.waiting.put((self, arrival), timeout=STOP_CHECK_S)
            except queue.Full:
                continue
            return

    def drop(self) -> None:
        self.is_dropped = True
        if self.socket is not None:
            # The farewell may take its time; nobody waits for it.
            threading.Thread(target=self.socket.close, name="feed-farewell", daemon=True).start()


class WebsocketsLinks:
    """See ``Links``."""

    def __init__(self, config: LinkConfig) -> None:
        self.config = config
        self.waiting: queue.Queue[tuple[_Worker, Arrival]] = queue.Queue(MAX_WAITING)
        self._workers: dict[int, _Worker] = {}

    def connect(self, link: int, token: str, wanted: Wanted) -> None:
        self.drop(link)
        self._workers[link] = _Worker(self, link, token, wanted)

    def send(self, link: int, frames: Sequence[bytes]) -> None:
        worker = self._workers.get(link)
        if worker is None or worker.socket is None:
            return
        try:
            for frame in frames:
                worker.socket.send(frame)
        except ConnectionClosed:
            return  # the worker sees it too, and LOST arrives

    def ping(self, link: int) -> None:
        worker = self._workers.get(link)
        try:
            if worker is not None and worker.socket is not None:
                worker.socket.ping()
        except ConnectionClosed:
            return  # as above

    def drop(self, link: int) -> None:
        worker = self._workers.pop(link, None)
        if worker is not None:
            worker.drop()

    def life_ns(self, link: int) -> int:
        worker = self._workers.get(link)
        return worker.socket.life_ns if worker is not None and worker.socket is not None else 0

    def receive(self, timeout_s: float) -> list[Arrival]:
        out: list[Arrival] = []
        deadline = time.monotonic() + timeout_s
        while len(out) < MAX_WAITING:
            try:
                worker, arrival = (
                    self.waiting.get_nowait() if out or timeout_s <= 0 else self.waiting.get(timeout=deadline - time.monotonic())
                )
            except (queue.Empty, ValueError):  # a wait below zero is a ValueError
                break
            if not worker.is_dropped:
                out.append(arrival)
        return out

    def close(self) -> None:
        for link in tuple(self._workers):
            self.drop(link)
