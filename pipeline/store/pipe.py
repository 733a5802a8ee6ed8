"""Commands over one connection, from bytes that are ready: a transaction (MULTI, what was prepared, EXEC), or one after the other.

The client library packs each argument and unpacks each answer in Python, which costs more than all else a commit does; here it
only keeps the connection (address, password, TLS, database, time-outs). Large parts go to the kernel from where they lie.
Never repeats anything: a lost connection is the caller's to judge.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hiredis
import redis

from pipeline.core.errors import Stopped
from pipeline.store.face import Part
from pipeline.store.resp import command

MULTI, EXEC = command(b"MULTI"), command(b"EXEC")
MOST_PARTS = 1_000
"""Parts handed to the kernel at once; Linux takes 1,024."""
READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Guard:
    """What must stand in a hash when a transaction takes place, else it changes nothing at all."""

    key: str
    fields: tuple[tuple[str, str], ...]
    words: str
    """What to say when it does not stand there any more."""

    def watch(self) -> bytes:
        """Write the commands that look: from here to the next transaction the server itself watches the key."""
        names = (name.encode() for name, _ in self.fields)
        return command(b"WATCH", self.key.encode()) + command(b"HMGET", self.key.encode(), *names)

    def stands(self, found: Any) -> bool:
        """Judge the answer to HMGET."""
        if isinstance(found, Exception):
            raise found
        return list(found) == [value.encode() for _, value in self.fields]


class Pipe:
    """One connection of a client, kept for its commits. Not for threads."""

    guard: Guard | None = None
    """Every transaction rests on it. It is looked at behind each transaction for the next one, in the same write: no journey of its own."""

    def __init__(self, client: redis.Redis) -> None:
        self._pool: Any = client.connection_pool
        self._stands: bool | None = None
        """Whether the guard stood when the watch began; None on a connection that does not watch."""
        self._connection: Any = None
        self._reader: Any = None
        self._socket: socket.socket | None = None

    def transaction(self, commands: Sequence[Part], count: int) -> list[Any]:
        """Run ``count`` commands, all or nothing; give their answers, errors of single commands among them.

        Raises:
            redis.ConnectionError, redis.TimeoutError: nobody knows whether it took place.
            redis.ResponseError: it did not take place.
            Stopped: it did not take place, since the guard does not stand any more.
        """
        self.send(commands)
        return self.answers(count)

    def send(self, commands: Sequence[Part]) -> None:
        """Send a transaction; its answers are to be read before the next is sent."""
        if self.guard is None:
            self.write([MULTI, *commands, EXEC])
            return
        if self._stands is None:
            self.write([self.guard.watch()])
            self._stands = self.guard.stands(self.replies(2)[1])
        if not self._stands:
            raise Stopped(self.guard.words)
        self.write([MULTI, *commands, EXEC, self.guard.watch()])

    def answers(self, count: int) -> list[Any]:
        """Read what became of the transaction that was sent."""
        if self.guard is None:
            *queued, found = self.replies(count + 2)
        else:
            *queued, found, _, held = self.replies(count + 4)
            self._stands = self.guard.stands(held)
            if found is None:
                self._stands = False
                raise Stopped(self.guard.words)
        if isinstance(found, Exception):
            raise next((answer for answer in queued if isinstance(answer, Exception)), found)
        return list(found)

    def one_by_one(self, commands: Sequence[Part], count: int) -> list[Any]:
        """Run ``count`` commands that do not hang together; give their answers, errors among them."""
        self.write(commands)
        return self.replies(count)

    def fileno(self) -> int:
        """Give the descriptor of the connection that was written to, to wait on."""
        return int(self._connection._sock.fileno())  # noqa: SLF001 - as below

    # ------------------------------------------------------------------ bytes

    def write(self, parts: Sequence[Part]) -> None:
        """Send commands; their answers are to be read before the next are sent."""
        if self._connection is None:
            self._connection = self._pool.get_connection()
            self._reader = hiredis.Reader(protocolError=redis.exceptions.InvalidResponse, replyError=_error)
            found = self._connection._sock  # noqa: SLF001 - the library has no door for bytes in parts
            self._socket = found if isinstance(found, socket.socket) else None
        try:
            if self._socket is not None and not isinstance(self._socket, ssl.SSLSocket):
                _send_all(self._socket, parts)
            else:  # TLS takes one piece; what is no socket (a double, in tests) goes the library's way
                self._connection.send_packed_command([b"".join(parts)], False)
        except (OSError, redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
            raise self._lost(error) from error

    def replies(self, count: int) -> list[Any]:
        """Read so many answers, errors among them.

        Raises:
            redis.ConnectionError, redis.TimeoutError: there are not so many.
        """
        try:
            out = self._received(self._socket, count) if self._socket is not None else [self._read() for _ in range(count)]
        except (OSError, redis.exceptions.InvalidResponse, redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
            raise self._lost(error) from error
        loading = next((answer for answer in out if isinstance(answer, redis.exceptions.ConnectionError)), None)
        if loading is not None:
            raise self._lost(loading)
        return out

    def _received(self, source: socket.socket, count: int) -> list[Any]:
        out: list[Any] = []
        while True:
            while len(out) < count and (answer := self._reader.gets()) is not False:
                if not isinstance(answer, hiredis.PushNotification):
                    out.append(answer)
            if len(out) == count:
                return out
            received = source.recv(READ_BYTES)
            if not received:
                raise ConnectionResetError("the server closed the connection")
            self._reader.feed(received)

    def _read(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.exceptions.ResponseError as error:
            return error

    def _lost(self, error: Exception) -> redis.exceptions.RedisError:
        """Give the connection up, and what to tell the caller."""
        self.close()
        if isinstance(error, (TimeoutError, redis.exceptions.TimeoutError)):
            return redis.exceptions.TimeoutError(str(error) or "no answer in time")
        return redis.exceptions.ConnectionError(str(error))

    def close(self) -> None:
        """Give the connection up; the next commands take a fresh one."""
        if self._connection is not None:
            self._connection.disconnect()
            self._pool.release(self._connection)
            self._connection = self._reader = self._socket = self._stands = None


def _error(text: str) -> redis.exceptions.RedisError:
    """Make an answer of an error; a server that is loading its data is as good as away."""
    if text.startswith("LOADING"):
        return redis.exceptions.BusyLoadingError(text)
    return redis.exceptions.ResponseError(text)


def _send_all(sink: socket.socket, parts: Sequence[Part]) -> None:
    """Send all parts in order, from where they lie."""
    left = list(parts)
    at = 0
    while at < len(left):
        sent = sink.sendmsg(left[at : at + MOST_PARTS])
        while at < len(left) and sent >= len(left[at]):
            sent -= len(left[at])
            at += 1
        if sent > 0:
            left[at] = memoryview(left[at])[sent:]
