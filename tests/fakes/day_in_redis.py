"""A composed moment of a trading day, written into a real Redis as the processes would leave it.

Everything is made up and deterministic. Keys come from the schema, records go through the codec.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pipeline.core import schema
from pipeline.core.schema import Role, Series, Stream
from pipeline.core.session import ist_ms
from pipeline.core.types import Confirmation, Fill, Instrument, OrderEvent, OrderIntent, Recommendation, Side
from pipeline.engine.identity import entry_cause, identity
from pipeline.run.latency import Hops
from pipeline.store import codec
from pipeline.store.client import open_clients

DATE = "2026-11-20"
NOW = ist_ms(DATE, "11:42:17") + 250
SYMBOLS = {
    "RELIANCE": 1412.35, "TCS": 3120.4, "HDFCBANK": 988.15, "INFY": 1495.6, "ICICIBANK": 1370.05, "SBIN": 972.8, "BHARTIARTL": 2105.5,
    "ITC": 405.9, "LT": 4010.2, "KOTAKBANK": 2098.0, "AXISBANK": 1265.75, "HINDUNILVR": 2401.1, "M&M": 3702.95, "MARUTI": 15980.0, "NIFTY 50": 26010.85,
}  # fmt: skip
REGIMES = ("trending", "ranging", "trending", "volatile", "ranging")


def instruments() -> list[Instrument]:
    return [
        Instrument(
            sid, symbol, f"NSE_EQ|INE{sid:06d}", f"{symbol} LIMITED", 5, 1, 100_000, is_cas_eligible=True, is_index=symbol == "NIFTY 50"
        )
        for sid, symbol in enumerate(SYMBOLS)
    ]


def wiggle(sid: int, minute: float) -> float:
    """A smooth made-up path, different for each symbol; about one percent wide."""
    return 0.006 * math.sin(minute / 19 + sid) + 0.0025 * math.sin(minute / 5.3 + 2 * sid) + 0.0012 * math.sin(minute * 1.7 + sid * sid)


def tick(sid: int, last: float, now: int = NOW) -> dict[str, Any]:
    """The readable hash of one symbol, in the fields of ``TICK``."""
    close = last / (1 + 0.011 * math.sin(sid * 1.9 + 0.4))
    half = max(0.05, round(last * (0.00008 + 0.00004 * (sid % 4)), 2))
    marks = "has_depth traded warm cas_eligible" + (" liquid" if sid % 4 < 3 else "")
    return {
        "ltp": last, "ltq": 10 + sid, "cp": round(close, 2), "vtt": 1_200_000 + sid * 77_000, "ts_exch": now - (sid % 5) * 300, "ltt": now - 900, "oi": 0.0,
        "bid_px": round(last - half, 2), "ask_px": round(last + half, 2), "bid_qty": 340 + sid, "ask_qty": 210 + 9 * sid,
        "mid": last, "spread": 2 * half, "spread_bps": 20_000 * half / last, "vwap": round(last * 0.9995, 2), "session_vwap": round(last * (1 - 0.002 * math.sin(sid)), 2),
        "obi": round(0.85 * math.sin(sid * 2.3), 3), "volatility": 0.00021, "marks": marks, "kind": "live",
    }  # fmt: skip


def recommendation(number: int, symbol: str, side: Side, score: float, left_s: int, reasons: str, ts: int = NOW - 35_000) -> Recommendation:
    ref = round(SYMBOLS[symbol] * 100 / 5) * 5
    sign = side.sign
    return Recommendation(
        ts=ts, id=f"r-{number}", signal_id=f"s-{number}", ts_candle=ts - 60_000, rank=number, symbol=symbol, timeframe="1m", strategy="ema_momentum", side=side, score=score,
        regime="trending", ref_paise=ref, limit_paise=ref + sign * 10, stop_paise=ref - sign * round(ref * 0.004 / 5) * 5, target_paise=ref + sign * round(ref * 0.008 / 5) * 5,
        expires_ms=NOW + left_s * 1000, reasons=reasons, trail_paise=0,
    )  # fmt: skip


PROPOSALS = (
    recommendation(
        1,
        "RELIANCE",
        Side.BUY,
        0.82,
        24,
        "EMA 9 above EMA 21 for 4 candles; RSI 61.3 rising; volume 2.4 times its average; price 0.18 % above VWAP",
    ),
    recommendation(2, "M&M", Side.SELL, 0.74, 24, "EMA 9 below EMA 21; MACD histogram falling for 3 candles; bearish engulfing on 5m"),
    recommendation(3, "BHARTIARTL", Side.BUY, 0.69, 24, "EMA 9 above EMA 21; Supertrend up; book imbalance 0.41"),
    recommendation(4, "ICICIBANK", Side.BUY, 0.71, -60, "EMA 9 above EMA 21; RSI 58.0", NOW - 240_000),
    recommendation(5, "TCS", Side.SELL, 0.66, -300, "EMA 9 below EMA 21; RSI 38.9", NOW - 900_000),
    recommendation(6, "SBIN", Side.BUY, 0.63, -600, "EMA 9 above EMA 21; volume 1.9 times its average", NOW - 1_200_000),
)

FEED: Mapping[str, Any] = {
    "state": "connected", "mode": "full", "links": f"0=connected({len(SYMBOLS)})", "wanted": len(SYMBOLS), "subscribed": len(SYMBOLS), "unseen": 0, "unconfirmed": 0, "unconfirmed_names": "",
    "stalled": 0, "stalled_names": "", "connects": 1, "frames": 48_112, "ticks": 201_377, "gaps": 0, "repeats": 0, "refused_frames": 0, "refused_rows": 0, "refused_why": "", "unknown_keys": 0,
    "quarantine_lost": 0, "failed_tries": 0, "folds": 0, "folded_frames": 0, "folded_rows": 0, "skew_ms": 38, "clock_lag_ms": 0, "repairs_repaired": 0,
}  # fmt: skip


def hops(name: str, place: int) -> Hops:
    """A day's budget of one process: 400 turns, now and then a slow one."""
    out = Hops("decode" if name == "ticks" else "wait")
    for turn in range(400):
        wave = 1.0 + 0.4 * math.sin(turn * 1.3 + place)
        slow = 14.0 if turn % 97 == 96 else 1.0
        wait = (4.5 if name == "ticks" else 310.0 + 90.0 * place) * wave * slow
        exchange = [39_000.0 + 6_000.0 * wave] * 3 if name == "ticks" else ()
        out.turn(
            [wait] * 3, (45.0 + 120.0 * place) * wave, 420.0 * wave * (9.0 if turn % 131 == 130 else 1.0), NOW - 15_000 * turn, exchange
        )
    return out


