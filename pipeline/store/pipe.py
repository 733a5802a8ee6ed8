"""Transactions over one connection, from bytes that are ready: MULTI, what was prepared, EXEC.

The client library packs each argument in Python, which costs more than all else a commit does; here it only keeps the connection
(address, password, TLS, database, time-outs). Never repeats anything: a lost connection is the caller's to judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

from pipeline.store.resp import command

MULTI, EXEC = command(b"MULTI"), command(b"EXEC")


class Pipe:
    """One connection of a client, kept for its commits. Not for threads."""

    def __init__(self, client: redis.Redis) -> None:
        self._pool: Any = client.connection_pool
        self._connection: Any = None

    def transaction(self, commands: Sequence[bytes], count: int) -> list[Any]:
        """Run ``count`` commands, all or nothing; give their answers, errors of single commands among them.

        Raises:
            redis.ConnectionError, redis.TimeoutError: nobody knows whether it took place.
            redis.ResponseError: it did not take place.
        """
        self.send(commands)
        return self.answers(count)

    def send(self, commands: Sequence[bytes]) -> None:
        """Send a transaction; its answers are to be read before the next is sent."""
        if self._connection is None:
            self._connection = self._pool.get_connection()
        try:
            self._connection.send_packed_command([b"".join((MULTI, *commands, EXEC))], False)
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            self.close()
            raise

    def answers(self, count: int) -> list[Any]:
        """Read what became of the transaction that was sent."""
        try:
            refused = [answer for answer in (self._answer() for _ in range(count + 1)) if isinstance(answer, Exception)]
            found = self._answer()
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            self.close()
            raise
        if isinstance(found, Exception):
            raise refused[0] if refused else found
        return list(found)

    def _answer(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.exceptions.ResponseError as error:
            return error

    def close(self) -> None:
        """Give the connection up; the next transaction takes a fresh one."""
        if self._connection is not None:
            self._connection.disconnect()
            self._pool.release(self._connection)
            self._connection = None
