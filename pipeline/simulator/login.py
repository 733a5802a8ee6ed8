"""OAuth, profile and logout.

Reads   the dialog's query, the exchange's form
Writes  a redirect with ``code`` and the echoed ``state``; the token reply (not wrapped, as the real one)
The dialog approves at once: there is no user here. Never logs a code or a token.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import web

from pipeline.simulator.answers import ApiError, success
from pipeline.simulator.exchange import EXCHANGE
from pipeline.simulator.tokens import USER_ID, Grant, next_half_past_three

EXCHANGES = ["NSE", "NFO", "BSE", "BFO"]
PRODUCTS = ["I", "D", "MTF"]
ORDER_TYPES = ["MARKET", "LIMIT", "SL", "SL-M"]
routes = web.RouteTableDef()


@routes.get("/v2/login/authorization/dialog")
async def dialog(request: web.Request) -> web.Response:
    client, redirect = request.query.get("client_id", ""), request.query.get("redirect_uri", "")
    if request.query.get("response_type") != "code" or not client or not redirect:
        raise ApiError(400, "UDAPI100068", "Check your 'client_id' and 'redirect_uri'; one or both are incorrect.")
    code = request.app[EXCHANGE].tokens.authorise(client, redirect)
    answer = {"code": code} | ({"state": request.query["state"]} if "state" in request.query else {})
    parts = urlsplit(redirect)
    query = "&".join(part for part in (parts.query, urlencode(answer)) if part)
    raise web.HTTPFound(urlunsplit(parts._replace(query=query)))


@routes.post("/v2/login/authorization/token")
async def token(request: web.Request) -> web.Response:
    form = await request.post()
    if form.get("grant_type") != "authorization_code":
        raise ApiError(400, "UDAPI100036", "grant_type must be authorization_code", "grant_type", str(form.get("grant_type")))
    grant = Grant(str(form.get("client_id", "")), str(form.get("redirect_uri", "")))
    access = request.app[EXCHANGE].tokens.exchange(str(form.get("code", "")), grant, str(form.get("client_secret", "")))
    return web.json_response({**_person(), "access_token": access, "extended_token": None, "poa": False})


@routes.post("/v3/login/auth/token/request/{client_id}")
async def token_request(request: web.Request) -> web.Response:
    """The semi-automated way; there is no phone to approve on, so nothing follows."""
    expiry = str(next_half_past_three(request.app[EXCHANGE].tape.now_ms))
    return web.json_response(success({"authorization_expiry": expiry, "notifier_url": ""}))


@routes.get("/v2/user/profile")
async def profile(request: web.Request) -> web.Response:
    del request
    return web.json_response(success({**_person(), "poa": False, "ddpi": False}))


@routes.delete("/v2/logout")
async def logout(request: web.Request) -> web.Response:
    request.app[EXCHANGE].tokens.revoke(request.headers.get("Authorization", "").removeprefix("Bearer ").strip())
    return web.json_response(success(content=True))


def _person() -> dict[str, Any]:
    return {
        "email": "simulator@example.invalid",
        "exchanges": EXCHANGES,
        "products": PRODUCTS,
        "broker": "UPSTOX",
        "user_id": USER_ID,
        "user_name": "SIMULATED USER",
        "order_types": ORDER_TYPES,
        "user_type": "individual",
        "is_active": True,
    }
