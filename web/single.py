"""One entry cancelled or one position closed from the page, in the two steps of STOP: armed, then chosen.

Reads   the state that the page shows: positions, orders, whether the order process lives
Writes  CANCEL or CLOSE onto ``controls``, for the order process; what is not there to be cancelled or closed is refused in one line
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis.asyncio
import redis.exceptions
from aiohttp import web

from pipeline.core.broker import Control, Word
from pipeline.core.schema import CONTROLS
from pipeline.engine.lifecycle import FINAL
from pipeline.store.client import append_async
from web.fields import Json
from web.replies import bad, error, texts
from web.stop import Stops

WORDS = frozenset({Word.CANCEL, Word.CLOSE})


async def act(request: web.Request, stops: Stops, state: Mapping[str, Any], client: redis.asyncio.Redis) -> web.Response:
    """Take ``{word, what, nonce}``; the nonce is that of the armed button."""
    wish = await texts(request, frozenset({"word", "what", "nonce"}))
    if wish["word"] not in WORDS:
        raise bad(f"word must be one of {', '.join(sorted(WORDS))}")
    stops.spend(wish["nonce"])
    word, what = Word(wish["word"]), wish["what"]
    why = _cancel(state["trades"]["orders"], what) if word is Word.CANCEL else _close(state["portfolio"]["positions"], what)
    if why:
        raise error(404, why)
    if not state["halt"]["is_alive"]:
        raise error(409, "the order process does not live: nothing was said; use the broker's own page, or STOP level 4")
    control = Control(state["clock"]["ts"], word, "page", request.remote or "", what)
    try:
        entry = await append_async(client, CONTROLS, control)
    except (redis.exceptions.RedisError, OSError) as lost:
        raise error(503, "Redis is away: look whether it shows before you repeat it") from lost
    words = f"cancelling {what}" if word is Word.CANCEL else f"closing {what} at market"
    return web.json_response({"word": word, "what": what, "id": str(entry), "words": words})


def _cancel(orders: Sequence[Json], intent_id: str) -> str:
    """Say why it cannot be cancelled; orders are newest first, and the first of an intent tells how it stands."""
    order = next((o for o in orders if o["intent_id"] == intent_id), None)
    if order is None:
        return "no order of ours bears that id"
    if order["status"] in FINAL:
        return f"the order is over already ({order['status']})"
    return "" if order["purpose"] == "entry" else f"it is an exit: close {order['symbol']} instead"


def _close(positions: Sequence[Json], symbol: str) -> str:
    return "" if any(held["symbol"] == symbol for held in positions) else f"nothing of ours is held in {symbol[:40]!r}"
