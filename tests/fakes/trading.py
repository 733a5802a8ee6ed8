"""Small builders for tests of the trading half: papers, a day, parameters, frames, waves, recommendations."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.core.params import CandleParams, FilterParams, OrderParams, Params, RiskParams, RolloutParams, StopParams, TickParams
from pipeline.core.session import Calendar, SessionDay, ist_ms
from pipeline.core.types import CANDLE, TICK, ChartWave, Instrument, Recommendation, Side, TickBatch, TickFlag, TickKind

ROOT = Path(__file__).resolve().parents[2]
DATE = "2026-11-20"
OPEN = ist_ms(DATE, "09:15")
PAPERS = tuple(
    Instrument(sid, symbol, f"NSE_EQ|INE{sid:09d}", symbol.title(), 5, 1, 10_000, is_cas_eligible=sid == 0)
    for sid, symbol in enumerate(("AAA", "BBB", "CCC", "DDD", "EEE"))
)
RISK = RiskParams(
    capital_paise=100_000_000, risk_per_trade=0.01, max_position_ratio=0.05, max_order_ratio=0.05, max_positions=3, max_leverage=1.5,
    max_net_leverage=1.5, margin_ratio=0.2, daily_loss_stop_ratio=0.02, daily_loss_alert_ratio=0.01, drawdown_stop_ratio=0.04,
    max_losses_in_row=6, min_gap_s=30, max_orders_per_minute=10, max_orders_per_hour=120, max_orders_per_day=400, max_drift_bps=30.0,
    max_ltp_distance_bps=100.0, max_quote_distance_bps=75.0, price_band_ratio=0.1, max_order_qty=20_000, max_depth_ratio=1000.0,
    max_volume_ratio=0.01, max_quote_age_ms=5000, max_feed_age_ms=5000, max_clock_skew_ms=2000, max_reconcile_age_s=30,
    min_token_life_s=900, max_facts_age_s=30, symbols=(), banned=(), plan="normal",
)  # fmt: skip
PARAMS = Params(
    ticks=TickParams(300, 60, 20, 60, 8.0, 6.0, 1.25, 60, 0.2, 1000, 250),
    candles=CandleParams(250, 15_000),
    filter=FilterParams(("ema_momentum",), 0.5, 3, 60, 12.0, 300, ()),
    risk=RISK,
    orders=OrderParams("auto", 1500, 0, 0.0, 1800, 60, "15:05", "15:12", "15:00", 7.0, 25.0, 5.0, 5.0, 100.0, 3, 40.0, 3, 5, 15.0),
    stops=StopParams("atr", 2.0, 3.0, 1.5, 0.02, 0.04, 0.01, 5.0, 15.0, "stop", 5.0),
    rollout=RolloutParams(0, "", 7, (), 0.005),
)


def at(clock: str) -> int:
    """Epoch milliseconds of an IST clock time on the tests' day."""
    return ist_ms(DATE, clock)


@cache
def day(date_iso: str = DATE) -> SessionDay:
    found = Calendar.from_rows(json.loads((ROOT / "config" / "holidays.json").read_text("utf-8"))).day(date_iso)
    assert found is not None
    return found


def params(**changes: object) -> Params:
    """Change fields of any part by name: ``params(confirm="ask", max_positions=1)``."""
    out = PARAMS
    for name, value in changes.items():
        part = next(p for p in ("filter", "risk", "orders", "stops") if hasattr(getattr(out, p), name))
        out = replace(out, **{part: replace(getattr(out, part), **{name: value})})
    return out


def frame(ts: int, *rows: tuple) -> TickBatch:
    """One frame; a row is (sid, bid, ask) in rupees, with optional bid and ask quantity, and LTP."""
    made = np.zeros(len(rows), TICK)
    for at_, (sid, bid, ask, *rest) in enumerate(rows):
        bid_qty, ask_qty, ltp = (*rest, *(1000, 1000, round((bid + ask) / 2, 2))[len(rest) :])
        made["sid"][at_], made["kind"][at_], made["flags"][at_] = sid, TickKind.LIVE, TickFlag.HAS_DEPTH
        made["bid_px"][at_, 0], made["bid_qty"][at_, 0] = bid, bid_qty
        made["ask_px"][at_, 0], made["ask_qty"][at_, 0] = ask, ask_qty
        made["ltp"][at_], made["ts_exch"][at_] = ltp, ts
    made.setflags(write=False)
    return TickBatch(ts, made)


def recommendation(symbol: str = "AAA", ts: int = 0, side: Side = Side.BUY, ref: int = 100_00, **changes: object) -> Recommendation:
    """A sound proposal around ``ref`` paise: limit 0.10 beyond, stop 1.00 away, target 1.50 away."""
    ts = ts or at("10:00")
    key = f"{symbol}{ts}{side.value}"
    base = Recommendation(
        ts=ts,
        id=f"R{key}",
        signal_id=f"S{key}",
        ts_candle=ts - 60_000,
        rank=1,
        symbol=symbol,
        timeframe="1m",
        strategy="ema_momentum",
        side=side,
        score=0.8,
        regime="trending",
        ref_paise=ref,
        limit_paise=ref + side.sign * 10,
        stop_paise=ref - side.sign * 100,
        target_paise=ref + side.sign * 150,
        expires_ms=ts + 60_000,
        reasons="9-EMA crossed above 21-EMA",
        trail_paise=0,
    )
    return replace(base, **changes)


COLUMNS = ("ema_9", "ema_21", "rsi_14", "atr_14", "vwap", "adx_14", "bollinger_width")


def wave(ts: int, *rows: dict, columns: tuple[str, ...] = COLUMNS) -> ChartWave:
    """A chart wave; each row gives sid, close and any of timeframe, flags, high, low and column values (others are warm zeros)."""
    candles = np.zeros(len(rows), CANDLE)
    values, warm = np.zeros((len(rows), len(columns))), np.ones((len(rows), len(columns)), bool)
    for i, row in enumerate(rows):
        close = row["close"]
        minutes = row.get("timeframe", 1)
        base = {"timeframe": minutes, "ts": ts - ts % 60_000 - minutes * 60_000, "open": close, "high": close, "low": close, "volume": 100}
        for name, value in (base | {k: v for k, v in row.items() if k in CANDLE.names}).items():
            candles[name][i] = value
        for name in columns:
            values[i, columns.index(name)] = row.get(name, 0.0)
        for name in row.get("cold", ()):
            warm[i, columns.index(name)] = False
            values[i, columns.index(name)] = 0.0
    return ChartWave(ts, candles, columns, values, warm, ("doji",), np.zeros((len(rows), 1), np.int8))
