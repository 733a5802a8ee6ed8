"""The readable record of a candlestick pattern that was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PatternHit:
    """A pattern that a closed candle completed, and how such hits turned out before (``patterns/reliability.py``).

    ``hits`` counts those whose outcome is known. Without one, and on the side ``neutral``, the ratios are zero.
    """

    ts: int
    ts_candle: int
    symbol: str
    timeframe: str
    pattern: str
    side: str
    strength: int
    """TA-Lib's number over ten."""
    hits: int
    hit_ratio: float
    """Of the hits so far, those that the price followed."""
    low_ratio: float
    """95 % interval of ``hit_ratio``."""
    high_ratio: float
    base_ratio: float
    """Of all candles, those that the price followed in the same direction."""
