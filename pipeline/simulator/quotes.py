"""Instrument file and quotes: LTP, OHLC, full quotes, option greeks.

Reads   the tape (what has been played), the listings
Writes  replies keyed ``NSE_EQ:RELIANCE``; unknown keys are left out, an empty answer is UDAPI100011
"""

from __future__ import annotations

import gzip
import json
from typing import Any

from aiohttp import web

from pipeline.core.types import MINUTE_MS
from pipeline.simulator.answers import ApiError, iso_time, reply_key, success
from pipeline.simulator.desk import CIRCUIT
from pipeline.simulator.exchange import EXCHANGE, Exchange
from pipeline.simulator.listing import INDEX_LISTINGS, Listing, master_row
from pipeline.simulator.market import Bar, Update

MAX_KEYS = 500
MAX_GREEK_KEYS = 50
routes = web.RouteTableDef()


@routes.get("/market-quote/instruments/exchange/{file}")
async def instruments(request: web.Request) -> web.Response:
    exchange = request.app[EXCHANGE]
    if request.match_info["file"] not in ("NSE.json.gz", "complete.json.gz"):
        raise ApiError(404, "UDAPI100060", "Resource not found", None, None)
    rows = exchange_rows(exchange)
    return web.Response(body=gzip.compress(json.dumps(rows).encode(), mtime=0), content_type="application/gzip")


def exchange_rows(exchange: Exchange) -> list[dict[str, Any]]:
    """Give the instrument file: what is played, and the two indices."""
    own = getattr(exchange.maker, "master_rows", None)
    if own is not None:
        return list(own)
    listings = {item.key: item for item in (*exchange.maker.listings, *INDEX_LISTINGS)}
    return [master_row(item, exchange.date) for item in listings.values()]


@routes.get("/v3/market-quote/ltp")
async def ltp(request: web.Request) -> web.Response:
    return _reply(request, _ltp_row)


@routes.get("/v3/market-quote/ohlc")
async def ohlc(request: web.Request) -> web.Response:
    exchange, interval = request.app[EXCHANGE], request.query.get("interval", "")
    if interval not in ("1d", "I1", "I30"):
        raise ApiError(400, "UDAPI100036", "Invalid interval", "interval", interval)
    rows: dict[str, Any] = {}
    for listing, update in _asked(request, MAX_KEYS):
        live, previous = _bars(exchange, listing, update, interval)
        head = {"last_price": update.ltp, "instrument_token": listing.key}
        rows[reply_key(listing)] = {**head, "prev_ohlc": _bar_row(previous), "live_ohlc": _bar_row(live)}
    return web.json_response(success(rows))


@routes.get("/v2/market-quote/quotes")
async def full_v2(request: web.Request) -> web.Response:
    return _reply(request, lambda listing, update: _full_row(request.app[EXCHANGE], listing, update))


@routes.get("/v3/market-quote/quotes")
async def full_v3(request: web.Request) -> web.Response:
    return _reply(request, lambda listing, update: _full_v3_row(request.app[EXCHANGE], listing, update))


@routes.get("/v3/market-quote/option-greek")
async def greeks(request: web.Request) -> web.Response:
    rows = {}
    for listing, update in _asked(request, MAX_GREEK_KEYS):
        delta, theta, gamma, vega, _ = update.greeks or (0.0, 0.0, 0.0, 0.0, 0.0)
        more = {"iv": update.iv, "vega": vega, "gamma": gamma, "theta": theta, "delta": delta, "oi": update.oi}
        rows[reply_key(listing)] = _ltp_row(listing, update) | more
    return web.json_response(success(rows))


def _reply(request: web.Request, row: Any) -> web.Response:
    return web.json_response(success({reply_key(listing): row(listing, update) for listing, update in _asked(request, MAX_KEYS)}))


def _asked(request: web.Request, most: int) -> list[tuple[Listing, Update]]:
    exchange = request.app[EXCHANGE]
    text = request.query.get("instrument_key") or request.query.get("symbol") or ""
    keys = list(dict.fromkeys(k for k in text.split(",") if k))
    if len(keys) > most:
        raise ApiError(400, "UDAPI100036", f"at most {most} instrument keys", "instrument_key", len(keys))
    found = [(exchange.listing(k), exchange.tape.latest[k]) for k in keys if k in exchange.tape.latest]
    if not found:
        raise ApiError(400, "UDAPI100011", "Invalid Instrument key", "instrument_key", text)
    return found


