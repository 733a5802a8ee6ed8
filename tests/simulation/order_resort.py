"""Level 4 at the simulated broker: rounds of cancel and exit past our own orders until everything is flat, then the broker's lock.

What broker/lastresort.py does over HTTP, in the simulation's time: what works is cancelled first, then what is held is exited at market, and
looked at again. Whoever pulls it may lose the line after any round; what is left then is ours to close, once the order manager's hands are
free again.
"""

from __future__ import annotations

from pipeline.core.types import Side
from tests.simulation.order_broker import FaultyBroker

FIRST_MS, ROUND_MS = (20, 120), (100, 400)
MOST_ROUNDS = 100
"""Half a minute and less: settings do not allow more (emergency.kill_s)."""


class Resort:
    """One pull at the last string."""

    def __init__(self, broker: FaultyBroker, now: int) -> None:
        self._broker, self._rng = broker, broker.rng
        is_cut = broker.rng.random() < 0.4 and broker.rates.fault > 0
        self._rounds = broker.rng.randint(0, 3) if is_cut else MOST_ROUNDS
        if is_cut:
            broker.faults["last resort cut"] += 1
        broker.schedule(now + broker.rng.randint(*FIRST_MS), self._round)

    def _round(self, now: int) -> None:
        broker = self._broker
        if self._rounds == 0:
            return
        self._rounds -= 1
        is_clear = self._cancel_all(now)
        held = {symbol: qty for symbol, qty in broker.position.items() if qty != 0}
        if is_clear and not held:
            broker.is_locked = True
            return
        for symbol, qty in held.items() if is_clear else ():
            if self._rng.random() >= broker.rates.fault:
                broker.by_hand(symbol, Side.SELL if qty > 0 else Side.BUY, abs(qty), now)
        broker.schedule(now + self._rng.randint(*ROUND_MS), self._round)

    def _cancel_all(self, now: int) -> bool:
        """Cancel what waits at the server and at the exchange; tell whether nothing works any more."""
        broker = self._broker
        for gtt_id in list(broker.brackets.held):
            broker.brackets.cancel(gtt_id)
        for held in broker.working():
            if self._rng.random() >= broker.rates.fault:
                broker.cancel_child(held.order.order_id, now)
        return not broker.working()
