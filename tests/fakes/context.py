"""A small watchlist and its context, for tests of jobs."""

from __future__ import annotations

from pipeline.core.job import Context
from pipeline.core.params import FilterParams, OrderParams, Params, RiskParams
from pipeline.core.session import Group, Phase, SessionDay, Window
from pipeline.core.types import Instrument
from tests.fakes.feed_rows import CANDLES, CLOSE, OPEN, TICKS

FILTER = FilterParams(("ema_momentum",), 0.5, 5, 60, 2.0, 3.0, 20.0, 300, ())
RISK = RiskParams(10_000_000, 0.01, 0.2, 5, 4.0, 0.03, 0.02, 0.05, 1, 30, 500, 50.0, 5000)
ORDERS = OrderParams("auto", 1500, 0, 0.0, 0, 120, "15:05", "15:20", "15:00", 7.0, 25.0, 5.0, 30.0, 5.0, 100.0, 3)
DAY = SessionDay("2025-12-15", "regular", {group: (Window(Phase.CONTINUOUS, OPEN, CLOSE),) for group in Group})
STOCKS = tuple(
    Instrument(sid, symbol, f"NSE_EQ|INE00{sid}A0101{sid}", symbol.title(), 5, 1, 0, is_cas_eligible=False)
    for sid, symbol in enumerate(("ALPHA", "BRAVO"))
)


def context() -> Context:
    return Context(STOCKS, DAY.date, "paper", Params(TICKS, CANDLES, FILTER, RISK, ORDERS), DAY)
