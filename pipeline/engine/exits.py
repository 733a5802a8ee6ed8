"""When a position must be closed, and how much may be sent to close it.

Reads   a Plan (stop, target, ages), the live quote (paise), the clock times of settings.toml
Writes  a reason word, or nothing; the quantity of a closing order

An exit is not "send a sell", it is "make the position zero": its quantity is what is held less what is already
on its way to close it, so it can never reverse. It needs no confirmation and passes no entry check. The stop
looks at the last trade; the target at the price at which we could really trade.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.core.errors import Refused
from pipeline.core.frozen import quick
from pipeline.core.params import OrderParams
from pipeline.core.session import Group, SessionDay, ist_ms
from pipeline.core.types import Side
from pipeline.engine.matching import Quote

STOP, TARGET, MAX_HOLD, SQUARE_OFF = "stop", "target", "max_hold", "square_off"
STOP_TYPES = frozenset({"SL", "SL-M"})
GUARDS = STOP_TYPES | {"LIMIT"}
"""Order types of an exit that lies at the exchange and waits: a stop, or (of a pair) the limit at the target."""
RUNGS = 2
"""Of closing, each with its time: our orders, the broker's own exit. What is left then is for a person."""
SQUARE_OFF_BEFORE_END_MS = 180_000
NO_ENTRY_BEFORE_END_MS = 900_000


@quick
@dataclass(frozen=True, slots=True)
class Plan:
    """How a position is left; made with the entry, never without one."""

    symbol: str
    side: Side
    """Of the entry."""
    entry_intent: str
    stop_paise: int
    target_paise: int
    opened_ms: int
    """First fill of the entry."""
    square_off_ms: int
    max_hold_s: int
    attempts: int = 0
    """Exit orders sent so far, stops and closing ones; part of the next one's identity."""
    closing: str = ""
    """Why it is being closed; what has begun to close never goes back to being guarded."""
    closing_ms: int = 0
    rung_ms: int = 0
    """When the broker was asked to exit the position itself; closing orders have their time again from then on."""
    closings: int = 0
    """Closing orders sent so far."""
    wait_ms: int = 0
    """Nothing is sent for this position before then: an exit was refused."""
    refusals: int = 0
    beyond_ms: int = 0
    """Since when the price stands beyond the stop; 0 while it does not."""
    is_alarmed: bool = False
    trail_paise: int = 0
    """The stop follows the best price at this distance; 0: it stays."""
    best_paise: int = 0
    """Of the last trades since it was opened."""
    trailed_ms: int = 0
    """When the stop was moved last."""
    turned_down: int = 0
    """Stops, and changes that they need, refused in a row while the broker shows none that covers all."""
    turned_ms: int = 0
    """When the first of them was refused."""
    is_late: bool = False
    """Closing has taken longer than two rungs may, and somebody was told."""

    @property
    def due_ms(self) -> int:
        """When the position must go whatever its price is."""
        if self.max_hold_s <= 0:
            return self.square_off_ms
        return min(self.square_off_ms, self.opened_ms + self.max_hold_s * 1000)


def exit_reason(plan: Plan, quote: Quote | None, now: int) -> str:
    """Say why the position must go now; empty while it may stay. The stop comes first: it costs most to miss."""
    if quote is not None:
        sign = plan.side.sign
        if quote.ltp_paise > 0 and (quote.ltp_paise - plan.stop_paise) * sign <= 0:
            return STOP
        ours = quote.bid_paise if plan.side is Side.BUY else quote.ask_paise
        if plan.target_paise > 0 and ours > 0 and (ours - plan.target_paise) * sign >= 0:
            return TARGET
    if now >= plan.square_off_ms:
        return SQUARE_OFF
    if plan.max_hold_s > 0 and now - plan.opened_ms >= plan.max_hold_s * 1000:
        return MAX_HOLD
    return ""


def closing_qty(position_qty: int, pending_close_qty: int) -> int:
    """Shares that a closing order may still be sent for: never more than would make the position zero."""
    return max(0, abs(position_qty) - pending_close_qty)


def closing_side(position_qty: int) -> Side:
    return Side.SELL if position_qty > 0 else Side.BUY


def square_off_ms(day: SessionDay, group: Group, params: OrderParams) -> int:
    """Give the instant of square-off; on a day with other hours (Muhurat), three minutes before its end.

    Raises:
        Refused: the rungs would not fit between it and the end of continuous trading.
    """
    clock = params.square_off_cas if group is Group.EQ_CAS else params.square_off
    at, end = _within(day, group, clock, SQUARE_OFF_BEFORE_END_MS), day.close_ms(group)
    if at + RUNGS * params.rung_s * 1000 > end:
        left_s = (end - at) // 1000
        raise Refused(f"[orders] {RUNGS} rungs of {params.rung_s:g} s do not fit into the {left_s} s after square-off: make it earlier")
    return at


def no_entry_ms(day: SessionDay, group: Group, params: OrderParams) -> int:
    """Give the instant after which nothing is bought or sold short anew."""
    return _within(day, group, params.no_entry_after, NO_ENTRY_BEFORE_END_MS)


def _within(day: SessionDay, group: Group, clock: str, before_end_ms: int) -> int:
    at, end = ist_ms(day.date, clock), day.close_ms(group)
    return at if day.open_ms(group) < at < end else end - before_end_ms
