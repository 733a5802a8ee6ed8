"""Level 4 from settings: who may pull it, and what goes with it.

Reads   mode, the broker's addresses, the token
Writes  the word KILL (to Redis, or into the halt file), then what broker/lastresort.py does

The word goes first, so that our own orders keep their hands off; it is waited for no longer than a moment, and the file is left in any
case: a kill is lifted by hand, twice. Only a mode that has a broker outside has somebody to ask.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.broker.lastresort import LastResort, Step, Verdict
from pipeline.broker.upstox_account import UpstoxAccount
from pipeline.core.broker import Word
from pipeline.core.errors import Refused
from pipeline.jobs.orders import OUTWARD
from pipeline.run.access import rest_client
from pipeline.run.emergency import halt_file, leave, pull
from pipeline.run.options import Settings
from pipeline.run.outorders import require_hosts

REACHED = frozenset({OUTWARD})
"""Modes whose broker this version may reach: those with one outside among wiring.TRADES_WITH (a test holds them together)."""


def refusal(settings: Settings) -> str:
    """Say why there is no broker to ask; empty when there is one, and its address is that of the mode."""
    if settings.mode in ("paper", "replay"):
        return f"mode {settings.mode} has no broker outside: `flatten` closes everything there is"
    if settings.mode not in REACHED:
        return f"mode {settings.mode} is not there yet, and nothing of ours is at the broker: what is, is closed in the broker's own app"
    try:
        require_hosts(settings)
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
    try:
        leave(halt_file(settings), Word.KILL, source, who)
        entry = pull(settings, Word.KILL, source, who)
    except OSError as error:
        tell(Step(0, f"the halt file cannot be written ({error.strerror}): our own orders may still act", is_bad=True))
        return
    tell(Step(0, "the word is on the stream controls" if entry else "the word is in the halt file alone: Redis does not answer", not entry))
