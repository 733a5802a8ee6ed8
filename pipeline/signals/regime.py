"""Market regime in a first form: trending, ranging or volatile, for each paper and for the market.

Reads   ADX(14), Bollinger band width (ratio to the middle) and ATR(14) over the close, of closed five-minute candles
Writes  a regime word per symbol, and one for all by vote

ATR and band width are compared with their own slow averages (weight 1/50 a candle), so that the thresholds
mean the same for every paper. Volatile beats trending beats ranging. A regime is left only beyond a second,
looser threshold: without it a value that sits on the line would flicker. Never looks at price direction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

TRENDING, RANGING, VOLATILE, UNKNOWN = "trending", "ranging", "volatile", "unknown"
MARKET = "market"
"""Stands where a symbol would, for the vote of all."""
TIMEFRAME = 5
NEEDS = ("adx_14", "atr_14", "bollinger_width")
_SLOW = 1 / 50
_VOLATILE_IN, _VOLATILE_OUT = 1.8, 1.4
_ADX_IN, _ADX_OUT = 25.0, 20.0
_WIDE = 1.25
_VOLATILE_SHARE, _TRENDING_SHARE = 0.4, 0.5


@dataclass(slots=True)
class RegimeState:
    """One paper: its regime, since when (candle start), and the slow averages it is measured by."""

    regime: str = UNKNOWN
    since: int = 0
    atr_slow: float = 0.0
    width_slow: float = 0.0


def observe(state: RegimeState, ts_candle: int, adx: float, width: float, atr_ratio: float) -> bool:
    """Take one closed candle; say whether the regime changed."""
    state.atr_slow = _ewm(state.atr_slow, atr_ratio)
    state.width_slow = _ewm(state.width_slow, width)
    swing = atr_ratio / state.atr_slow if state.atr_slow > 0 else 1.0
    spread = width / state.width_slow if state.width_slow > 0 else 1.0
    regime = classify(state.regime, adx, spread, swing)
    if regime == state.regime:
        return False
    state.regime, state.since = regime, ts_candle
    return True


def classify(was: str, adx: float, spread: float, swing: float) -> str:
    """Name the regime: ``spread`` and ``swing`` are band width and ATR as multiples of their slow averages."""
    if swing >= (_VOLATILE_OUT if was == VOLATILE else _VOLATILE_IN):
        return VOLATILE
    if adx >= (_ADX_OUT if was == TRENDING else _ADX_IN) or (adx >= _ADX_OUT and spread >= _WIDE):
        return TRENDING
    return RANGING


def of_market(regimes: Iterable[str]) -> str:
    """Vote: volatile from 40 % of the known papers, trending from half."""
    known = [r for r in regimes if r != UNKNOWN]
    if not known:
        return UNKNOWN
    if known.count(VOLATILE) >= _VOLATILE_SHARE * len(known):
        return VOLATILE
    return TRENDING if known.count(TRENDING) >= _TRENDING_SHARE * len(known) else RANGING


def _ewm(slow: float, x: float) -> float:
    return x if slow <= 0 else slow + _SLOW * (x - slow)
