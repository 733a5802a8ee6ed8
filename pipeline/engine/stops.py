"""Where the stop and the target of an entry lie, and how the stop follows the price.

Reads   side, reference price and ATR (paise; ATR may be fractional), tick size, the [stops] of risk.toml
Writes  prices in paise on the paper's ticks, or nothing when no valid ones exist

Two profiles: ``atr`` takes the paper's own movement, ``fixed`` a part of the price. A stop is rounded towards the
entry, so that rounding never adds to the loss. A trailing stop moves towards profit only, never back.
"""

from __future__ import annotations

from pipeline.core.errors import Refused
from pipeline.core.money import round_to_tick
from pipeline.core.params import StopParams
from pipeline.core.types import Side

MIN_STOP_TICKS = 4
"""A stop closer than this would be hit by the spread alone."""
FIXED = "fixed"


def stop_and_target(side: Side, ref_paise: int, atr_paise: float, tick_paise: int, params: StopParams) -> tuple[int, int] | None:
    """Give (stop, target); None when one of them would be no price."""
    least = MIN_STOP_TICKS * tick_paise
    if params.profile == FIXED:
        away, gain = params.stop_ratio * ref_paise, params.target_ratio * ref_paise
    else:
        away, gain = params.stop_atr * atr_paise, params.target_atr * atr_paise
    sign = side.sign
    try:
        stop = round_to_tick(round(ref_paise - sign * max(away, least)), tick_paise, side.opposite)
        target = round_to_tick(round(ref_paise + sign * max(gain, least)), tick_paise, side.opposite)
    except Refused:
        return None
    return stop, target


def trail_distance(ref_paise: int, atr_paise: float, tick_paise: int, params: StopParams) -> int:
    """Give how far behind the best price the stop follows; 0: it stays where it is."""
    away = params.trail_ratio * ref_paise if params.profile == FIXED else params.trail_atr * atr_paise
    return round(max(away, MIN_STOP_TICKS * tick_paise)) if away > 0 else 0


def trailed(side: Side, stop_paise: int, best_paise: int, *, away_paise: int, tick_paise: int) -> int:
    """Give the stop of a position on ``side`` after the best price so far; it never moves away from profit."""
    wanted = best_paise - side.sign * away_paise
    if away_paise <= 0 or wanted < tick_paise:
        return stop_paise
    moved = round_to_tick(wanted, tick_paise, side)
    return max(stop_paise, moved) if side is Side.BUY else min(stop_paise, moved)
