"""Microstructure of one quote or one trade: scalars in, scalars out.

Prices in rupees, quantities in shares; a price or quantity that is absent is 0. What is not defined is 0 too.
None of these kernels keeps state.
"""

from __future__ import annotations

import numpy as np

from pipeline.kernels.jit import kernel

PRICE_SCALE = 10_000.0
"""Prices times this are whole numbers in every segment (currency futures quote four decimals)."""


@kernel
def mid_k(bid: float, ask: float) -> float:
    """(bid + ask) / 2, or 0 when a side is missing."""
    if bid <= 0.0 or ask <= 0.0:
        return 0.0
    return (bid + ask) / 2.0


@kernel
def spread_k(bid: float, ask: float) -> float:
    """Ask - bid, or 0 when a side is missing."""
    if bid <= 0.0 or ask <= 0.0:
        return 0.0
    return ask - bid


@kernel
def bps_k(part: float, whole: float) -> float:
    """Part of a whole in basis points; 0 of nothing."""
    return part / whole * 10_000.0 if whole > 0.0 else 0.0


@kernel
def microprice_k(bid: float, bid_qty: float, ask: float, ask_qty: float) -> float:
    """Quote mid weighted by the opposite side's size (Gatheral and Oomen 2010); the mid when no size is shown."""
    if bid <= 0.0 or ask <= 0.0:
        return 0.0
    total = bid_qty + ask_qty
    if total <= 0.0:
        return (bid + ask) / 2.0
    return (bid * ask_qty + ask * bid_qty) / total


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
def turnover_k(price: float, qty: int) -> int:
    """Price times quantity as a whole number of 1/10,000 rupees: sums of it never drift."""
    return int(np.round(price * PRICE_SCALE)) * qty


@kernel
def aggressor_k(price: float, bid: float, ask: float, last_move: int) -> int:
    """Who started a trade: +1 buyer, -1 seller, 0 unknown (Lee and Ready 1991).

    Quote rule first, against the quote that stood before the trade: at or beyond a side, else the nearer
    side; at the mid, or without a quote, the tick rule: the direction of the last change of price.
    """
    if bid > 0.0 and ask > 0.0 and bid < ask:
        if price >= ask:
            return 1
        if price <= bid:
            return -1
        mid = (bid + ask) / 2.0
        if price > mid:
            return 1
        if price < mid:
            return -1
    return last_move


@kernel
def latch_k(is_on: bool, on: bool, off: bool) -> bool:
    """A flag with hysteresis: ``on`` sets it, ``off`` clears it, otherwise it stays."""
    if on:
        return True
    if off:
        return False
    return is_on
