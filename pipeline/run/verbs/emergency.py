"""`ticktick pause | halt | flatten | resume`: the emergency stop from a terminal; `ticktick kill` is in verbs/kill.py.

pause: no new entries. halt: and working ones are cancelled, stops stay. flatten: and every position is closed. resume lifts any of them,
and is refused while the halt file is there. When Redis does not answer, the word is left in the halt file: no entry leaves any more, and
the rest is done as soon as Redis is back. Exit 0; 3 when only the file could be left; 4 when refused.
"""

from __future__ import annotations

import argparse

import redis

from pipeline.core.broker import Word
from pipeline.core.errors import Refused, Stopped
from pipeline.run.emergency import halt_file, me, pull, say
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.client import open_clients

LIFT = "lift it with `ticktick resume`"
DONE = {
    Word.PAUSE: f"paused: no new entries, what works goes on; {LIFT}",
    Word.HALT: f"halted: no new entries, working entries are cancelled, stops stay; {LIFT}",
    Word.FLATTEN: f"flattening: no new entries, every position is closed; {LIFT}",
    Word.RESUME: "resumed: new entries are allowed again",
}


def main(args: argparse.Namespace) -> int:
    """Say the word."""
    settings, word = settings_for(args), Word(args.verb)
    file = halt_file(settings)
    if word is Word.RESUME:
        if file.exists():
            raise Refused(f"{file} is there, and would halt again: remove it first")
        try:
            entry = str(say(open_clients(settings.redis.urls()), word, "command", me()))
        except redis.exceptions.RedisError as error:
            raise Stopped("Redis does not answer: nothing was lifted") from error
    else:
        try:
            entry = pull(settings, word, "command", me())
        except OSError as error:
            raise Stopped(f"Redis does not answer, and {file} cannot be written ({error.strerror}): end the order process") from error
        if not entry:
            from pipeline.run.lastcall import refusal  # only now: what halts must be quick

            rest = "" if refusal(settings) else "; `ticktick kill` closes at the broker without it"
            raise Stopped(f"Redis does not answer: {file} was left; no entry leaves any more, the rest is done when Redis is back{rest}")
    show(args, {"word": word.value, "id": entry}, DONE[word])
    return 0
