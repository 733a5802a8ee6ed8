"""Feed connections over picows: an event loop that runs only while somebody receives.

Reads   frames of any number of connections, at about the price of a bare socket
Gives   ``Arrival``s; pings are answered here, and every frame is a sign of life

The loop turns inside ``receive`` and stands still between, so nothing is read that nobody asked for: the kernel's
buffers and TCP hold it back. One Python object a frame: its bytes. Opening is a task of the loop; the authorise call,
which blocks, has a thread.
"""

from __future__ import annotations

import asyncio
import errno
import selectors
import ssl
from concurrent.futures import ThreadPoolExecutor
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import picows
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from pipeline.broker.link import (
    ABNORMAL_CLOSE,
    BROKEN_RULES,
    NO_CODE,
    TOO_BIG,
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

FRAME = ArrivalKind.FRAME
# As constants: a look-up in the library's enum costs as much as copying the frame.
BINARY, TEXT, CONTINUATION = WSMsgType.BINARY, WSMsgType.TEXT, WSMsgType.CONTINUATION
PING, CLOSE = WSMsgType.PING, WSMsgType.CLOSE
FAREWELL_TURNS = 3
LONGEST_CONTROL = 125
READ_BUFFER = 64 * 1024
"""A burst is read in strides of this size."""


class _Socket(WSListener):
    """One connection: turns what the library calls back with into arrivals."""

    def __init__(self, owner: PicowsLinks, link: int, wanted: Wanted) -> None:
        super().__init__()
        self._owner, self._link, self._wanted = owner, link, wanted
        self._arrive = owner.arrivals.append
        self._parts: list[bytes] = []
        self._size = 0
        self._is_text = False
        self._is_over = False
        self.transport: WSTransport | None = None
        self.life_ns = monotonic_ns()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Subscribe at once: the broker greets before that, and its greeting must not stand before OPENED."""
        self.transport = transport
        for frame in subscriptions(self._wanted):
            transport.send(BINARY, frame)
        self._owner.opened(self._link, self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        # The hot path. The kind of a frame costs three times its bytes to ask for; only data can be longer than a control
        # frame may be, so a long one is taken for binary (a long text is then refused by whoever decodes it).
        if frame.payload_size > LONGEST_CONTROL and frame.fin and not frame.rsv1 and not self._parts:
            owner = self._owner
            self._arrive((self._link, FRAME, frame.get_payload_as_bytes(), owner.now_ns or owner.stamp()))
            if owner.is_waiting:
                owner.wake()
            return
        now = self.life_ns = monotonic_ns()
        kind = frame.msg_type
        if kind is BINARY and frame.fin and not frame.rsv1 and not self._parts:
            self._owner.put((self._link, FRAME, frame.get_payload_as_bytes(), now))
        elif frame.rsv1:
            self._broke("a compressed frame, which nobody agreed to")
        elif kind is PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif kind is CLOSE:
            code = int(frame.get_close_code().value) or NO_CODE
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
            self._lost(code, frame.get_close_reason() or "")
        elif kind is TEXT or kind is BINARY or kind is CONTINUATION:
            self._part(frame, now)

    def _part(self, frame: WSFrame, now: int) -> None:
        """Put a fragmented message together."""
        is_first = frame.msg_type is not CONTINUATION
        if is_first == bool(self._parts):
            self._broke("fragments of two messages in one another")
            return
        if is_first:
            self._size, self._is_text = 0, frame.msg_type is TEXT
        self._parts.append(frame.get_payload_as_bytes())
        self._size += frame.payload_size
        if self._size > MAX_FRAME_BYTES:
            self._broke("a message of more than 8 MiB", TOO_BIG)
        elif frame.fin:
            whole, self._parts = b"".join(self._parts), []
            if self._is_text:
                self._owner.put((self._link, ArrivalKind.TEXT, whole.decode("utf-8", "replace"), now))
            else:
                self._owner.put((self._link, FRAME, whole, now))

    def _broke(self, what: str, code: int = BROKEN_RULES) -> None:
        self.leave()
        self._lost(code, what)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        sent = transport.close_handshake.sent if transport.close_handshake is not None else None
        self._lost(int(sent.code.value) if sent is not None else ABNORMAL_CLOSE, sent.reason if sent is not None else "")

    def _lost(self, code: int, reason: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._owner.forget(self._link, self)
            self._owner.put((self._link, ArrivalKind.LOST, LinkLost(code, reason), monotonic_ns()))

    def leave(self) -> None:
        """Close without waiting for an answer: a server that no longer answers does not answer our farewell either."""
        if self.transport is not None and not self.transport.is_disconnected:
            self.transport.send_close(WSCloseCode.GOING_AWAY)
            self.transport.disconnect(graceful=False)

    def silence(self) -> None:
        self._is_over = True


class _Selector(selectors.DefaultSelector):
    """A selector that one can wait on before the loop turns: the loop then takes what was found, without asking again.

    A wait inside the loop would need a timer for its end, which costs as much as a frame.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: Any = None

    def wait(self, timeout_s: float) -> None:
        self._held = super().select(timeout_s)

    def select(self, timeout: float | None = None) -> Any:
        if self._held is None:
            return super().select(timeout)
        held, self._held = self._held, None
        return held


class PicowsLinks:
    """See ``Links``."""

    def __init__(self, config: LinkConfig) -> None:
        self._config = config
        self._selector = _Selector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._pool = ThreadPoolExecutor(1, "authorise")
        self._sockets: dict[int, _Socket] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self.arrivals: list[Arrival] = []
        self.is_waiting = False
        self.now_ns = 0
        """When what this turn reads was received; 0 until its first frame."""

    def connect(self, link: int, token: str, wanted: Wanted) -> None:
        self.drop(link)
        self._tasks[link] = self._loop.create_task(self._open(link, token, wanted))

    async def _open(self, link: int, token: str, wanted: Wanted) -> None:
        socket = _Socket(self, link, wanted)
        try:
            address = await self._loop.run_in_executor(self._pool, authorise, self._config, token)
            async with asyncio.timeout(self._config.total_timeout_s):
                await self._dial(address, socket)
        except asyncio.CancelledError:
            socket.silence()
            socket.leave()
            raise
        except picows.WSInvalidStatusError as error:
            found: Any = turned_away(int(error.response.status)) if error.response is not None else failure(error)
        except Exception as error:  # noqa: BLE001 - whatever a library may raise while opening ends in a FAILED arrival
            found = failure(error)
        else:
            return
        if self._sockets.get(link) is socket:
            return  # it was opened at the last moment
        socket.silence()
        socket.leave()
        self._tasks.pop(link, None)
        self.put((link, ArrivalKind.FAILED, found, monotonic_ns()))

    async def _dial(self, address: str, socket: _Socket) -> None:
        await picows.ws_connect(
            lambda: socket,
            address,
            ssl_context=ssl.create_default_context() if address.startswith("wss:") else None,
            websocket_handshake_timeout=self._config.total_timeout_s,
            logger_name="client",
            enable_auto_pong=False,
            max_frame_size=MAX_FRAME_BYTES,
            extra_headers={"User-Agent": USER_AGENT},
            max_redirects=0,
            read_buffer_init_size=READ_BUFFER,
        )
        if socket.transport is None:  # picows returns as if all were well when the peer hangs up without an answer
            raise ConnectionResetError(errno.ECONNRESET, "the connection broke")

    def send(self, link: int, frames: Sequence[bytes]) -> None:
        socket = self._sockets.get(link)
        if socket is not None and socket.transport is not None and not socket.transport.is_disconnected:
            for frame in frames:
                socket.transport.send(BINARY, frame)

    def ping(self, link: int) -> None:
        socket = self._sockets.get(link)
        if socket is not None and socket.transport is not None and not socket.transport.is_disconnected:
            socket.transport.send_ping(b"")

    def drop(self, link: int) -> None:
        task = self._tasks.pop(link, None)
        if task is not None:
            task.cancel()
        socket = self._sockets.pop(link, None)
        if socket is not None:
            socket.silence()
            socket.leave()
        self.arrivals[:] = [arrival for arrival in self.arrivals if arrival[0] != link]

    def opened(self, link: int, socket: _Socket) -> None:
        """Note that a connection is there."""
        self._tasks.pop(link, None)
        self._sockets[link] = socket
        self.put((link, ArrivalKind.OPENED, None, monotonic_ns()))

    def forget(self, link: int, socket: _Socket) -> None:
        """Note that a connection has ended by itself."""
        if self._sockets.get(link) is socket:
            del self._sockets[link]

    def life_ns(self, link: int) -> int:
        socket = self._sockets.get(link)
        return socket.life_ns if socket is not None else 0

    def put(self, arrival: Arrival) -> None:
        """Take in what a connection brought, and wake whoever waits for it."""
        self.arrivals.append(arrival)
        if self.is_waiting:
            self.wake()

    def stamp(self) -> int:
        """Read the clock for all that the sockets have in hand in this turn."""
        now = self.now_ns = monotonic_ns()
        return now

    def wake(self) -> None:
        """End the wait of ``receive``, once what the sockets have in hand is read."""
        self.is_waiting = False
        self._loop.stop()

    def receive(self, timeout_s: float) -> list[Arrival]:
        self.now_ns = 0
        if self._tasks and timeout_s > 0 and not self.arrivals:
            self._turn_until(timeout_s)
        else:
            if timeout_s > 0 and not self.arrivals:
                self._selector.wait(timeout_s)
            self._turn()
        out = self.arrivals[:]
        self.arrivals.clear()  # the sockets hold on to this very list
        return out

    def _turn_until(self, timeout_s: float) -> None:
        """Turn until something arrives: while a connection is being opened the loop has timers of its own."""
        self.is_waiting = True
        timer = self._loop.call_later(timeout_s, self._loop.stop)
        self._loop.run_forever()
        timer.cancel()
        self.is_waiting = False

    def _turn(self) -> None:
        """Read what every connection has in hand, without waiting."""
        self._loop.stop()
        self._loop.run_forever()

    def close(self) -> None:
        if self._loop.is_closed():
            return
        for link in (*self._tasks, *self._sockets):
            self.drop(link)
        for _ in range(FAREWELL_TURNS):
            self._turn()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._loop.close()
