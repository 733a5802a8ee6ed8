"""The register of pre-trade checks: a code, a place in the order, and whether exits pass it too.

A check is a function of a Gate that gives the words of its refusal, or "" when it has none. It enters itself with
``@check(code, place=...)``; the table of codes in docs/risk.md is made from the register. Two checks with one code are
a bug of ours and stop the import. The register holds no rule itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.engine.gate import Gate

PLACES = {
    1: "trading state",
    2: "session",
    3: "token and versions",
    4: "clocks, feed, quote, candle",
    5: "the broker's book",
    6: "the paper",
    7: "price",
    8: "size",
    9: "exposure and margin",
    10: "stop, target, risk of the trade",
    11: "repeats and counts",
    12: "self-trade",
    13: "the day's result",
    14: "the broker's order rate",
}


@dataclass(frozen=True, slots=True)
class Check:
    code: str
    place: int
    exits: bool
    """Exits pass it too."""
    about: str
    stops: Callable[[Gate], str]


CHECKS: list[Check] = []
"""In the order in which they are asked."""


def check(code: str, *, place: int, exits: bool = False) -> Callable[[Callable[[Gate], str]], Callable[[Gate], str]]:
    """Enter a check; the first line of its docstring is its entry in the table."""

    def enter(stops: Callable[[Gate], str]) -> Callable[[Gate], str]:
        if place not in PLACES or any(known.code == code for known in CHECKS):
            raise ValueError(f"check {code!r} has no place, or its code is taken")
        CHECKS.append(Check(code, place, exits, (stops.__doc__ or "").strip().splitlines()[0], stops))
        CHECKS.sort(key=lambda one: one.place)  # stable: within a place, the order of definition
        return stops

    return enter
