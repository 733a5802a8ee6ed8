"""The server side of GTTs: watches the last trades, sends what a rule asks for, and cancels the other.

Reads   frames as they are played; brackets (engine/brackets.py)
Writes  orders on the desk, without a tag, as the broker's server makes them
Triggers are looked at in continuous trading only: they stop before a closing auction.
"""

from __future__ import annotations

from pipeline.core.broker import Leg
from pipeline.core.session import Phase
from pipeline.core.types import Side
from pipeline.engine.brackets import Bracket, Brackets, Child
from pipeline.simulator.answers import ApiError
from pipeline.simulator.blotter import paise
from pipeline.simulator.desk import FINAL, Desk
from pipeline.simulator.market import Frame


class GttServer:
    """All GTTs of the account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.brackets = Brackets(self)
        self.products: dict[str, str] = {}

    def place(self, bracket: Bracket, product: str) -> None:
        """Take a GTT."""
        self.products[bracket.symbol] = product
        self.brackets.place(bracket, self._desk.tape.now_ms)

    def change(self, wanted: Bracket) -> None:
        """Take other terms for what has not been sent yet."""
        held = self.brackets.held[wanted.gtt_id]
        if Leg.ENTRY not in held.children:
            held.qty, held.entry_paise, held.trigger = wanted.qty, wanted.entry_paise, wanted.trigger
        held.stop_paise, held.target_paise, held.trail_paise = wanted.stop_paise, wanted.target_paise, wanted.trail_paise

    def state(self, order_id: str) -> str:
        """Give the state of a rule that has sent its order."""
        status = self._desk.entries[order_id].row["status"] if order_id else "rejected"
        return {"complete": "COMPLETED", "cancelled": "CANCELLED", "rejected": "FAILED"}.get(status, "TRIGGERED")

    def on_frame(self, frame: Frame) -> None:
        """Look at what was just played, after the desk has met it."""
        watched = {b.symbol for b in self.brackets.held.values() if not b.is_over}
        for update in frame.updates if watched else ():
            listing = self._desk.listings.get(update.key)
            if listing is None or update.key not in watched:
                continue
            if self._desk.day.phase_at(frame.ts, listing.group(self._desk.day.date)) is Phase.CONTINUOUS:
                self.brackets.on_trade(update.key, paise(update.ltp), frame.ts)

    def send_child(self, child: Child, now: int) -> str:
        """Send an order of a GTT; empty when the desk refuses it."""
        del now
        body = {
            "instrument_token": child.symbol, "quantity": child.qty, "product": self.products[child.symbol], "validity": "DAY",
            "order_type": child.order_type, "price": child.limit_paise / 100, "trigger_price": 0.0, "market_protection": -1,
            "transaction_type": Side(child.side).value, "slice": False,
        }  # fmt: skip
        try:
            return self._desk.place(body)[0]
        except ApiError:
            return ""

    def cancel_child(self, order_id: str, now: int) -> None:
        """Cancel an order of a GTT."""
        del now
        if self._desk.entries[order_id].row["status"] not in FINAL:
            self._desk.cancel(order_id)

    def child_qty(self, order_id: str) -> int:
        """Give what an order of a GTT has filled."""
        return self._desk.entries[order_id].cum_qty if order_id else 0
