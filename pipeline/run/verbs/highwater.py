"""`ticktick highwater [reset]`: the account's peak over days, how far it stands below it, and how the mark begins anew.

Reads   the hash ``equity:<mode>``
Writes  with ``reset``, after RESET was typed: the word ``forget`` to the order process, or, while none runs, the hash itself

Nothing else ever lowers the mark: no clear, no new day, no resume. Exit 0; 4 when not typed, 3 when Redis is away.
"""

from __future__ import annotations

import argparse
import sys

import redis

from pipeline.core.broker import Word
from pipeline.core.errors import Refused, Stopped
from pipeline.core.money import rupees
from pipeline.core.schema import EQUITY, ORDERS, Role
from pipeline.run.emergency import me, say
from pipeline.run.equity import account_of, forget
from pipeline.run.verbs.clear import living
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.client import open_clients
from pipeline.store.streams import RedisStore

TYPED = "RESET"


def main(args: argparse.Namespace) -> int:
    """Show the mark, or have it forgotten."""
    settings = settings_for(args)
    account = account_of(settings)
    if not account:
        raise Refused("a played day has no high-water mark: unset session_date")
    clients = open_clients(settings.redis.urls())
    store = RedisStore(clients)
    try:
        fields = store.fetch(Role.DERIVED, EQUITY.key(account))
        if args.what != "reset":
            show(args, {"account": account, **fields}, words_of(account, fields))
            return 0
        _require_typed(words_of(account, fields))
        if ORDERS.writer in living(clients[Role.DERIVED]):
            say(clients, Word.FORGET, "command", me())
        else:
            forget(store, account)
    except redis.exceptions.RedisError as error:
        raise Stopped("Redis does not answer: nothing was reset") from error
    show(args, {"account": account, "reset": True}, f"the high-water mark of {account} begins anew here; the day's own limits stay")
    return 0


def words_of(account: str, fields: dict[str, str]) -> str:
    """Say where the account stands."""
    try:
        peak, fall, limit = (int(fields[name]) for name in ("peak_paise", "fall_paise", "limit_paise"))
    except (KeyError, ValueError):
        return f"{account}: no high-water mark yet" if not fields else f"{account}: the high-water mark cannot be read"
    return f"{account}: {rupees(fall)} below its high-water mark of {rupees(peak)} made; entries stop at {rupees(limit)} below"


def _require_typed(words: str) -> None:
    sys.stderr.write(f"{words}\nThis forgets what was lost since. Type {TYPED} to do it: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != TYPED:
        raise Refused("not typed: nothing was reset")
