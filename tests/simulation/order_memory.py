"""What a simulated order process has written down: a state now and then, and what it stepped through since. All that a crash leaves.

A state is kept as copies of the tables, since most of them are never read again; one that is read again goes to bytes and back first, as
it would on disk.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any

from pipeline.core.snapshot import pack, unpack
from pipeline.engine import orders
from pipeline.engine.desk import Desk, dump, restore
from pipeline.engine.orders import NOTHING
from pipeline.engine.portfolio import Holding, Ledger
from pipeline.engine.quotes import QuoteTable

TABLES = tuple(f.name for f in fields(Desk) if f.default_factory in {dict, list} and f.name != "written")
HELD = attrgetter(*(f.name for f in fields(Holding)))
OTHERS = tuple(f.name for f in fields(Desk) if f.name not in TABLES)


class Memory:
    """``every``: so many inputs lie between two states."""

    def __init__(self, fresh: Desk, every: int) -> None:
        self._every = every
        self._state = fresh
        self._since: list[tuple[str, Any, int]] = []

    def note(self, desk: Desk, kind: str, record: Any, now: int) -> None:
        """Write down what was stepped through; ``desk`` is the state behind it."""
        self._since.append((kind, record, now))
        if len(self._since) >= self._every:
            self._state, self._since = copied(desk), []

    def rebuilt(self, fresh: Desk) -> Desk:
        """Put the state together again: its bytes, then every step since."""
        restore(fresh, *unpack(to_bytes(self._state)))
        for kind, record, at in self._since:
            step(fresh, kind, record, at)
        return fresh


def copied(desk: Desk) -> Desk:
    """Copy a state; records are never changed, so that tables of them are enough."""
    twin: Desk = Desk.__new__(Desk)
    for name in OTHERS:
        setattr(twin, name, getattr(desk, name))
    for name in TABLES:
        setattr(twin, name, getattr(desk, name).copy())
    ledger = desk.ledger
    twin.ledger = Ledger(
        ledger.session_date, ledger.products, ledger.plan, {symbol: Holding(*HELD(holding)) for symbol, holding in ledger.holdings.items()},
        ledger.trades.copy(), {order: sides.copy() for order, sides in ledger.turnover.items()}, ledger.charges.copy(),
        ledger.peak_paise, ledger.losses_in_row,
    )  # fmt: skip
    twin.quotes = QuoteTable(0)
    twin.quotes.put(desk.quotes.rows, desk.quotes.frame)
    return twin


def to_bytes(desk: Desk) -> bytes:
    return pack(*dump(desk))


def step(desk: Desk, kind: str, record: Any, now: int) -> list[Any]:
    """One turn of the order manager."""
    if kind == "ticks":
        return list(orders.on_ticks(desk, record, now))
    if kind == "reports":
        out: list[Any] = []
        for report in record:
            journal = orders.on_report(desk, report, now)
            if journal is not NOTHING:
                out += journal
        return out
    if kind == "proposal":
        return list(orders.on_recommendation(desk, record, now))
    if kind == "answer":
        return list(orders.on_answer(desk, record, now))
    if kind == "facts":
        orders.on_facts(desk, record, now)
        return []
    return list(orders.on_control(desk, record, now))
