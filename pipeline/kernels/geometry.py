"""What candlestick patterns are made of: bodies, shadows, gaps and averages of the last candles of one symbol and timeframe.

A view ``v`` is float64[VIEW], newest first:

    v[0 : 48]     12 candles (open, high, low, close; rupees), candle k back at 4 * k
    v[48 : 180]   6 rows of 22 averages, those before candle k back at 48 + 22 * k
    v[180 : 202]  the running totals of the newest row

An average is of the 10 bodies, ranges or shadows, or of the 5 ranges, before a candle. TA-Lib opens a running total anew for each of
its functions, at that function's first candle: so the last bits of an average, and with them ties, depend on where its total was opened.
A view therefore keeps one total for each place where one can be opened; every function that opens one there shares it. ``first`` is
the number of the first candle that a pattern judges (its ``warmup``); the average that it sees k candles back was opened at ``first - k``.

Same expressions, in the same order, as TA-Lib's ``ta_utility.h``, so that ties fall the same way.
"""

from __future__ import annotations

from typing import Any

from pipeline.kernels.jit import kernel

DEPTH = 12
"""Candles in a view."""
BACK = 6
"""Rows of averages: a pattern may ask for the one before the candle up to five back."""
O, H, L, C = 0, 1, 2, 3

LONG, SHORT = 10, 5
"""Candles in an average."""
LONG_SEEDS, SHORT_SEEDS = 5, 7
"""Places where a total of 10 (at candle 10 to 14) and one of 5 (at candle 5 to 11) can be opened."""
BODIES, RANGES, SHADOWS, NEARS = 0, LONG_SEEDS, 2 * LONG_SEEDS, 3 * LONG_SEEDS
"""Columns of the averages: of 10 bodies, 10 ranges, 10 pairs of shadows, 5 ranges."""
AVERAGES = 3 * LONG_SEEDS + SHORT_SEEDS
ROWS = 4 * DEPTH
TOTALS = ROWS + BACK * AVERAGES
VIEW = TOTALS + AVERAGES


@kernel
def open_k(v: Any, k: int) -> float:
    return v[4 * k + O]


@kernel
def high_k(v: Any, k: int) -> float:
    return v[4 * k + H]


@kernel
def low_k(v: Any, k: int) -> float:
    return v[4 * k + L]


@kernel
def close_k(v: Any, k: int) -> float:
    return v[4 * k + C]


@kernel
def color_k(v: Any, k: int) -> int:
    """+1 for a white candle (close at or above open), -1 for a black one."""
    return 1 if v[4 * k + C] >= v[4 * k + O] else -1


@kernel
def body_k(v: Any, k: int) -> float:
    return abs(v[4 * k + C] - v[4 * k + O])


@kernel
def top_k(v: Any, k: int) -> float:
    """Upper end of the body."""
    return max(v[4 * k + O], v[4 * k + C])


@kernel
def bottom_k(v: Any, k: int) -> float:
    """Lower end of the body."""
    return min(v[4 * k + O], v[4 * k + C])


@kernel
def upper_k(v: Any, k: int) -> float:
    """Upper shadow."""
    return v[4 * k + H] - max(v[4 * k + O], v[4 * k + C])


@kernel
def lower_k(v: Any, k: int) -> float:
    """Lower shadow."""
    return min(v[4 * k + O], v[4 * k + C]) - v[4 * k + L]


@kernel
def is_gap_up_k(v: Any, k: int, j: int) -> bool:
    """The body of candle k lies wholly above the body of candle j."""
    return bottom_k(v, k) > top_k(v, j)


@kernel
def is_gap_down_k(v: Any, k: int, j: int) -> bool:
    """The body of candle k lies wholly below the body of candle j."""
    return top_k(v, k) < bottom_k(v, j)


@kernel
def average_k(v: Any, k: int, first: int, column: int) -> float:
    """Average of ten sizes before candle k back, of the total that was opened at candle ``first - k``."""
    return v[ROWS + AVERAGES * k + column + min(max(first - k - LONG, 0), LONG_SEEDS - 1)]


@kernel
def near_average_k(v: Any, k: int, first: int) -> float:
    """Average of the five ranges before candle k back."""
    return v[ROWS + AVERAGES * k + NEARS + min(max(first - k - SHORT, 0), SHORT_SEEDS - 1)]


@kernel
def is_long_k(v: Any, k: int, first: int) -> bool:
    """The body is longer than the ten before it on average."""
    return body_k(v, k) > average_k(v, k, first, BODIES)


@kernel
def is_short_k(v: Any, k: int, first: int) -> bool:
    """The body is shorter than the ten before it on average."""
    return body_k(v, k) < average_k(v, k, first, BODIES)


@kernel
def is_doji_k(v: Any, k: int, first: int) -> bool:
    """The body is at most a tenth of the ten ranges before it on average."""
    return body_k(v, k) <= 0.1 * average_k(v, k, first, RANGES)


@kernel
def very_short_k(v: Any, k: int, first: int) -> float:
    """What a shadow of next to nothing stays below: a tenth of the ten ranges before on average."""
    return 0.1 * average_k(v, k, first, RANGES)


@kernel
def short_k(v: Any, k: int, first: int) -> float:
    """What a short shadow stays below: half the average sum of both shadows of the ten candles before."""
    return average_k(v, k, first, SHADOWS) / 2.0


@kernel
def near_k(v: Any, k: int, first: int) -> float:
    """A distance that counts as near: a fifth of the five ranges before on average."""
    return 0.2 * near_average_k(v, k, first)


@kernel
def far_k(v: Any, k: int, first: int) -> float:
    """A distance that counts as far: three fifths of the five ranges before on average."""
    return 0.6 * near_average_k(v, k, first)


@kernel
def equal_k(v: Any, k: int, first: int) -> float:
    """A distance that counts as none: a twentieth of the five ranges before on average."""
    return 0.05 * near_average_k(v, k, first)


@kernel
def size_k(v: Any, k: int, column: int) -> float:
    """What the averages of a column are made of: body, range, or both shadows of candle k back."""
    if column == BODIES:
        return body_k(v, k)
    if column == SHADOWS:
        return upper_k(v, k) + lower_k(v, k)
    return v[4 * k + H] - v[4 * k + L]


@kernel
def roll_k(v: Any, i: int, column: int, period: int, seeds: int) -> None:
    """Bring the totals of one kind to candle i: one candle in, one out; or a sum, oldest first, where a total is opened."""
    change = size_k(v, 1, column) - size_k(v, period + 1, column)
    for seed in range(seeds):
        v[TOTALS + column + seed] += change
    if period <= i < period + seeds:
        total = 0.0
        for k in range(period, 0, -1):
            total += size_k(v, k, column)
        v[TOTALS + column + i - period] = total
    for seed in range(seeds):
        v[ROWS + column + seed] = v[TOTALS + column + seed] / period


@kernel
def push_k(v: Any, i: int, o: float, h: float, l: float, c: float) -> None:
    """Move everything one candle back and put candle number i (from 0) and the averages before it in front."""
    for at in range(ROWS - 1, 3, -1):
        v[at] = v[at - 4]
    v[O], v[H], v[L], v[C] = o, h, l, c
    for at in range(TOTALS - 1, ROWS + AVERAGES - 1, -1):
        v[at] = v[at - AVERAGES]
    roll_k(v, i, BODIES, LONG, LONG_SEEDS)
    roll_k(v, i, RANGES, LONG, LONG_SEEDS)
    roll_k(v, i, SHADOWS, LONG, LONG_SEEDS)
    roll_k(v, i, NEARS, SHORT, SHORT_SEEDS)
