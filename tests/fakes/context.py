"""A small watchlist and its context, for tests of jobs."""

from __future__ import annotations

from dataclasses import replace

from pipeline.core.job import Context
from pipeline.core.params import FilterParams, OrderParams, Params
from pipeline.core.session import Group, Phase, SessionDay, Window
from pipeline.core.types import Instrument
from tests.fakes.feed_rows import CANDLES, CLOSE, OPEN, TICKS
from tests.fakes.trading import PARAMS

FILTER = FilterParams(("ema_momentum",), 0.5, 5, 60, 20.0, 300, ())
RISK = replace(
    PARAMS.risk,
    capital_paise=10_000_000,
    max_position_ratio=0.2,
    max_order_ratio=0.2,
    max_positions=5,
    max_leverage=4.0,
    max_net_leverage=4.0,
    daily_loss_stop_ratio=0.03,
    daily_loss_alert_ratio=0.02,
    drawdown_stop_ratio=0.05,
    min_gap_s=1,
    max_orders_per_minute=30,
    max_orders_per_day=500,
    max_drift_bps=50.0,
)
ORDERS = OrderParams("auto", 1500, 0, 0.0, 0, 120, "15:05", "15:20", "15:00", 7.0, 25.0, 5.0, 5.0, 100.0, 3, 40.0, 3, 5, 15.0)
DAY = SessionDay("2025-12-15", "regular", {group: (Window(Phase.CONTINUOUS, OPEN, CLOSE),) for group in Group})
STOCKS = tuple(
    Instrument(sid, symbol, f"NSE_EQ|INE00{sid}A0101{sid}", symbol.title(), 5, 1, 0, is_cas_eligible=False)
    for sid, symbol in enumerate(("ALPHA", "BRAVO"))
)


def context() -> Context:
    return Context(STOCKS, DAY.date, "paper", Params(TICKS, CANDLES, FILTER, RISK, ORDERS, PARAMS.stops, PARAMS.rollout), DAY)
