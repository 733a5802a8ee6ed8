"""Each kernel as machine code and as its plain twin."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.types import CANDLE
from pipeline.kernels.minutes import is_open_k, merge_k, span_k

M = 60_000
TWO = np.array([[0, 10 * M], [15 * M, 22 * M]], np.int64)


@pytest.mark.parametrize("twin", ["machine", "plain"])
@pytest.mark.parametrize(("at", "is_open"), [(-1, False), (0, True), (10 * M - 1, True), (10 * M, False), (15 * M, True), (22 * M, False)])
def test_trading_is_inside_a_window(twin, at, is_open):
    assert (is_open_k if twin == "machine" else is_open_k.py_func)(TWO, at) is is_open


@pytest.mark.parametrize("twin", ["machine", "plain"])
def test_a_longer_candle_is_counted_from_the_open_and_cut_at_the_last_close(twin):
    span = span_k if twin == "machine" else span_k.py_func
    assert [span(TWO, m * M, 15 * M) for m in (0, 14, 15, 21)] == [(0, 15 * M), (0, 15 * M), (15 * M, 22 * M), (15 * M, 22 * M)]


@pytest.mark.parametrize("twin", ["machine", "plain"])
def test_minutes_are_summed(twin):
    merge = merge_k if twin == "machine" else merge_k.py_func
    minutes, out = np.zeros(2, CANDLE), np.zeros(1, CANDLE)
    for name, values in {"open": (5.0, 7.0), "high": (6.0, 9.0), "low": (5.0, 4.0), "close": (6.0, 8.0), "oi": (1.0, 2.0)}.items():
        minutes[name] = values
    minutes["volume"], minutes["trades"], minutes["lineage"] = (10, 20), (1, 2), (1, 4)
    for row in minutes:
        merge(out[0], row)
    assert [out[0][n] for n in ("open", "high", "low", "close", "oi")] == [5.0, 9.0, 4.0, 8.0, 2.0]
    assert [out[0][n] for n in ("volume", "trades", "minutes", "lineage")] == [30, 3, 2, 5]
