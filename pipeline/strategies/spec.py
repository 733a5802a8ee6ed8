"""What a strategy is: a name, what it needs, its parameters, and one pure function.

    decide(view, params, memory) -> Decision | None

``view`` holds one closed candle of one paper with its indicator values and patterns, as of one instant; it
cannot reach beyond it. ``params`` are numbers by name, the strategy's defaults overlaid by the settings.
``memory`` is the strategy's own dict of numbers for this paper and timeframe; it is saved with the job's
state. A strategy never asks a clock, never sees another paper, never sizes or prices an order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.core.errors import Refused
from pipeline.core.registry import STRATEGIES, did_you_mean
from pipeline.core.types import TIMEFRAMES, Side


@dataclass(frozen=True, slots=True)
class StrategyView:
    """One closed candle (rupees, shares), stamped by its start, with the values that are warm and the patterns found."""

    now: int
    symbol: str
    timeframe: int
    ts_candle: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    values: Mapping[str, float]
    patterns: Mapping[str, int]
    """Strength in tenths by name; the sign is the side. See ``patterns/spec.py``."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A side with a score in 0..1 and the reasons in words."""

    side: Side
    score: float
    reasons: tuple[str, ...]


Params = Mapping[str, float]
Memory = dict[str, float]
Decide = Callable[[StrategyView, Params, Memory], Decision | None]


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """A registered strategy. Without all of ``needs`` warm it is not asked; ``wants`` refine its score."""

    name: str
    timeframe: int
    needs: tuple[str, ...]
    wants: tuple[str, ...]
    defaults: Mapping[str, float]
    decide: Decide
    fits: Mapping[str, float] = field(default_factory=dict)
    """Factor on the score by regime; a regime that is not named leaves it as it is."""
    about: str = ""


def strategy(
    name: str,
    *,
    timeframe: int,
    needs: tuple[str, ...],
    wants: tuple[str, ...] = (),
    fits: Mapping[str, float] | None = None,
    params: Mapping[str, float] | None = None,
) -> Callable[[Decide], Decide]:
    """Register the decorated ``decide`` under ``name``.

    Raises:
        Refused: a timeframe that no candle has.
    """
    if timeframe not in TIMEFRAMES:
        raise Refused(f"strategy {name!r}: timeframe {timeframe} is none of {TIMEFRAMES}")

    def register(decide: Decide) -> Decide:
        about = (decide.__doc__ or "").strip().split("\n")[0]
        STRATEGIES.add(name, StrategySpec(name, timeframe, needs, wants, dict(params or {}), decide, dict(fits or {}), about))
        return decide

    return register


def parameters(spec: StrategySpec, given: Mapping[str, float]) -> dict[str, float]:
    """Overlay the strategy's defaults by the settings.

    Raises:
        Refused: a parameter that the strategy does not have.
    """
    for key in given:
        if key not in spec.defaults:
            raise Refused(f"strategies.{spec.name}: unknown parameter '{key}'{did_you_mean(key, spec.defaults)}")
    return {**spec.defaults, **given}
