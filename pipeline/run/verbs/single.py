"""`ticktick cancel ID`, `ticktick close SYMBOL`: one entry, or one position, of ours. Allowed while paused or halted.

Reads   the newest state of our orders, the position's hash, whether the order process lives
Writes  a word onto the stream ``controls``; the order process does it by the rules of every exit (engine/single.py)

What is unknown, over already or not held is refused in one line, and nothing is said. A stop is not cancelled alone: close its position.
Exit 0 said; 4 unknown, over or not held; 3 when the order process or Redis is away.
"""

from __future__ import annotations

import argparse
from typing import Any

import redis

from pipeline.core.broker import Word
from pipeline.core.errors import Refused, Stopped
from pipeline.core.schema import ORDERS, POSITION, Role
from pipeline.core.types import OrderEvent
from pipeline.engine.lifecycle import FINAL, Status
from pipeline.run.emergency import me, say
from pipeline.run.verbs.clear import living
from pipeline.run.verbs.shared import settings_for, show
from pipeline.store.client import Clients, open_clients
from pipeline.store.codec import decode

NEWEST = 5_000
"""Order events that are looked through."""


def main(args: argparse.Namespace) -> int:
    """Look whether it can be, then say it."""
    settings, word = settings_for(args), Word(args.verb)
    clients = open_clients(settings.redis.urls())
    try:
        what = entry_of(clients, args.what) if word is Word.CANCEL else position_of(clients, args.what.upper().removesuffix(".NS"))
        if ORDERS.writer not in living(clients[Role.DERIVED]):
            raise Stopped("the order process does not live: nothing was said; start it, or use the broker's own page")
        entry = str(say(clients, word, "command", me(), what))
    except redis.exceptions.RedisError as error:
        raise Stopped("Redis does not answer: look whether it was said before you repeat it") from error
    words = f"cancelling {what}" if word is Word.CANCEL else f"closing {what} at market"
    show(
        args,
        {"word": word.value, "what": what, "id": entry},
        f"{words}; the page, or `redis-cli -n 2 XREVRANGE orders + - COUNT 5`, shows it",
    )
    return 0


def entry_of(clients: Clients, name: str) -> str:
    """Give the id of a live entry of ours, named by its own id, its tag or the broker's id.

    Raises:
        Refused: no order of ours, one that is over, or an exit.
    """
    found: Any = clients[Role.DERIVED].xrevrange(ORDERS.name, count=NEWEST)
    for _, fields in found:
        event: OrderEvent = decode(ORDERS, fields)
        if name and name in {event.intent_id, event.order_id, event.tag}:
            return _live_entry(event)
    raise Refused(f"no order of ours is called {name!r}: the page and the stream `orders` name them")


def _live_entry(event: OrderEvent) -> str:
    if Status(event.status) in FINAL:
        raise Refused(f"order {event.intent_id} is over already ({event.status})")
    if event.purpose != "entry":
        raise Refused(f"order {event.intent_id} is an exit, which a position must not be without: `ticktick close {event.symbol}`")
    return event.intent_id


def position_of(clients: Clients, symbol: str) -> str:
    """Give the symbol back when we hold it.

    Raises:
        Refused: nothing of ours is held there.
    """
    qty: Any = clients[Role.DERIVED].hget(POSITION.key(symbol), "qty")
    if qty is None or int(qty) == 0:
        raise Refused(f"nothing of ours is held in {symbol}: the page, and `redis-cli -n 2 HGETALL position:{symbol}`, show what is")
    return symbol
