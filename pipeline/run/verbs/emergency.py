"""`ticktick emergency halt|flatten|resume`: stop means stop.

Writes  <runtime>/HALT           looked at before every entry leaves the house; put there first, taken away by ``resume``
        controls                 the word, for the order process: it answers within one turn, and the word survives its restarts

``halt`` stops entries and cancels those that work, stops stay at the broker; ``flatten`` closes everything too. Only ``resume`` lifts it.
Exit 0; 3 when no order process runs (the file is there all the same).
"""

from __future__ import annotations

import argparse

from pipeline.core.broker import Control, Word
from pipeline.core.errors import Stopped
from pipeline.core.schema import CONTROLS, HEALTH, Role
from pipeline.run.outorders import KILL_FILE
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.client import append, check, open_clients
from pipeline.store.streams import RedisStore

MEANING = {
    Word.HALT: "no new entries, working ones are cancelled, stops stay where they are",
    Word.FLATTEN: "no new entries, and everything is closed",
    Word.RESUME: "entries are allowed again",
}


def main(args: argparse.Namespace) -> int:
    """Put the file there or take it away, then tell the order process."""
    settings, word = settings_for(args), Word(args.word)
    kill_file = settings.paths.runtime / KILL_FILE
    if word is Word.RESUME:
        kill_file.unlink(missing_ok=True)
    else:
        kill_file.parent.mkdir(parents=True, exist_ok=True)
        kill_file.touch()
    urls = settings.redis.urls()
    clients = open_clients(urls)
    check(clients, urls)
    health = RedisStore(clients).fetch(Role.DERIVED, HEALTH.key("orders"))
    if "now_ms" not in health:
        raise Stopped(f"no order process runs here; {kill_file} is {'gone' if word is Word.RESUME else 'there'} all the same")
    # At the order process's own time: a played day has another date than this machine.
    entry = append(clients[Role.DERIVED], CONTROLS, Control(int(health["now_ms"]), word, "command"))
    show(args, {"word": word.value, "id": str(entry), "file": str(kill_file)}, f"{word.value}: {MEANING[word]}")
    return 0
