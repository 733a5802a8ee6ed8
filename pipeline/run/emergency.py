"""The emergency strings of the shell: a command, and a file that any shell can touch.

Reads   ``<logs>/HALT``; the newest tick, for the time at which a word counts (a played day has its own clock)
Writes  the stream ``controls``: halt, flatten or resume, with where it came from

A word is durable before anybody acts on it. The order process looks at the file about once a second; it halts when it appears, and again
after every start while it is there. Taking it away lifts nothing: that is done by hand, with `ticktick resume`.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import redis

from pipeline.core.broker import Control, Word
from pipeline.core.schema import CONTROLS, TICKS, Role
from pipeline.run.options import Settings
from pipeline.store.client import Clients, append, open_clients
from pipeline.store.face import EntryId

log = logging.getLogger("ticktick.emergency")
FILE = "HALT"


def halt_file(settings: Settings) -> Path:
    return settings.paths.logs / FILE


def say(clients: Clients, word: Word, source: str) -> EntryId:
    """Put a word on the stream.

    Raises:
        redis.exceptions.RedisError: it could not be put there; whether it was is not known.
    """
    return append(clients[Role.DERIVED], CONTROLS, Control(_clock(clients), word, source))


class HaltFile:
    """Watches the file; the word is said once each time the file appears."""

    def __init__(self, settings: Settings) -> None:
        self._path, self._clients = halt_file(settings), open_clients(settings.redis.urls())
        self._is_said = False

    def is_there(self) -> bool:
        """Look, for whoever is about to send something."""
        return self._path.exists()

    def look(self) -> dict[str, int]:
        """Halt when the file has appeared (a word that Redis did not take is said again at the next look); tell whether it is there."""
        is_there = self.is_there()
        if is_there and not self._is_said:
            try:
                say(self._clients, Word.HALT, "file")
            except redis.exceptions.RedisError:
                log.exception("the halt file is there, but Redis does not take the word: tried again")
                return {"halt_file": 1}
            log.warning("halted by the file", extra={"fields": {"file": str(self._path)}})
        self._is_said = is_there
        return {"halt_file": int(is_there)}


def _clock(clients: Clients) -> int:
    """Give the feed's time: the newest tick's; the wall's before there is one."""
    newest: Any = clients[Role.TICKS].xrevrange(TICKS.name, count=1)
    return EntryId.parse(newest[0][0]).ms if newest else time.time_ns() // 1_000_000
