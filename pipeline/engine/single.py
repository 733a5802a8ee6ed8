"""Commands about one thing: cancel one entry, close one position, begin the high-water mark anew. Allowed whatever word holds.

Reads   the desk, a Control that names an order (our intent's id, or the broker's) or a symbol
Writes  Alert when it cannot be done; else marks what is wanted, and the rules that work anyway do it (engine/protect.py, engine/orders.py)

A close goes the way of every exit: everything of ours in the paper is cancelled, the position read, one order for no more than both sides
hold, rungs when that fails. It cannot reverse, and what people hold there is not touched. Nothing of ours that guards is cancelled alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.core.broker import Control, Word
from pipeline.core.types import Alert
from pipeline.engine.desk import Desk
from pipeline.engine.identity import changed
from pipeline.engine.lifecycle import Order
from pipeline.engine.tally import tally

BY_COMMAND = "by_command"


def take_single(desk: Desk, control: Control, now: int) -> Iterator[Alert]:
    """Note what is wanted, or say in one line why it cannot be."""
    if control.word is Word.FORGET:
        forget_peak(desk)
        return
    why = _cancel(desk, control.what) if control.word is Word.CANCEL else _close(desk, control.what, now)
    if why:
        yield Alert(now, "warning", "not_done", "orders", f"{control.word} {control.what}: {why}")


def forget_peak(desk: Desk) -> None:
    """Count the account from where it stands now; the day's own limits stay as they are."""
    desk.carried_paise, desk.peak_paise = -tally(desk).net_paise, 0
    desk.told.pop("high_water_stop", None)
    desk.watched_ms = 0


def _find(desk: Desk, name: str) -> Order | None:
    return desk.order(name) or desk.order(desk.owners.get(name, "")) or desk.order(desk.gtts.get(name, ""))


def _cancel(desk: Desk, name: str) -> str:
    order = _find(desk, name)
    if order is None:
        return "no order of ours bears that id; `ticktick status` and the page name them"
    if order.intent_id not in desk.orders:
        return f"it is over already ({order.status})"
    if order.purpose != "entry":
        return f"it is an exit of {order.symbol}, which must not stay without one: `ticktick close {order.symbol}` closes the position"
    desk.unwanted[order.intent_id] = None
    return ""


def _close(desk: Desk, symbol: str, now: int) -> str:
    if symbol not in desk.papers:
        return "not in today's watchlist: nothing of ours is held there"
    if desk.ours(symbol) == 0:
        hand = desk.by_hand().get(symbol, 0)
        return f"nothing of ours is held there{f', {hand:+d} by hand is not ours to close' if hand else ''}"
    for order in desk.entries(symbol):
        desk.unwanted[order.intent_id] = None
    plan = desk.plans.get(symbol)
    if plan is not None and not plan.closing:
        desk.plans[symbol] = changed(plan, closing=BY_COMMAND, closing_ms=now)
    return ""
