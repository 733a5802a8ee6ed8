"""A sound order before the checks, and one change at a time: ``gate(market__quote=None)``."""

from __future__ import annotations

from dataclasses import replace

from pipeline.core.session import Phase
from pipeline.core.trading import TradingState
from pipeline.core.types import OrderIntent, Side
from pipeline.engine.desk import new_desk
from pipeline.engine.gate import Activity, Conditions, Gate
from pipeline.engine.matching import Quote
from pipeline.engine.orders import entry_intent
from pipeline.engine.quotes import Market
from tests.fakes.trading import PAPERS, PARAMS, at, day, recommendation

NOW = at("10:00") + 1500
QUOTE = Quote(NOW - 100, 99_95, 100, 100_05, 100, 100_00)
MARKET = Market(QUOTE, 100_00, 5_000, 5_000, 1_000_000, NOW - 10)
CONDITIONS = Conditions(TradingState.ACTIVE, False, 3_600_000, True, 0, NOW - 1000, True, True, 100_000_000, 1)
IDLE = Activity(0, 0, 0, False, False, False, False, 0, 0, 0, 0, 0, 0, 0, 0, False, 0, 0, 0, 0, 0)


def exit_intent(side: Side = Side.SELL, qty: int = 100) -> OrderIntent:
    return OrderIntent(NOW, "x1", "c", "AAA", side, "exit", "MARKET", qty, 0, 0, 0, 0, "tt-x1", "stop", 0)


def gate(side: Side = Side.BUY, **changes: object) -> Gate:
    """Build the gate of an entry; ``part__field`` changes a field of one of its parts."""
    rec = recommendation(side=side)
    intent = entry_intent(new_desk(PAPERS, day(), PARAMS), rec, NOW)
    base = Gate(
        NOW,
        intent,
        rec,
        PAPERS[0],
        MARKET,
        Phase.CONTINUOUS,
        at("15:00"),
        IDLE,
        CONDITIONS,
        12.0,
        replace(PARAMS.risk, max_depth_ratio=1.0),
    )
    return changed(base, **changes)


def exit_gate(**changes: object) -> Gate:
    """Build the gate of an exit that sells 100 of 100 shares."""
    base = replace(gate(), intent=exit_intent(), recommendation=None, activity=replace(IDLE, position_qty=100, is_symbol_busy=True))
    return changed(base, **changes)


def changed(base: Gate, **changes: object) -> Gate:
    for name, value in changes.items():
        owner, _, part = name.partition("__")
        base = replace(base, **{owner: replace(getattr(base, owner), **{part: value}) if part else value})
    return base
