"""The only road to the broker: fourteen places of checks in a fixed order, and sizes that fit them.

Reads   a Gate (engine/gate.py): the order, its market, the account, the conditions, as of one instant
Writes  a Denial: the first check that stops the order, with its code, place and figures; or None

An entry passes all of them. An exit aims at position zero: of it are asked only those that would find it wrong or
impossible (marked for exits in the register), never the age of a quote or a bad day; the exits of engine/protect.py hold
by construction and are not asked. Limits come from risk.toml; none has a default in the code. docs/risk.md is made
from the register (run/risktable.py).
"""

from __future__ import annotations

from pipeline.core.trading import Denial
from pipeline.engine import checks_account, checks_market
from pipeline.engine.checks import CHECKS
from pipeline.engine.gate import Gate

__all__ = ["CHECKS", "checks_account", "checks_market", "deny", "deny_reason"]


def deny(gate: Gate) -> Denial | None:
    """Return the first check that stops the order, with what it saw; None when the order may go."""
    i = gate.intent
    for one in CHECKS:
        words = "" if i.purpose == "exit" and not one.exits else one.stops(gate)
        if words:
            return Denial(gate.now, i.id, i.symbol, i.side, i.purpose, one.place, one.code, words)
    return None


def deny_reason(gate: Gate) -> str:
    """Return the code alone; empty when the order may go."""
    denial = deny(gate)
    return "" if denial is None else denial.code
