"""The kernels' plain twins, and the layout of a minute."""

from __future__ import annotations

import numpy as np

from pipeline.core.types import CANDLE, CandleFlag, TickKind
from pipeline.market import candle_kernel as kernels
from pipeline.market.candles import SPANS, CandleState
from tests.fakes.feed_rows import CANDLES, CLOSE, OPEN, gap, repair, tick, trade

M = 60_000


def rows_of_twelve_minutes():
    """Prints of two symbols, gaps of one and of all, a repair, an I1, a print out of hours and one of nobody."""
    rows = [trade(OPEN + m * M + s * 700, 100.0 + (m * s) % 7, m + 1, sid=s % 3) for m in range(12) for s in range(20)]
    rows += [gap(OPEN + 3 * M, OPEN + 5 * M), gap(OPEN + 7 * M, OPEN + 8 * M, sid=1), trade(OPEN - 1, 99.0), trade(OPEN + 13 * M, 99.0)]
    rows.append(tick(OPEN, 100.0, kind=TickKind.LIVE, flags=2, i1_ts=OPEN + M, i1_open=100.0, i1_close=101.0, i1_vol=7))
    rows.append(repair(OPEN, 1, OPEN + 4 * M, 100.0, 120.0, 90.0, 110.0, 400))
    return np.concatenate(rows)


def session(paint, close, revise, late):
    """Paint and close ten minutes, repair two, hold a symbol and let it go; all that comes out, and the state."""
    state = CandleState([[(OPEN, CLOSE)], [(OPEN, OPEN + 9 * M)]], CANDLES)
    state.clock[kernels.FIRST] = OPEN + 30_000
    state.clock[kernels.LAST] = OPEN + 12 * M
    arrays = (state.symbols, state.bars, state.windows, state.marks, state.clock)
    rows, out, waves = rows_of_twelve_minutes(), np.zeros(2 * len(SPANS), CANDLE), []
    for m in range(10):
        paint(rows[rows["ts_exch"] // M == (OPEN + m * M) // M], *arrays)
        count = close(out, *arrays, SPANS, CLOSE)
        waves.append(out[:count].copy())
    for minute in (1, 5):
        fixed = repair(OPEN, 0, OPEN + minute * M, 100.0, 130.0, 80.0, 110.0, 400)
        assert paint(fixed, *arrays) == 1
        count = revise(out, *arrays, SPANS, minute)
        waves.append(out[:count].copy())
    paint(gap(OPEN + 6 * M, OPEN + 9 * M + 1000, sid=0, until=OPEN + 11 * M), *arrays)
    paint(repair(OPEN, 0, OPEN + 6 * M, 100.0, 130.0, 80.0, 110.0, 400), *arrays)
    for now in (OPEN + 10 * M, OPEN + 11 * M):
        while (count := late(out, *arrays, SPANS, now, CLOSE)) >= 0:
            waves.append(out[:count].copy())
    assert state.clock[kernels.HELD] == 0
    return np.concatenate(waves), state


def test_the_plain_twins_have_the_same_bits():
    rows, state = session(kernels.paint_k, kernels.close_k, kernels.revise_k, kernels.late_k)
    plain, twin = session(*(kernel.py_func for kernel in (kernels.paint_k, kernels.close_k, kernels.revise_k, kernels.late_k)))
    assert rows.tobytes() == plain.tobytes()
    assert state.dump() == twin.dump()
    assert {int(f) for f in rows["flags"]} >= {0, int(CandleFlag.GAP), int(CandleFlag.REVISED)}


def test_a_minute_is_a_cache_line():
    assert kernels.BAR.itemsize == 64
