"""`ticktick halt`, `ticktick flatten`, `ticktick resume`: the emergency stop from a terminal.

halt: no new entries, working ones are cancelled, stops stay. flatten: that, and every position is closed. resume lifts either, and is
refused while the halt file is there. When Redis does not answer, halt and flatten leave the halt file, which halts as soon as it is seen.
Exit 0; 3 when only the file could be left; 4 when refused.
"""

from __future__ import annotations

import argparse

import redis

from pipeline.core.broker import Word
from pipeline.core.errors import Refused, Stopped
from pipeline.run.emergency import halt_file, say
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.client import open_clients

DONE = {
    Word.HALT: "halted: no new entries, working entries are cancelled, stops stay; lift it with `ticktick resume`",
    Word.FLATTEN: "flattening: no new entries, every position is closed; lift it with `ticktick resume`",
    Word.RESUME: "resumed: new entries are allowed again",
}


def main(args: argparse.Namespace) -> int:
    """Say the word."""
    settings, word = settings_for(args), Word(args.verb)
    file = halt_file(settings)
    if word is Word.RESUME and file.exists():
        raise Refused(f"{file} is there, and would halt again: remove it first")
    try:
        entry = say(open_clients(settings.redis.urls()), word, "command")
    except redis.exceptions.RedisError as error:
        if word is Word.RESUME:
            raise Stopped("Redis does not answer: nothing was lifted") from error
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        raise Stopped(
            f"Redis does not answer: {file} was left, it halts as soon as the order process sees it; it does not close positions"
        ) from error
    show(args, {"word": word.value, "id": str(entry)}, DONE[word])
    return 0