def _ltp_row(listing: Listing, update: Update) -> dict[str, Any]:
    return {"last_price": update.ltp, "instrument_token": listing.key, "ltq": update.ltq, "volume": update.vtt, "cp": update.cp}


def _bars(exchange: Exchange, listing: Listing, update: Update, interval: str) -> tuple[Bar | None, Bar | None]:
    """Give the bar that is forming and the one before it."""
    if interval == "1d":
        return update.day, None
    size = MINUTE_MS * (1 if interval == "I1" else 30)
    day = exchange.maker.day
    joined: dict[int, Bar] = {}
    for bar in exchange.tape.bars[listing.key]:
        ts = day.candle_start(bar.ts, size // MINUTE_MS)
        old = joined.get(ts)
        if old is None:
            joined[ts] = Bar(ts, bar.open, bar.high, bar.low, bar.close, bar.vol)
        else:
            joined[ts] = Bar(ts, old.open, max(old.high, bar.high), min(old.low, bar.low), bar.close, old.vol + bar.vol)
    ordered = list(joined.values())
    return (ordered[-1] if ordered else None), (ordered[-2] if len(ordered) > 1 else None)


def _bar_row(bar: Bar | None) -> dict[str, Any] | None:
    if bar is None:
        return None
    return {"open": bar.open, "high": bar.high, "low": bar.low, "close": bar.close, "volume": bar.vol, "ts": bar.ts}


def _full_row(exchange: Exchange, listing: Listing, update: Update) -> dict[str, Any]:
    day = update.day or Bar(0, update.ltp, update.ltp, update.ltp, update.ltp, update.vtt)
    return {
        "ohlc": {"open": day.open, "high": day.high, "low": day.low, "close": day.close},
        "depth": {"buy": _side(update.bid_px, update.bid_qty), "sell": _side(update.ask_px, update.ask_qty)},
        "timestamp": iso_time(exchange.tape.now_ms).replace("+", f".{exchange.tape.now_ms % 1000:03d}+"),
        "instrument_token": listing.key,
        "symbol": listing.symbol,
        "last_price": update.ltp,
        "volume": update.vtt,
        "average_price": update.atp,
        "oi": update.oi,
        "net_change": round(update.ltp - update.cp, 2),
        "total_buy_quantity": update.tbq,
        "total_sell_quantity": update.tsq,
        "lower_circuit_limit": round(update.cp * (1 - CIRCUIT), 2),
        "upper_circuit_limit": round(update.cp * (1 + CIRCUIT), 2),
        "last_trade_time": str(update.ltt),
        "oi_day_high": update.oi,
        "oi_day_low": update.oi,
    }


def _full_v3_row(exchange: Exchange, listing: Listing, update: Update) -> dict[str, Any]:
    row = _full_row(exchange, listing, update)
    auction = update.auction
    row["ohlc"] |= {"volume": update.vtt, "ts": update.day.ts if update.day is not None else 0}
    return row | {
        "prev_close_price": update.cp,
        "year_high": max(update.cp, update.ltp),
        "year_low": min(update.cp, update.ltp),
        "previous_oi": 0.0,
        "indicative_equilibrium_price": 0.0 if auction is None else auction.iep,
        "reference_price": 0.0 if auction is None else auction.rp,
        "indicative_equilibrium_quantity": 0 if auction is None else auction.ieq,
        "indicative_imbalance_quantity_total": 0 if auction is None else auction.iiq_total,
        "indicative_imbalance_quantity_market": 0 if auction is None else auction.iiq_market,
        "cas_eligible": update.is_cas,
    }


def _side(prices: list[float], sizes: list[int]) -> list[dict[str, Any]]:
    levels = list(zip(prices, sizes, strict=True))[:5]
    levels += [(0.0, 0)] * (5 - len(levels))
    return [{"quantity": qty, "price": px, "orders": min(qty, 1 + qty // 400)} for px, qty in levels]
