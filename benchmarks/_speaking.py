"""Chart waves that make the filter speak: all papers as the market stands, and in each wave one that resumes after a pullback.

    charts = Speaking(run)
    charts.next()          # the wave's paper, and the instant before it was written

Reads   last prices of the simulator
Writes  ``charts``, as the chart process would; a wave also leads back the paper of the next wave, which arms the strategy
"""

from __future__ import annotations

import time

import numpy as np

from pipeline.core import schema
from pipeline.core.types import CANDLE, MINUTE_MS, ChartWave, Instrument, Side
from pipeline.store import codec
from tests.simulation.house_run import House

ATR_RATIO = 0.004
COLUMNS = ("ema_9", "ema_21", "rsi_14", "atr_14", "vwap", "adx_14")


class Speaking:
    """Waves one after the other; each has its own candle, so that no cause comes twice."""

    def __init__(self, run: House) -> None:
        self._run = run
        self._turn = 0
        self._prices: dict[str, float] = {}

    def next(self) -> tuple[Instrument, int]:
        """Write a wave; give the paper that speaks in it, and the monotonic instant (ns) before it was written."""
        papers = self._run.papers
        speaks = papers[self._turn % len(papers)]
        for paper in papers if self._turn == 0 else (speaks,):
            last = self._run.sim.last_price(paper.instrument_key)
            self._prices[paper.symbol] = last or self._prices[paper.symbol]
        fields = codec.encode(schema.CHARTS, self._wave(self._run.sim.clock()["ts"]))
        self._turn += 1
        began_ns = time.monotonic_ns()
        self._run.clients[schema.CHARTS.role].xadd(schema.CHARTS.name, fields, id=f"{int(fields[b'ts'])}-*")
        return speaks, began_ns

    def _wave(self, ts: int) -> ChartWave:
        papers = self._run.papers
        back = (self._turn + 1) % len(papers)
        rows, values = np.zeros(len(papers), CANDLE), np.zeros((len(papers), len(COLUMNS)))
        for at, paper in enumerate(papers):
            close, sign = self._prices[paper.symbol], side_of(paper).sign
            atr = close * ATR_RATIO
            fast = close + sign * atr * (0.1 if at == back else -0.1)
            rows[at] = (paper.sid, *(0,) * (len(CANDLE.names) - 1))
            for name in ("open", "high", "low", "close"):
                rows[name][at] = close
            values[at] = (fast, fast - sign * atr, 50 + 15 * sign, atr, close - sign * atr, 30.0)
        rows["timeframe"], rows["volume"], rows["ts"] = 1, 100, ts // MINUTE_MS * MINUTE_MS - (self._turn + 1) * MINUTE_MS
        return ChartWave(ts, rows, COLUMNS, values, np.ones(values.shape, np.bool_), ("doji",), np.zeros((len(papers), 1), np.int8))


def side_of(paper: Instrument) -> Side:
    """Every other paper falls."""
    return Side.SELL if paper.sid % 2 else Side.BUY
