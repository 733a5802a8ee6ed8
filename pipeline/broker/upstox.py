"""Upstox behind the broker's contract: V3 place, modify and cancel; book, history by tag, trades, positions, exit by tag.

Reads   OrderRequest; the day's instruments (symbol -> key and back)
Writes  BrokerReport; prices in paise, papers by our symbol. One that is not in today's watchlist has none: empty, of a position the key

The hosts are checked before anything is sent: orders go to Upstox's order host, its sandbox, or a simulator on loopback, never to a mix.
A listing with one row that cannot be read is worth nothing. Rows of other products than intraday are not ours and are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from pipeline.broker.contract import accepted, ambiguous, listed, refused
from pipeline.broker.rest import LOOPBACK, Call, RestClient
from pipeline.broker.upstox_gtt import gtt_body, gtt_terms, is_meant, reports, rules_of
from pipeline.core.broker import GTT, Answer, Ask, BrokerReport, OrderRequest
from pipeline.core.errors import Ambiguous, Refused, Unauthorised
from pipeline.core.types import Instrument, Side

ORDER_HOST, API_HOST, SANDBOX_HOST = "api-hft.upstox.com", "api.upstox.com", "api-sandbox.upstox.com"
PRODUCT = "I"
PROTECTED = ("MARKET", "SL-M")
AUTOMATIC = -1
"""Market protection chosen by Upstox; without one a market order may be refused."""
NOT_FOUND = "UDAPI100010"


def require_hosts(order_host: str, api_host: str) -> None:
    """Make sure that orders go where orders belong.

    Raises:
        Refused: an unknown host, or a simulator mixed with the real thing.
    """
    pairs = ((ORDER_HOST, API_HOST), (SANDBOX_HOST, SANDBOX_HOST))
    if (order_host, api_host) in pairs or (order_host in LOOPBACK and api_host in LOOPBACK):
        return
    where = f"orders would go to {order_host} and questions to {api_host}"
    raise Refused(f"{where}: set [upstox] order_url and rest_url to Upstox or to a simulator")


class UpstoxBroker:
    """One account. ``orders`` is the client of the order host, ``api`` that of everything else."""

    name = "upstox"

    def __init__(
        self, orders: RestClient, api: RestClient, instruments: Iterable[Instrument], algo: str = "", *, has_gtts: bool = False
    ) -> None:
        """With ``has_gtts`` the book is read together with the GTTs: a second call each time."""
        require_hosts(orders.host, api.host)
        self.objection: Callable[[OrderRequest], str] = lambda _request: ""
        """Why a change is not to leave any more; asked when its connection stands, which may have taken long."""
        self._orders, self._api, self._algo, self._has_gtts = orders, api, algo, has_gtts
        known = list(instruments)
        self._keys = {i.symbol: i.instrument_key for i in known}
        self._symbols = {i.instrument_key: i.symbol for i in known}

    def perform(self, request: OrderRequest) -> list[BrokerReport]:
        """Do what is asked, once."""
        try:
            if request.ask in _PATHS:
                return listed(request, self._list(request))
            return accepted(request, *self._change(request))
        except Ambiguous as error:
            return ambiguous(request, str(error))
        except (Refused, Unauthorised) as error:
            return refused(request, str(error))

    def _change(self, request: OrderRequest) -> list[str]:
        is_gtt = request.order_type == GTT and request.ask in {Ask.PLACE, Ask.CANCEL}
        client = self._api if is_gtt or request.ask is Ask.EXIT_ALL else self._orders
        call = self._gtt_call(request) if is_gtt else self._call(request)
        given = client.send(replace(call, algo=self._algo, objection=lambda: self.objection(request)))
        try:
            many = given.get("order_ids") or given.get("gtt_order_ids")
            return [str(i) for i in many] if many else [str(given["order_id"])]
        except (KeyError, TypeError, AttributeError):
            raise Ambiguous(f"{request.ask}: taken, but the answer names no order: only the book can tell") from None

    def _call(self, request: OrderRequest) -> Call:
        if request.ask is Ask.PLACE:
            return Call("POST", "/v3/order/place", body=self._place_body(request))
        if request.ask is Ask.MODIFY:
            return Call("PUT", "/v3/order/modify", body=_modify_body(request))
        if request.ask is Ask.CANCEL:
            return Call("DELETE", "/v3/order/cancel", {"order_id": request.order_id})
        return Call("POST", "/v2/order/positions/exit", {"tag": request.tag})

    def _gtt_call(self, request: OrderRequest) -> Call:
        if request.ask is Ask.CANCEL:
            return Call("DELETE", "/v3/order/gtt/cancel", body={"gtt_order_id": request.order_id})
        terms = gtt_terms(request.qty, rules_of(request))
        body = gtt_body(self._key(request.symbol), Side(request.side), PRODUCT, terms)
        return Call("POST", "/v3/order/gtt/place", body=body)

    def _key(self, symbol: str) -> str:
        if symbol not in self._keys:
            raise Refused(f"{symbol} is not in today's watchlist: nothing was sent")
        return self._keys[symbol]

    def _place_body(self, request: OrderRequest) -> dict[str, Any]:
        return {
            "instrument_token": self._key(request.symbol),
            "quantity": request.qty,
            "product": PRODUCT,
            "validity": "DAY",
            "price": request.limit_paise / 100,
            "tag": request.tag,
            "order_type": request.order_type,
            "transaction_type": request.side,
            "disclosed_quantity": 0,
            "trigger_price": request.trigger_paise / 100,
            "is_amo": False,
        } | _protection(request)

    def _list(self, request: OrderRequest) -> list[BrokerReport]:
        if request.ask is Ask.FIND and request.order_type == GTT:
            book = self._listed(replace(request, ask=Ask.BOOK))
            return self._gtts(request, {report.order_id: report for report in book})
        found = self._listed(request)
        if request.ask is not Ask.BOOK or not self._has_gtts:
            return found
        legs = self._gtts(request, {report.order_id: report for report in found})
        named = {report.order_id for report in legs}
        return [*(report for report in found if report.order_id not in named), *legs]

    def _gtts(self, request: OrderRequest, orders: dict[str, BrokerReport]) -> list[BrokerReport]:
        """Read the GTTs: all of them, or (after a lost answer) those of a request's terms."""
        rows = self._api.get_data("/v3/order/gtt")
        try:
            mine = [row for row in rows if row.get("product") == PRODUCT]
            if request.ask is Ask.FIND:
                mine = [row for row in mine if is_meant(row, request, self._symbols)]
            return reports(mine, orders, request, self._symbols)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Ambiguous(f"{request.ask}: a row of the GTTs cannot be read: nothing was taken from it") from None

    def _listed(self, request: OrderRequest) -> list[BrokerReport]:
        query = {"tag": request.tag} if request.ask is Ask.FIND else None
        try:
            rows = self._api.get_data(_PATHS[request.ask], query)
        except Refused as error:
            if request.ask is Ask.FIND and NOT_FOUND in str(error):
                return []
            raise
        make = {Ask.TRADES: self._trade, Ask.POSITIONS: self._position}.get(request.ask, self._row)
        try:
            found = [make(row, request) for row in rows if row.get("product") == PRODUCT]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Ambiguous(f"{request.ask}: a row of the answer cannot be read: nothing was taken from it") from None
        if request.ask is Ask.FIND:
            # A history: the last row of each order is how it stands.
            found = list({report.order_id: report for report in found}.values())
        return found

    def _row(self, row: dict[str, Any], request: OrderRequest) -> BrokerReport:
        return order_row(row, self._symbols, request.ts, request.id)

    def _trade(self, row: dict[str, Any], request: OrderRequest) -> BrokerReport:
        return BrokerReport(
            request.ts, Answer.TRADE, request.id, str(row["order_id"]), "", self._symbols.get(str(row["instrument_token"]), ""),
            Side(row["transaction_type"]).value, qty=int(row["quantity"]), px_paise=_paise(row["average_price"]),
            trade_id=str(row["trade_id"]),
        )  # fmt: skip

    def _position(self, row: dict[str, Any], request: OrderRequest) -> BrokerReport:
        key = str(row["instrument_token"])
        if key in self._symbols:
            return BrokerReport(request.ts, Answer.POSITION, request.id, symbol=self._symbols[key], qty=int(row["quantity"]))
        name = str(row.get("trading_symbol") or row.get("tradingsymbol") or key)
        worth = _paise(row.get("last_price") or row.get("average_price") or 0) * float(row.get("multiplier") or 1)
        return BrokerReport(
            request.ts, Answer.POSITION, request.id, symbol=key, qty=int(row["quantity"]), px_paise=round(worth), name=name,
            pnl_paise=_paise(row.get("pnl") or 0),
        )  # fmt: skip


