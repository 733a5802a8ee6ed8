"""GTTs at a broker's server: an entry, and once it fills a target and a stop of which one cancels the other. Pure.

Reads   the terms of a GTT, fills of its entry, last trades (paise); event time is handed in
Writes  child orders and the cancellation of one, by whoever keeps the book (``Book``)

The server watches the last trade and sends a market order when a trigger is reached: for what the entry has filled, once, whatever comes
after. A trailing gap draws the stop after the best trade, never back. Paper, the simulator and the simulation of orders share it; what the
real server does is less well known than this (upstox file, 6.6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pipeline.core.broker import GUARD, Leg
from pipeline.core.types import Side


@dataclass(frozen=True, slots=True)
class Child:
    """An order that the server sends by itself."""

    symbol: str
    side: Side
    order_type: str
    qty: int
    limit_paise: int


class Book(Protocol):
    """What keeps the orders."""

    def send_child(self, child: Child, now: int) -> str:
        """Send an order; give its id."""
        ...

    def cancel_child(self, order_id: str, now: int) -> None:
        """Cancel an order; one that is over stays over."""
        ...

    def child_qty(self, order_id: str) -> int:
        """Give what an order has filled."""
        ...


@dataclass(slots=True)
class Bracket:
    """One GTT. A stop, target or gap of 0 is none; ``trigger`` is ABOVE, BELOW or IMMEDIATE."""

    gtt_id: str
    symbol: str
    side: Side
    qty: int
    entry_paise: int
    stop_paise: int
    target_paise: int
    trail_paise: int
    trigger: str = "IMMEDIATE"
    children: dict[Leg, str] = field(default_factory=dict)
    """Leg -> order id."""
    best_paise: int = 0
    is_cancelled: bool = False

    @property
    def is_over(self) -> bool:
        """Tell whether it will send nothing more."""
        return self.is_cancelled or Leg.STOPLOSS in self.children or Leg.TARGET in self.children


class Brackets:
    """All GTTs of an account."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self.held: dict[str, Bracket] = {}

    def place(self, bracket: Bracket, now: int) -> None:
        """Take a GTT; an immediate entry goes out at once."""
        self.held[bracket.gtt_id] = bracket
        if bracket.trigger == "IMMEDIATE":
            self._enter(bracket, now)

    def cancel(self, gtt_id: str) -> bool:
        """Drop what has not been sent yet; False when there is nothing left of it. An entry that works goes on working."""
        bracket = self.held.get(gtt_id)
        if bracket is None or bracket.is_over:
            return False
        bracket.is_cancelled = True
        return True

    def guarded_qty(self, bracket: Bracket) -> int:
        """Give the shares that its stop or target would close: what the entry has filled."""
        has_exit = bracket.stop_paise > 0 or bracket.target_paise > 0
        entry = bracket.children.get(Leg.ENTRY, "")
        return self._book.child_qty(entry) if entry and has_exit and not bracket.is_over else 0

    def status(self, bracket: Bracket) -> str:
        """Give its state in an order's words: what guards waits for its trigger, what has handed over to a child is over."""
        return "cancelled" if bracket.is_over else GUARD if self.guarded_qty(bracket) > 0 else "open pending"

    def on_trade(self, symbol: str, ltp_paise: int, now: int) -> None:
        """Look at a last trade, after the book has met it."""
        for bracket in [b for b in self.held.values() if b.symbol == symbol and not b.is_over] if ltp_paise > 0 else ():
            if Leg.ENTRY not in bracket.children:
                sign = 1 if bracket.trigger == "ABOVE" else -1
                if (ltp_paise - bracket.entry_paise) * sign >= 0:
                    self._enter(bracket, now)
            elif self.guarded_qty(bracket) > 0:
                self._look(bracket, ltp_paise, now)

    def _enter(self, bracket: Bracket, now: int) -> None:
        bracket.best_paise = bracket.entry_paise
        child = Child(bracket.symbol, bracket.side, "LIMIT", bracket.qty, bracket.entry_paise)
        bracket.children[Leg.ENTRY] = self._book.send_child(child, now)

    def _look(self, bracket: Bracket, ltp_paise: int, now: int) -> None:
        sign = bracket.side.sign
        if bracket.trail_paise > 0 and (ltp_paise - bracket.best_paise) * sign > 0:
            bracket.best_paise = ltp_paise
            moved = ltp_paise - sign * bracket.trail_paise
            bracket.stop_paise = max(bracket.stop_paise, moved) if sign > 0 else min(bracket.stop_paise, moved)
        if bracket.stop_paise > 0 and (ltp_paise - bracket.stop_paise) * sign <= 0:
            self._leave(bracket, Leg.STOPLOSS, now)
        elif bracket.target_paise > 0 and (ltp_paise - bracket.target_paise) * sign >= 0:
            self._leave(bracket, Leg.TARGET, now)

    def _leave(self, bracket: Bracket, leg: Leg, now: int) -> None:
        entry = bracket.children[Leg.ENTRY]
        self._book.cancel_child(entry, now)
        child = Child(bracket.symbol, bracket.side.opposite, "MARKET", self._book.child_qty(entry), 0)
        bracket.children[leg] = self._book.send_child(child, now)
