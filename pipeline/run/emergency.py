"""The emergency strings: a command, the page's button, and a file that any shell can touch.

Reads   ``<logs>/HALT``; the newest tick, for the time at which a word counts (a played day has its own clock)
Writes  the stream ``controls``: pause, halt, flatten, kill or resume, with the string that was pulled and who pulled it

A word is durable before anybody acts on it. When Redis does not take it, it is left in the file, which stops entries at once and says its
word as soon as Redis is back. Whoever runs the order process looks at the file all the time; the word is said when it appears, and again
after every start while it is there. Taking it away lifts nothing: that is done by hand, with `ticktick resume`.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import logging
import os
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import redis

from pipeline.core.broker import LEVELS, Control, Word, holding, level_of
from pipeline.core.schema import CONTROLS, TICKS, Role
from pipeline.run.options import Settings
from pipeline.store.client import Clients, append, open_clients
from pipeline.store.face import ZERO, EntryId, Store

log = logging.getLogger("ticktick.emergency")
FILE = "HALT"
AGAIN_S = 1.0
"""A word that Redis does not take is said again after so long."""
PATIENCE_S = 0.5
"""Redis gets so long to take a word before it is left in the file; so does whoever writes that file at the same time."""
LOOK_S = 0.005
MOST_BYTES = 1024
BY_HAND = frozenset({Word.PAUSE, Word.FLATTEN})
"""What a person may write into the file; anything else, and nothing at all, means halt."""


def halt_file(settings: Settings) -> Path:
    return settings.paths.logs / FILE


def me() -> str:
    """Name who runs this program."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return ""


def say(clients: Clients, word: Word, source: str, who: str = "", what: str = "") -> EntryId:
    """Put a word on the stream; ``what`` is the order or the symbol that it is about.

    Raises:
        redis.exceptions.RedisError: it could not be put there; whether it was is not known.
    """
    return append(clients[Role.DERIVED], CONTROLS, Control(_clock(clients), word, source, who, what))


def leave(path: Path, word: Word, source: str, who: str) -> None:
    """Leave a word in the file; a stronger one that lies there stays, whoever leaves one at the same time.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone_in(path.parent):
        held = read(path)
        if held is not None and level_of(held[0]) >= level_of(word):
            return
        fresh = path.with_name(f".{FILE}.{os.getpid()}.{threading.get_ident()}")
        fresh.write_text(json.dumps({"word": word, "who": f"{source} {who}".strip()}), "utf-8")
        fresh.replace(path)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep others from leaving a word meanwhile. Whoever holds on for longer than a word may wait does not hold up an emergency."""
    number = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOOK_S)
            except OSError:  # a folder that knows no locks
                break
        yield
    finally:
        os.close(number)


def read(path: Path) -> tuple[Word, str] | None:
    """Give the word of the file and who left it; None when it is not there. What cannot be read is a halt."""
    try:
        # Whatever lies there must not keep us waiting (a pipe would), and not fill us.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            text = (file.read(MOST_BYTES) or b"").decode("utf-8", "replace").strip()
        owner = path.owner()
    except FileNotFoundError:
        return None
    except (OSError, KeyError):
        return Word.HALT, ""
    try:
        left = json.loads(text)
        return _emergency(left["word"], LEVELS), str(left["who"])
    except (ValueError, KeyError, TypeError):
        return _emergency(text.lower(), BY_HAND), owner


def pull(settings: Settings, word: Word, source: str, who: str) -> str:
    """Say a word, or leave it in the file when Redis does not take it at once; give the entry's id, empty when it was left in the file.

    Raises:
        OSError: neither could be done.
    """
    said: list[EntryId] = []

    def talk() -> None:
        with contextlib.suppress(redis.exceptions.RedisError):
            said.append(say(open_clients(settings.redis.urls()), word, source, who))

    thread = threading.Thread(target=talk, name="word", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)  # a Redis that hangs keeps its clients waiting far longer
    if said:
        return str(said[0])
    leave(halt_file(settings), word, source, who)
    return ""


def standing(store: Store) -> str:
    """Give the word that holds by everything that was ever said."""
    word, after = "", ZERO
    while entries := store.read([(CONTROLS, after)], 1000, 0)[CONTROLS.name]:
        for entry in entries:
            word = holding(word, entry.record.word)
        after = entries[-1].id
    return word


class HaltFile:
    """Watches the file; its word is said once each time it appears or grows stronger."""

    def __init__(self, settings: Settings) -> None:
        self.path, self._clients = halt_file(settings), open_clients(settings.redis.urls())
        self._said = ""
        self._again_at = 0.0

    def is_there(self) -> bool:
        """Look, for whoever is about to send something."""
        return self.path.exists()

    def look(self) -> dict[str, int]:
        """Say the word of a file that has appeared; tell whether it is there."""
        found = read(self.path) if self.is_there() else None
        if found is None:
            self._said = ""
            return {"halt_file": 0}
        word, who = found
        if level_of(word) > level_of(self._said) and time.monotonic() >= self._again_at:
            try:
                say(self._clients, word, "file", who)
            except redis.exceptions.RedisError:
                log.exception("the halt file is there, but Redis does not take the word: tried again")
                self._again_at = time.monotonic() + AGAIN_S
            else:
                log.warning("%s by the file", word, extra={"fields": {"file": str(self.path), "who": who}})
                self._said = word
        return {"halt_file": 1}


def _emergency(text: str, allowed: Collection[Word]) -> Word:
    return Word(text) if text in allowed else Word.HALT


def _clock(clients: Clients) -> int:
    """Give the feed's time: the newest tick's; the wall's before there is one."""
    newest: Any = clients[Role.TICKS].xrevrange(TICKS.name, count=1)
    return EntryId.parse(newest[0][0]).ms if newest else time.time_ns() // 1_000_000
