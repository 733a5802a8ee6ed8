"""Candle calls, V3: history of past days and the running day, newest first.

Reads   history (from the seed; none before a recording or a candle file) and the tape's finished minutes
Writes  [timestamp, open, high, low, close, volume, open interest]
A span that is too wide is an error (UDAPI1148), never cut. Larger bars of the running day are served while
they form; one-minute bars appear 6 to 36 s after their end, each after its own wait (``candle_wait_s``), all of them when
the day is over. Answers without a token, as the real one does.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zlib import crc32

from aiohttp import web

from pipeline.core.session import Group
from pipeline.core.types import MINUTE_MS
from pipeline.simulator.answers import ApiError, iso_time, success
from pipeline.simulator.exchange import EXCHANGE, Exchange
from pipeline.simulator.history import aggregate, filled
from pipeline.simulator.listing import Listing
from pipeline.simulator.market import Bar

LARGEST = {"minutes": 300, "hours": 5, "days": 1, "weeks": 1, "months": 1}
routes = web.RouteTableDef()


@routes.get("/v3/historical-candle/intraday/{key}/{unit}/{interval}")
async def intraday(request: web.Request) -> web.Response:
    exchange = request.app[EXCHANGE]
    unit, interval = _period(request)
    if unit not in ("minutes", "hours", "days"):
        raise ApiError(400, "UDAPI1146", "Invalid unit", "unit", unit)
    return _reply(today(exchange, exchange.listing(request.match_info["key"]), unit, interval))


@routes.get("/v3/historical-candle/{key}/{unit}/{interval}/{to}")
@routes.get("/v3/historical-candle/{key}/{unit}/{interval}/{to}/{from}")
async def historical(request: web.Request) -> web.Response:
    exchange = request.app[EXCHANGE]
    unit, interval = _period(request)
    last = _date(request.match_info["to"])
    widest = _widest(unit, interval)
    if "from" in request.match_info:
        first = _date(request.match_info["from"])
        if first > last or (last - first).days > widest:
            raise ApiError(400, "UDAPI1148", "Invalid date range", "from_date", first.isoformat())
    else:
        first = last - timedelta(days=min(widest, (last - date(2000, 1, 3)).days))
    listing = exchange.listing(request.match_info["key"])
    if exchange.config.maker != "generated":
        return _reply([])  # real prices have no invented past
    bars = exchange.history.bars(listing, exchange.previous_close(listing), unit, interval, (first.isoformat(), last.isoformat()))
    return _reply(bars)


def today(exchange: Exchange, listing: Listing, unit: str, interval: int) -> list[Bar]:
    """Give the running day's bars, oldest first."""
    day, tape = exchange.maker.day, exchange.tape
    group = listing.group(day.date)
    windows = day.hours(Group.EQ if group is Group.EQ_CAS else group)
    if unit == "minutes" and interval == 1:
        bars = filled(tape.finished(listing.key), windows, tape.now_ms - MINUTE_MS + 1)
        return [bar for bar in bars if exchange.stage.is_over or bar.ts + MINUTE_MS + wait_ms(exchange, listing, bar.ts) <= tape.now_ms]
    minutes = filled(tape.bars[listing.key], windows, tape.now_ms)
    if unit == "days":
        return aggregate(minutes, lambda _: windows[0][0])
    size = interval * (60 if unit == "hours" else 1)
    return aggregate(minutes, lambda ts: day.candle_start(ts, size))


def wait_ms(exchange: Exchange, listing: Listing, ts: int) -> int:
    """How long after its end a one-minute bar is not served yet: the same for the same bar at every question."""
    first, last = exchange.config.candle_wait_s
    place = crc32(f"{exchange.config.seed} {listing.key} {ts}".encode()) / 0xFFFFFFFF
    return round((first + place * (last - first)) * 1000)


def _period(request: web.Request) -> tuple[str, int]:
    unit, text = request.match_info["unit"], request.match_info["interval"]
    if unit not in LARGEST:
        raise ApiError(400, "UDAPI1146", "Invalid unit", "unit", unit)
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST[unit]:
        raise ApiError(400, "UDAPI1147", "Invalid interval", "interval", text)
    return unit, int(text)


def _widest(unit: str, interval: int) -> int:
    """Days between the dates that one call may span: a month, a quarter, ten years, or all."""
    if unit == "minutes" and interval <= 15:
        return 31
    return {"minutes": 92, "hours": 92, "days": 3653}.get(unit, 36_500)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ApiError(400, "UDAPI1088", "Invalid date", "to_date", text) from error


def _reply(bars: list[Bar]) -> web.Response:
    rows: list[list[Any]] = [[iso_time(b.ts), b.open, b.high, b.low, b.close, b.vol, 0] for b in reversed(bars)]
    return web.json_response(success({"candles": rows}))
