"""Money and price steps: paise as integers, NSE tick-size bands, rounding that never costs us, whole lots.

Rupees are floats only where the market sends them; every sum, comparison and rounding of money is on integer paise.
Never rounds to the nearest step: a price is rounded towards the side it is good for.
"""

from __future__ import annotations

import math

from pipeline.core.errors import Refused
from pipeline.core.types import Side

PAISE = 100

TICK_BANDS: tuple[tuple[str, tuple[tuple[int, int], ...]], ...] = (
    ("", ((0, 5),)),
    ("2024-06-10", ((0, 1), (250_00, 5))),
    ("2025-04-15", ((0, 1), (250_00, 5), (1_000_01, 10), (5_000_01, 50), (10_000_01, 100), (20_000_01, 500))),
)
"""Cash market: since when, then (lowest price of the band, tick), both in paise.

The band counts for the whole month by the last close of the month before, so the morning's instrument file
is the truth; this table is its sanity check and the generated market's own rule.
"""


def to_paise(px: float) -> int:
    """Turn a price in rupees into paise, by rounding away the noise of the double.

    >>> to_paise(1412.35)
    141235
    """
    if not math.isfinite(px) or px < 0.0:
        raise Refused(f"{px} is no price: it must be finite and not negative")
    return round(px * PAISE)


def rupees(paise: int) -> str:
    """Write paise as rupees, with Indian grouping.

    >>> rupees(-12_34_567_89)
    '-12,34,567.89'
    """
    whole, rest = divmod(abs(paise), PAISE)
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    groups = [head[max(0, at - 2) : at] for at in range(len(head), 0, -2)][::-1]
    return f"{'-' if paise < 0 else ''}{','.join([*groups, tail])}.{rest:02d}"


def round_to_tick(paise: int, tick_paise: int, side: Side) -> int:
    """Round a limit so that it is never worse for us than asked: BUY down, SELL up.

    Raises:
        Refused: no valid price is left (a BUY below one tick).
    """
    return _floor(paise, tick_paise) if side is Side.BUY else _ceil(paise, tick_paise)


def round_out(paise: int, tick_paise: int, side: Side) -> int:
    """Round the other way, so that a marketable limit stays marketable: BUY up, SELL down."""
    return _ceil(paise, tick_paise) if side is Side.BUY else _floor(paise, tick_paise)


def price_band(close_paise: int, ratio: float, tick_paise: int) -> tuple[int, int]:
    """Return the lowest and the highest valid price of a day whose band is ``ratio`` of yesterday's close, both within it."""
    room = close_paise * ratio
    return max(tick_paise, _ceil(max(1, math.ceil(close_paise - room)), tick_paise)), _floor(math.floor(close_paise + room), tick_paise)


def nse_tick_paise(paise: int, date_iso: str) -> int:
    """Return the price step that NSE's bands give for a cash price on a date."""
    if paise < 0:
        raise Refused(f"{paise} paise is no price")
    bands = next(bands for since, bands in reversed(TICK_BANDS) if since <= date_iso)
    return next(tick for low, tick in reversed(bands) if low <= paise)


def whole_lots(qty: int, lot: int) -> int:
    """Return the largest multiple of the lot that is not above ``qty``; never negative."""
    if lot <= 0:
        raise Refused(f"lot size {lot} is not positive: check the instrument file")
    return max(0, qty) // lot * lot


def _floor(paise: int, tick_paise: int) -> int:
    _check(paise, tick_paise)
    if paise < tick_paise:
        raise Refused(f"{paise} paise is below one tick of {tick_paise} paise: no valid price")
    return paise // tick_paise * tick_paise


def _ceil(paise: int, tick_paise: int) -> int:
    _check(paise, tick_paise)
    return -(-paise // tick_paise) * tick_paise


def _check(paise: int, tick_paise: int) -> None:
    if tick_paise <= 0:
        raise Refused(f"tick size {tick_paise} is not positive: check the instrument file")
    if paise <= 0:
        raise Refused(f"{paise} paise is no price: it must be positive")
