"""Level 4 from settings: who may pull it, and what goes with it.

Reads   mode, the broker's addresses, the token
Writes  the word KILL (to Redis, or into the halt file), then what broker/lastresort.py does

The word goes first, so that our own orders keep their hands off; it is never waited for longer than a moment, and the file is left in any
case: a kill is lifted by hand, twice. Only a mode that has a broker outside has somebody to ask.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from pipeline.broker.lastresort import LastResort, Step, Verdict
from pipeline.broker.upstox_account import UpstoxAccount
from pipeline.core.broker import Word
from pipeline.core.errors import Refused
from pipeline.jobs.orders import OUTWARD
from pipeline.run.access import rest_client
from pipeline.run.emergency import halt_file, leave, pull
from pipeline.run.options import Settings
from pipeline.run.outorders import require_simulator

WORD_S = 0.3
"""Redis gets so long to take the word before the broker is asked."""


def refusal(settings: Settings) -> str:
    """Say why there is no broker to ask; empty when there is one."""
    if settings.mode != OUTWARD:
        return f"mode {settings.mode} has no broker outside: `flatten` closes everything there is"
    try:
        require_simulator(settings)
    except Refused as error:
        return str(error)
    return ""


def kill(settings: Settings, source: str, who: str, tell: Callable[[Step], None]) -> Verdict:
    """Pull the last string.

    Raises:
        Refused: there is no broker outside. Unauthorised: the token is not accepted.
    """
    why = refusal(settings)
    if why:
        raise Refused(why)
    account = UpstoxAccount(rest_client(settings))
    resort = LastResort(account, settings.emergency.kill_s, tell)
    _hands_off(settings, source, who, tell)
    return resort.run()


def _hands_off(settings: Settings, source: str, who: str, tell: Callable[[Step], None]) -> None:
    """Tell our own order process to keep its hands off."""
    taken: list[str] = []

    def say() -> None:
        try:
            taken.append(pull(settings, Word.KILL, source, who))
        except OSError:
            return  # said below

    try:
        leave(halt_file(settings), Word.KILL, source, who)
    except OSError as error:
        tell(Step(0, f"the halt file cannot be written ({error.strerror})", is_bad=True))
    talk: Any = threading.Thread(target=say, name="word", daemon=True)
    talk.start()
    talk.join(WORD_S)
    where = "on the stream controls" if taken and taken[0] else "in the halt file alone: Redis does not answer"
    tell(Step(0, f"the word is {where}", is_bad=not (taken and taken[0])))
