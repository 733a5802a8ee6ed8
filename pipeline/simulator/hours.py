"""Market status, holidays and timings, from the calendar and the status that was last played.

Reads   Calendar, the tape's status
Writes  Upstox's rows; times in epoch ms
"""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web

from pipeline.core.session import Group, SessionDay
from pipeline.simulator.answers import ApiError, success
from pipeline.simulator.exchange import EXCHANGE, Exchange

SEGMENT = {
    "NSE": "NSE_EQ",
    "BSE": "NSE_EQ",
    "NFO": "NSE_FO",
    "BFO": "NSE_FO",
    "CDS": "NSE_FO",
    "BCD": "NSE_FO",
    "MCX": "NSE_FO",
    "NSCOM": "NSE_FO",
}
routes = web.RouteTableDef()


@routes.get("/v2/market/status/{exchange}")
async def status(request: web.Request) -> web.Response:
    exchange, name = request.app[EXCHANGE], request.match_info["exchange"]
    if name not in SEGMENT:
        raise ApiError(400, "UDAPI1089", "Invalid exchange", "exchange", name)
    played = exchange.tape.status or exchange.maker.opening()[0]
    word = played.segments.get(SEGMENT[name], "NORMAL_CLOSE")
    row: dict[str, Any] = {"exchange": name, "status": word, "last_updated": exchange.tape.now_ms}
    if name == "NSE" and "NSE_EQ" in played.cas:
        cas, since = played.cas["NSE_EQ"]
        row["cas_eligible_status"] = {"status": cas, "last_updated": since}
    return web.json_response(success(row))


@routes.get("/v2/market/holidays")
async def holidays(request: web.Request) -> web.Response:
    exchange = request.app[EXCHANGE]
    year = int(exchange.date[:4])
    days = [date.fromordinal(n).isoformat() for n in range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal())]
    return web.json_response(success([row for d in days for row in _holiday(exchange, d)]))


@routes.get("/v2/market/holidays/{date}")
async def holiday(request: web.Request) -> web.Response:
    return web.json_response(success(_holiday(request.app[EXCHANGE], _checked(request.match_info["date"]))))


@routes.get("/v2/market/timings/{date}")
async def timings(request: web.Request) -> web.Response:
    day = request.app[EXCHANGE].calendar.day(_checked(request.match_info["date"]))
    return web.json_response(success([] if day is None else _timings(day)))


def _timings(day: SessionDay) -> list[dict[str, Any]]:
    """The hours as the service tells them: continuous trading, open to close."""
    named = (("NSE", Group.EQ), ("NFO", Group.FO), ("BSE", Group.EQ), ("BFO", Group.FO))
    return [{"exchange": name, "start_time": day.open_ms(group), "end_time": day.close_ms(group)} for name, group in named]


def _holiday(exchange: Exchange, date_iso: str) -> list[dict[str, Any]]:
    """A day's row; an ordinary day and an ordinary weekend have none."""
    reason = exchange.calendar.reason(date_iso)
    day = exchange.calendar.day(date_iso)
    if reason in ("", "weekend"):
        return []
    row = {"date": date_iso, "description": reason}
    if day is None:
        return [row | {"holiday_type": "TRADING_HOLIDAY", "closed_exchanges": ["NSE", "NFO", "BSE", "BFO"], "open_exchanges": []}]
    return [row | {"holiday_type": "SPECIAL_TIMING", "closed_exchanges": [], "open_exchanges": _timings(day)}]


def _checked(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ApiError(400, "UDAPI1088", "Invalid date", "date", text) from error
