"""Lines over the candles: the same kernels that trade, run over the candles on screen.

Reads   rows ``[ts, open, high, low, close, volume]`` of one symbol and timeframe, oldest first (epoch ms, rupees, shares)
Gives   for each column ``[[ts, value], ...]``; what is not warm yet is left out
Never   keeps state: the newest values a strategy saw are in ``indicators:<symbol>``; these lines start some
        250 candles earlier than what is shown, so that the seed of an average has faded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.core.registry import INDICATORS
from pipeline.core.types import CANDLE
from pipeline.indicators import ema, rsi, vwap  # noqa: F401  (importing registers them)
from pipeline.indicators.bank import along, bars_of
from pipeline.kernels.jit import warmer

DRAWN = {"ema": ("ema_9", "ema_21"), "vwap": ("vwap",), "rsi": ("rsi_14",)}
WARMUP = 250


def lines(rows: Sequence[Sequence[float]], limit: int) -> dict[str, list[list[float]]]:
    """Compute the drawn columns and give their newest ``limit`` candles."""
    if len(rows) == 0:
        return {}
    table = np.array(rows, np.float64)
    candles = np.zeros(len(table), CANDLE)
    for k, field in enumerate(("ts", "open", "high", "low", "close", "volume")):
        candles[field] = table[:, k]
    bars = bars_of(candles)
    found: dict[str, list[list[float]]] = {}
    for name, wanted in DRAWN.items():
        spec = INDICATORS.get(name)
        out = along(spec, bars)
        for column in wanted:
            values = out[-limit:, spec.columns.index(column)]
            warm = np.isfinite(values)
            found[column] = [[int(ts), value] for ts, value in zip(table[-limit:, 0][warm].tolist(), values[warm].tolist(), strict=True)]
    return found


@warmer
def _warm() -> None:
    lines([[0, 1.0, 1.0, 1.0, 1.0, 1.0]], 1)
