"""How much history the registered indicators need: warm, their seeds faded, and the sessions before that some look at."""

from __future__ import annotations

import math

from pipeline.core.registry import INDICATORS
from pipeline.indicators.spec import IndicatorSpec

SESSION_MINUTES = 375
"""Of a regular day, 09:15 to 15:30."""


def depth(minutes: int) -> int:
    """Candles of a timeframe from which on every indicator says what it would after all of the past, but for a thousandth of its seed."""
    return max((_needed(spec, math.ceil(SESSION_MINUTES / minutes)) for _, spec in INDICATORS.items()), default=0)


def _needed(spec: IndicatorSpec, per_session: int) -> int:
    if spec.sessions == 0:
        return spec.warmup + spec.settle
    # The running session comes on top, and a candle of one more, so that the first of them is known to be whole.
    return (spec.sessions + 1) * per_session + spec.warmup
