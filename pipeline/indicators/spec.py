"""What an indicator is: one compiled step over closed candles, its columns, and when they mean something.

A file of this folder holds one ``@indicator`` over one kernel

    step(state, bars, params, out)

state   float64[size, lanes]     all it carries, zeros at first, changed in place; a lane is one symbol and timeframe
bars    float64[7, lanes]        open, high, low, close (rupees), volume (shares), IST day number, IST minute of the day (start)
params  float64[p]               its parameters
out     float64[columns, lanes]  NaN where a value is not defined yet

Each call is the next candle of some of the lanes. The other lanes have NaN in all of ``bars``: their state must stay as it is, and their
values are NaN. Candles come in order of time within a lane, finite, each once: the bank sees to that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pipeline.core.registry import INDICATORS

OPEN, HIGH, LOW, CLOSE, VOLUME, DAY, MINUTE = range(7)
"""Columns of ``bars``."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class IndicatorSpec:
    """A registered indicator."""

    name: str
    columns: tuple[str, ...]
    params: tuple[float, ...]
    warmup: int
    """Candles until every column is defined (with trades in each of them); with ``sessions``, after those."""
    size: int
    """Floats of state per slot."""
    degree: tuple[int, ...]
    """Per column: multiply all prices by k and the value grows by k to this power."""
    step: Callable[..., None]
    settle: int
    """Candles after the warmup until the seed of its slowest average weighs less than a thousandth."""
    sessions: int
    """Whole sessions before the running one that it looks at; that in which history begins does not count."""
    has_gaps: bool
    """A value may be missing after the warmup too: there is no level above the highest price of all."""


def seed_fades(alpha: float) -> int:
    """Candles until the seed of an exponential average weighs less than a thousandth."""
    return math.ceil(math.log(1e-3) / math.log1p(-alpha))


def indicator(
    name: str,
    *,
    columns: tuple[str, ...],
    warmup: int,
    size: int,
    params: tuple[float, ...] = (),
    degree: tuple[int, ...] | int = 1,
    settle: int = 0,
    sessions: int = 0,
    has_gaps: bool = False,
) -> Callable[[F], F]:
    """Register the kernel below it; ``degree`` may be one number for all columns."""
    degrees = (degree,) * len(columns) if isinstance(degree, int) else degree

    def register(step: F) -> F:
        INDICATORS.add(name, IndicatorSpec(name, columns, params, warmup, size, degrees, step, settle, sessions, has_gaps))
        return step

    return register
