"""Microstructure of one quote or one trade: scalars in, scalars out.

Prices in rupees, quantities in shares; a price or quantity that is absent is 0. What is not defined is 0 too.
None of these kernels keeps state. Where the market's next move decides, they select instead of branching: a
branch that is guessed wrong costs as much as ten of these lines.
"""

from __future__ import annotations

import numpy as np

from pipeline.kernels.jit import kernel

PRICE_SCALE = 10_000.0
"""Prices times this are whole numbers in every segment (currency futures quote four decimals)."""


@kernel
def mid_k(bid: float, ask: float) -> float:
    """(bid + ask) / 2, or 0 when a side is missing."""
    return (bid + ask) * 0.5 if bid > 0.0 and ask > 0.0 else 0.0


@kernel
def spread_k(bid: float, ask: float) -> float:
    """Ask - bid, or 0 when a side is missing."""
    return ask - bid if bid > 0.0 and ask > 0.0 else 0.0


@kernel
def bps_k(part: float, whole: float) -> float:
    """Part of a whole in basis points; 0 of nothing."""
    return part / whole * 10_000.0 if whole > 0.0 else 0.0


@kernel
def microprice_k(bid: float, bid_qty: float, ask: float, ask_qty: float) -> float:
    """Quote mid weighted by the opposite side's size (Gatheral and Oomen 2010); the mid when no size is shown."""
    total = bid_qty + ask_qty
    weighted = (bid * ask_qty + ask * bid_qty) / total if total > 0.0 else (bid + ask) * 0.5
    return weighted if bid > 0.0 and ask > 0.0 else 0.0


@kernel
def imbalance_k(bid_qty: float, ask_qty: float) -> float:
    """(bid - ask) / (bid + ask) of quantities, in -1..1; 0 when both are empty."""
    total = bid_qty + ask_qty
    return (bid_qty - ask_qty) / total if total > 0.0 else 0.0


@kernel
def return_k(price: float, previous: float) -> float:
    """Price / previous - 1, or 0 when either is missing."""
    return price / previous - 1.0 if price > 0.0 and previous > 0.0 else 0.0


@kernel
def vwap_k(worth: int, qty: int) -> float:
    """Average price of ``qty`` shares whose turnovers (:func:`turnover_k`) add up to ``worth``; 0 of nothing."""
    return worth / (PRICE_SCALE * qty) if qty > 0 else 0.0


@kernel
def turnover_k(price: float, qty: int) -> int:
    """Price times quantity as a whole number of 1/10,000 rupees: sums of it never drift."""
    return int(np.rint(price * PRICE_SCALE)) * qty


@kernel
def deviation_k(total: float, squares: float, count: int) -> float:
    """Sample standard deviation from a sum and a sum of squares; 0 of fewer than two values."""
    if count < 2:
        return 0.0
    return np.sqrt(max(squares * count - total * total, 0.0) / (float(count) * (count - 1)))


@kernel
def direction_k(now: float, before: float) -> int:
    """+1 up, -1 down, 0 neither."""
    return int(now > before) - int(now < before)


@kernel
def aggressor_k(price: float, bid: float, ask: float, last_move: int) -> int:
    """Who started a trade: +1 buyer, -1 seller, 0 unknown (Lee and Ready 1991).

    Quote rule first, against the quote that stood before the trade: the nearer side; at the mid, or without a
    quote, the tick rule: the direction of the last change of price.
    """
    has_quote = bid > 0.0 and ask > 0.0 and bid < ask
    side = direction_k(price, (bid + ask) * 0.5) if has_quote else 0
    return side if side != 0 else last_move


@kernel
def latch_k(is_on: bool, on: bool, off: bool) -> bool:
    """A flag with hysteresis: ``on`` sets it, ``off`` clears it, otherwise it stays."""
    return on or (is_on and not off)
