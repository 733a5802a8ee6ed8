"""The kernel's plain twin; what it builds is compared with live candles in tests/property/test_candles.py."""

from __future__ import annotations

import numpy as np

from pipeline.core.types import CANDLE, CandleFlag
from pipeline.market.candle_longer import longer_k
from pipeline.market.candles import windows_of
from tests.fakes.feed_rows import OPEN

M = 60_000


def minutes(*places):
    rows = np.zeros(len(places), CANDLE)
    rows["timeframe"], rows["minutes"], rows["volume"] = 1, 1, 5
    rows["ts"] = [OPEN + m * M for m in places]
    for name in ("open", "high", "low", "close"):
        rows[name] = [100.0 + m for m in places]
    return rows


def test_the_plain_twin_has_the_same_bits():
    windows, out = windows_of([[(OPEN, OPEN + 12 * M)]]), np.zeros((2, 6), CANDLE)
    rows = minutes(0, 1, 4, 5, 11, 12)
    rows["flags"][3] = int(CandleFlag.AFTER_GAP)
    counts = [kernel(out[at], rows, windows, 5) for at, kernel in enumerate((longer_k, longer_k.py_func))]
    assert counts == [3, 3]
    assert out[0].tobytes() == out[1].tobytes()
    told = out[0][:3]
    assert told["ts"].tolist() == [OPEN, OPEN + 5 * M, OPEN + 10 * M]
    assert told["volume"].tolist() == [15, 5, 5]
    assert told["close"].tolist() == [104.0, 105.0, 111.0]
    assert told["flags"].tolist() == [0, int(CandleFlag.AFTER_GAP), int(CandleFlag.PARTIAL)]