class Day:
    """Writes the moment; a test may change it afterwards."""

    def __init__(self, urls: Mapping[Role, str], *, now: int = NOW) -> None:
        self.clients = open_clients(urls)
        self.now = now

    def write_all(self) -> None:
        self.write_watchlist()
        self.write_candles()
        self.write_trades()
        self.write_machinery()

    def hash(self, key: schema.HashKey, labels: tuple[str, ...], fields: Mapping[str, Any]) -> None:
        assert key.role is not None
        self.clients[key.role].hset(key.key(*labels), mapping={name: repr(v) if isinstance(v, float) else v for name, v in fields.items()})

    def add(self, stream: Stream, record: Any) -> None:
        entry_id: Any = self.clients[stream.role].xadd(stream.name, codec.encode(stream, record), id=f"{record.ts}-*")
        assert entry_id

    def series(self, series: Series, labels: tuple[str, ...], samples: list[tuple[int, float]]) -> None:
        client, key = self.clients[series.role], series.key(*labels)
        client.execute_command("TS.CREATE", key, "DUPLICATE_POLICY", "LAST")
        client.execute_command("TS.MADD", *[part for ts, value in samples for part in (key, ts, value)])

    def write_watchlist(self) -> None:
        rows = {str(i.sid): json.dumps(asdict(i)) for i in instruments()}
        self.hash(schema.INSTRUMENTS, (), {**rows, "date": DATE, "count": len(rows)})
        for sid, (symbol, last) in enumerate(SYMBOLS.items()):
            self.hash(schema.TICK_LATEST, (symbol,), tick(sid, last, self.now))
            self.hash(schema.REGIME, (symbol,), {"regime": REGIMES[sid % len(REGIMES)], "since": self.now - 900_000})
        self.hash(schema.MARKET_STATUS, (), {"NSE_EQ": "NORMAL_OPEN", "ts": self.now, "is_session_over": 0})

    def write_candles(self, symbol: str = "RELIANCE", count: int = 250, timeframe: str = "1m") -> None:
        sid, last = list(SYMBOLS).index(symbol), SYMBOLS[symbol]
        end = self.now - self.now % 60_000
        times = [end - (count - i) * 60_000 for i in range(count)]
        close = [round(last * (1 + wiggle(sid, i) - wiggle(sid, count)), 2) for i in range(count + 1)]
        body = {name: [] for name in schema.CANDLE_FIELDS}
        for i, ts in enumerate(times):
            o, c = close[i], close[i + 1]
            reach = last * 0.0006 * (1 + math.sin(i * 2.2))
            values = (
                o,
                round(max(o, c) + reach, 2),
                round(min(o, c) - reach * 0.8, 2),
                c,
                9000 + 7000 * abs(math.sin(i / 7)) + 90_000 * abs(c - o) / last * 60,
                0,
            )
            for name, value in zip(schema.CANDLE_FIELDS, values, strict=True):
                body[name].append((ts, float(value)))
        for name, samples in body.items():
            self.series(schema.CANDLE_FIELD, (symbol, timeframe, name), samples)
        lines = {
            "ema_9": last,
            "ema_21": last - 1.2,
            "rsi_14": 61.3,
            "macd": 1.284,
            "macd_signal": 0.913,
            "macd_hist": 0.371,
            "atr_14": 2.417,
            "bb_upper": last + 6,
        }
        others = {"bb_lower": last - 7.4, "stoch_k": 71.2, "stoch_d": 66.8, "supertrend": last - 4.8}
        self.hash(schema.INDICATOR_LATEST_1M, (symbol,), {"ts": times[-1], "time": "as text", "close": last, **lines, **others})

    def write_trades(self) -> None:
        for record in sorted(PROPOSALS, key=lambda r: r.ts):
            self.add(schema.RECOMMENDATIONS, record)
        for number, source, answer in ((6, "terminal", "confirm"), (4, "page", "confirm"), (5, "terminal", "reject")):
            stream = schema.CONFIRM_PAGE if source == "page" else schema.CONFIRM_TERMINAL
            ts = {6: self.now - 1_150_000, 5: self.now - 880_000, 4: self.now - 230_000}[number]
            self.add(stream, Confirmation(ts, f"r-{number}", answer, source))
        for number, qty in ((6, 51), (4, 36)):
            self.write_order(PROPOSALS[number - 1], qty)
        self.hash(schema.POSITION, ("ICICIBANK",), position(PROPOSALS[3], 36, 12_550, self.now))
        self.hash(schema.POSITION, ("SBIN",), position(PROPOSALS[5], 51, -4_080, self.now))
        self.hash(
            schema.POSITION, ("ITC",), {"qty": 0, "avg_px": 0.0, "realised_paise": 41_500, "unrealised_paise": 0, "ts": self.now - 600_000}
        )
        account = {"ts": self.now, "realised_paise": 41_500, "unrealised_paise": 8_470, "charges_paise": 11_842, "net_paise": 38_128}
        self.hash(
            schema.PORTFOLIO, (), {**account, "exposure_paise": 9_893_460, "peak_paise": 52_210, "drawdown_paise": 14_082, "fills": 5}
        )

    def write_order(self, source: Recommendation, qty: int) -> None:
        ts = source.ts + 12_000
        cause = entry_cause(source.strategy, source.symbol, source.timeframe, source.ts_candle, source.side)
        intent = OrderIntent(
            ts, identity(cause), cause, source.symbol, source.side, "entry", "LIMIT", qty, source.limit_paise, source.stop_paise, source.target_paise,
            qty * abs(source.limit_paise - source.stop_paise), f"tt-{source.id}", source.id, 0,
        )  # fmt: skip
        self.add(schema.INTENTS, intent)
        event = OrderEvent(
            ts + 40,
            f"o-{source.id}",
            intent.id,
            source.symbol,
            source.side,
            "entry",
            "ACCEPTED",
            qty,
            0,
            qty,
            source.limit_paise,
            0.0,
            "",
            intent.tag,
            0,
        )
        self.add(schema.ORDERS, event)
        half = qty // 2
        for n, part in enumerate((half, qty - half)):
            self.add(
                schema.FILLS,
                Fill(
                    ts + 60 + n * 400,
                    f"o-{source.id}-{n + 1}",
                    event.order_id,
                    intent.id,
                    source.symbol,
                    source.side,
                    part,
                    source.ref_paise,
                    "entry",
                ),
            )
        self.add(schema.ORDERS, replace(event, ts=ts + 500, status="FILLED", cum_qty=qty, leaves_qty=0, avg_px=source.ref_paise / 100))

    def write_machinery(self, silent: str = "") -> None:
        self.hash(schema.SESSION, (), {"mode": "paper", "maker": "generated day, seed 7", "date": DATE, "speed": 1.0})
        self.hash(schema.AUTH_STATUS, (), {"state": "valid", "expires_ms": ist_ms("2026-11-21", "03:30")})
        for n, name in enumerate(("history", "ticks", "live", "indicators", "chart", "filtering", "orders", "portfolio")):
            self.beat(name, lag=0.8 + 0.4 * n, is_done=int(name == "history"), age_ms=60_000 if name == silent else 0)
            if name != "history":
                self.hash(schema.LATENCY, (name,), hops(name, n).fields())
        self.hash(schema.FEED_STATUS, (), FEED | {"last_ts": self.now})
        self.hash(schema.WANTED, (), {symbol: f"full link=0 confirmed age={0.3 * (n % 5):.1f}s" for n, symbol in enumerate(SYMBOLS)})

    def beat(self, name: str, *, lag: float = 1.0, is_done: int = 0, age_ms: int = 0, error: str = "") -> None:
        counts = FEED | {"last_ts": self.now} if name == "ticks" else {}
        at = time.time_ns() // 1_000_000 - age_ms
        fields = {
            "pid": 4200,
            "mode": "paper",
            "at_ms": at,
            "now_ms": self.now,
            "entries": 1200,
            "lag_p50_ms": lag,
            "lag_p99_ms": 4 * lag,
            "is_done": is_done,
            "last_error": error,
        }
        self.hash(schema.HEALTH, (name,), fields | counts)

    def move(self, symbol: str, last: float, now: int) -> None:
        """One more tick of one symbol."""
        self.now = now
        self.hash(schema.TICK_LATEST, (symbol,), tick(list(SYMBOLS).index(symbol), last, now) | {"ts_exch": now})


def position(source: Recommendation, qty: int, unrealised_paise: int, now: int) -> dict[str, Any]:
    average = source.ref_paise / 100
    return {
        "qty": qty * source.side.sign, "avg_px": average, "mark_px": round(average + unrealised_paise / 100 / qty, 2), "stop_px": source.stop_paise / 100,
        "target_px": source.target_paise / 100, "realised_paise": 0, "unrealised_paise": unrealised_paise, "mark_ts": now - 400,
        "state": "open", "guard": "stop", "covered_qty": qty, "naked_since": 0,
    }  # fmt: skip
