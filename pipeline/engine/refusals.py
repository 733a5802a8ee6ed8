"""What follows from a refusal: a pause, an alert, the end of guarding, and a halt where no repetition helps.

Reads   an order that was turned down (or whose change was) and the broker's reason, the plan of its position
Writes  the plan's counts, the word HALT, Alert

A stop that is refused is tried again, later each time; refused often enough, it is no guard, and the position is closed. Exits go on being
tried whatever the reason is. A reason that stands until a person acts, for every order alike, stops entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.core.broker import GUARD, Word, holding, level_of
from pipeline.core.types import Alert
from pipeline.engine.desk import Desk
from pipeline.engine.exits import Plan
from pipeline.engine.identity import changed
from pipeline.engine.lifecycle import Order
from pipeline.engine.reconcile import OPEN

FIRST_PAUSE_MS, LONGEST_PAUSE_MS, MOST_DOUBLED = 250, 5_000, 5
CODE = re.compile(r"UDAPI\d+")
_ADDRESS = "this machine's IP is not one that is registered with Upstox: register it, or go back to the registered line"
_APP = "the app may not send orders: look at it in Upstox's developer console"
HOPELESS = {
    "UDAPI1154": _ADDRESS,
    "UDAPI1179": _ADDRESS,
    "UDAPI1180": _APP,
    "UDAPI1181": _APP,
    "UDAPI1156": "Upstox does not know the name of the algo: set the registered one",
    "UDAPI100016": _APP,
    "UDAPI100049": "the account is restricted to another route: ask Upstox",
    "UDAPI100067": "an extended token may not send orders: log in with the app itself",
    "UDAPI100073": _APP,
}
"""Code -> what a person has to do. A token that has died is not among them: a login mends that, and the checks wait for it."""


def take_refusal(desk: Desk, order: Order, reason: str, now: int) -> Iterator[Alert]:
    """Take in that the broker, or the exchange, turned down an order or a change of it."""
    yield from halt_for_good(desk, reason, now)
    plan = desk.plans.get(order.symbol)
    if order.purpose == "entry" or plan is None:
        return
    put_off(desk, order.symbol, now)
    plan = desk.plans[order.symbol]
    if plan.closing:
        return
    plan = desk.plans[order.symbol] = changed(plan, turned_down=plan.turned_down + 1, turned_ms=plan.turned_ms or now)
    if plan.turned_down == desk.params.orders.refused_alarm:
        held, times = desk.held(order.symbol), plan.turned_down
        text = f"{order.symbol}: the stop for {held} was refused {times} times ({reason}): the broker does not guard it"
        yield Alert(now, "error", "stop_refused", "orders", text)


def put_off(desk: Desk, symbol: str, now: int) -> None:
    """Something for this position was refused: wait a little longer each time."""
    plan = desk.plans.get(symbol)
    if plan is not None:
        refusals = plan.refusals + 1
        pause = min(FIRST_PAUSE_MS << min(refusals, MOST_DOUBLED), LONGEST_PAUSE_MS)
        desk.plans[symbol] = changed(plan, refusals=refusals, wait_ms=now + pause)


def is_unguarded(desk: Desk, plan: Plan, now: int) -> bool:
    """Tell whether a stop has been refused so often, or for so long, that the position must go."""
    if plan.turned_down == 0:
        return False
    limits = desk.params.orders
    is_long = now - plan.turned_ms >= limits.guard_s * 1000 and not desk.exits(plan.symbol)
    return is_long or plan.turned_down >= limits.guard_tries


def note_cover(desk: Desk, plan: Plan, order: Order, held: int) -> None:
    """Forget refusals as soon as the broker's book shows a stop for all that is held."""
    is_shown = desk.venue is not None or order.told in {GUARD, OPEN}
    if plan.turned_down > 0 and is_shown and order.order_qty - order.done_qty >= abs(held):
        desk.plans[plan.symbol] = changed(plan, turned_down=0, turned_ms=0)


def halt_for_good(desk: Desk, reason: str, now: int) -> Iterator[Alert]:
    """Stop entries where the reason will be the same for every order until a person has acted."""
    code = next(iter(CODE.findall(reason)), "")
    if code not in HOPELESS or level_of(desk.word) >= level_of(Word.HALT):
        return
    desk.word = holding(desk.word, Word.HALT)
    yield Alert(
        now,
        "error",
        "refused_for_good",
        "orders",
        f"HALTED: the broker refuses orders ({reason}): {HOPELESS[code]}; then `ticktick resume`",
    )