def order_row(row: dict[str, Any], symbols: dict[str, str], ts: int, request_id: str = "") -> BrokerReport:
    """Read an order as the book, its history or the portfolio stream shows it."""
    key = str(row.get("instrument_token") or row.get("instrument_key") or "")
    return BrokerReport(
        ts, Answer.ROW, request_id, str(row["order_id"]), str(row.get("tag") or ""), symbols.get(key, ""),
        Side(row["transaction_type"]).value, str(row["status"]), int(row["quantity"]), int(row["filled_quantity"]),
        _paise(row["average_price"]), _paise(row.get("trigger_price") or 0), "", str(row.get("status_message") or ""),
        str(row["order_type"]), _paise(row.get("price") or 0),
    )  # fmt: skip


_PATHS = {
    Ask.FIND: "/v2/order/history",
    Ask.BOOK: "/v2/order/retrieve-all",
    Ask.TRADES: "/v2/order/trades/get-trades-for-day",
    Ask.POSITIONS: "/v2/portfolio/short-term-positions",
}


def _modify_body(request: OrderRequest) -> dict[str, Any]:
    return {
        "order_id": request.order_id,
        "quantity": request.qty,
        "validity": "DAY",
        "price": request.limit_paise / 100,
        "order_type": request.order_type,
        "disclosed_quantity": 0,
        "trigger_price": request.trigger_paise / 100,
    } | _protection(request)


def _protection(request: OrderRequest) -> dict[str, Any]:
    return {"market_protection": AUTOMATIC} if request.order_type in PROTECTED else {}


def _paise(px: float | str) -> int:
    return round(float(px) * 100)
