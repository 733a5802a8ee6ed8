"""Traps of the simulated broker: what it does again and again until the faults end, not now and then, and what must come of each.

Half of the sessions that draw their own faults have a trap besides; one session in twenty has a trap and is healthy otherwise. In those the
time that a trap may cost is bounded, so that a rule that merely helps in the end is told from one that helps in time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.core.types import Side
from pipeline.engine.matching import OPEN, Quote, VenueOrder

if TYPE_CHECKING:
    from tests.simulation.order_broker import FaultyBroker, Held

GAP = "gap"
"""Market protection is so tight that stops that trigger, and closing orders, rest when the price runs."""
FAST = "fast"
"""No cancellation is obeyed: each is refused."""
REFUSED, REJECTED = "refused stops", "rejected stops"
"""Every stop is refused by the broker, or rejected by the exchange after the broker took it."""
ADDRESS = "address"
"""From some moment on our address is not the registered one: whatever would change something is refused."""
DEAF = "deaf"
"""Changes are accepted, and some are not carried out."""
RAISED = "raised"
"""A person raises the quantity of orders of ours in the app."""
TRAPS = (GAP, FAST, REFUSED, REJECTED, ADDRESS, DEAF, RAISED)
UNREGISTERED = "HTTP 400 UDAPI1154"
ADDRESS_MS = (35_000, 80_000)
MOST_DEAF = 4
RAISES = 6
PROTECTION_BPS = 6.0
STUCK_MS = {"SL-M": 9_000, "MARKET": 48_000}
"""A triggered stop is given its grace, a closing order the time of its rung; then both are taken away."""
NAKED_MS = 22_000
"""A position whose stops are all refused has gone by then."""
FAST_MS = 48_000
"""A position that has to go, and whose stop cannot be cancelled, has gone by then."""


def trap_of(seed: int) -> str:
    return random.Random(f"trap {seed}").choice(TRAPS)


class Stuck:
    """How long orders rested beyond their protection, while something was held that they were to close."""

    def __init__(self) -> None:
        self.since: dict[str, int] = {}
        self.longest: dict[str, int] = {}

    def note(self, held: Held, quote: Quote | None, now: int) -> bool:
        """Tell whether an order is stuck now, and keep its time."""
        order = held.order
        if held.purpose != "exit":
            return is_stuck(order, quote)
        if is_stuck(order, quote):
            since = self.since.setdefault(order.order_id, now)
            self.longest[order.order_type] = max(self.longest.get(order.order_type, 0), now - since)
            return True
        self.since.pop(order.order_id, None)
        return False


def is_stuck(order: VenueOrder, quote: Quote | None) -> bool:
    """Tell whether the price has gone past an order's protection: it covers nothing then."""
    if order.status != OPEN or order.bound_paise == 0 or quote is None:
        return False
    shown = quote.ask_paise if order.side is Side.BUY else quote.bid_paise
    return shown > 0 and (shown - order.bound_paise) * order.side.sign > 0


def overdue(broker: FaultyBroker, trap: str) -> Iterator[str]:
    """Tell what took longer than a broker may make it that is healthy but for its trap."""
    for kind, bound in STUCK_MS.items():
        if broker.stuck.longest.get(kind, 0) > bound:
            yield f"a {kind} rested {broker.stuck.longest[kind]} ms beyond its protection"
    naked = max(broker.naked, default=0)
    if trap in {REFUSED, REJECTED} and naked > NAKED_MS:
        yield f"a position lay {naked} ms without a stop that the broker takes"
    if max(broker.fast_ms, default=0) > FAST_MS:
        yield f"a position lay {max(broker.fast_ms)} ms behind a stop that could not be cancelled"
