"""Listening to streams of several roles at once: one read waits in each, and whatever comes first wakes.

Reads   entries after the cursors it is given, one connection a role; a file descriptor that wakes it as well
Writes  nothing

A client that polls role after role comes late by its pause, and asks the server all day for nothing. Here the server is asked once,
and answers when there is something. A read that waits stays where it is until it is answered, also over many calls: an entry that
arrives between two calls is not missed. A lost connection is Ambiguous, as everywhere in the store. Not for threads.
"""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from pipeline.core.schema import Role, Stream
from pipeline.store.client import SOCKET_TIMEOUT_S, Clients
from pipeline.store.face import Entry, EntryId
from pipeline.store.pipe import Pipe
from pipeline.store.resp import command
from pipeline.store.streams import entry_of, reachable

PATIENCE_MS = 1_000
"""How long the server holds a read that finds nothing: a connection that is silent for longer is dead."""


@dataclass(slots=True)
class _Waiting:
    """A read that was sent and not answered."""

    wanted: tuple[tuple[Stream, EntryId], ...]
    until_s: float


class Ears:
    """One for a reader. ``wake`` is a descriptor that ends a wait when it can be read; it is left unread."""

    def __init__(self, clients: Clients, wake: int = -1) -> None:
        self._pipes = {role: Pipe(client) for role, client in clients.items()}
        self._waiting: dict[Role, _Waiting] = {}
        self._wake = wake

    def read(self, wanted: Sequence[tuple[Stream, EntryId]], limit: int, wait_ms: int) -> dict[str, list[Entry]]:
        """Give up to ``limit`` entries after each cursor, oldest first; wait for the first one at most ``wait_ms``.

        With ``wait_ms`` 0 an entry that is there may be given by the next call only.
        """
        by_role: dict[Role, list[tuple[Stream, EntryId]]] = {}
        for stream, after in wanted:
            by_role.setdefault(stream.role, []).append((stream, after))
        out: dict[str, list[Entry]] = {stream.name: [] for stream, _ in wanted}
        with reachable():
            try:
                for role, streams in by_role.items():
                    self._ask(role, tuple(streams), limit)
                for role in self._answered(list(by_role), wait_ms):
                    self._take(role, out)
            except redis.exceptions.RedisError:
                self.close()
                raise
        return out

    def close(self) -> None:
        """Give the connections up, and what waits on them; the next read takes fresh ones."""
        self._waiting.clear()
        for pipe in self._pipes.values():
            pipe.close()

    def _ask(self, role: Role, wanted: tuple[tuple[Stream, EntryId], ...], limit: int) -> None:
        held = self._waiting.get(role)
        if held is not None and held.wanted == wanted:
            return
        if held is not None:
            self._pipes[role].close()  # it waits for something else
        words = ("XREAD", "COUNT", str(limit), "BLOCK", str(PATIENCE_MS), "STREAMS", *(s.name for s, _ in wanted))
        words += tuple(str(after) for _, after in wanted)
        self._pipes[role].write([command(*(word.encode() for word in words))])
        self._waiting[role] = _Waiting(wanted, time.monotonic() + PATIENCE_MS / 1000 + SOCKET_TIMEOUT_S)

    def _answered(self, roles: list[Role], wait_ms: int) -> list[Role]:
        """Wait until one of them has an answer, or the wake-up comes."""
        of = {self._pipes[role].fileno(): role for role in roles}
        poll = select.poll()
        for number in (*of, *((self._wake,) if self._wake >= 0 else ())):
            poll.register(number, select.POLLIN)
        found = [of[number] for number, _ in poll.poll(wait_ms) if number in of]
        late = [role for role in roles if role not in found and time.monotonic() > self._waiting[role].until_s]
        if late:
            raise redis.exceptions.TimeoutError("no answer in time")
        return found

    def _take(self, role: Role, out: dict[str, list[Entry]]) -> None:
        reply: Any = self._pipes[role].replies(1)[0]
        streams = {stream.name: stream for stream, _ in self._waiting.pop(role).wanted}
        if isinstance(reply, redis.exceptions.ResponseError):
            raise reply
        for name, entries in reply.items() if isinstance(reply, dict) else reply or ():
            stream = streams[name.decode()]
            out[stream.name] = [entry_of(stream, raw_id, dict(zip(fields[::2], fields[1::2], strict=True))) for raw_id, fields in entries]
