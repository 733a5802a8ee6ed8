"""Upstox beside the order path: several orders at once, GTT, funds, margin, brokerage, the kill switch, the static IP.

Reads   plain values; paise for money, symbols' instrument keys
Writes  what stands under ``data`` of the answer, untouched but for the one figure that is asked for

Errors are those of the rest client: reading may be repeated, a change that is Ambiguous may have been done.
"""

from __future__ import annotations

from typing import Any

from pipeline.broker.rest import Call, RestClient
from pipeline.broker.upstox import PRODUCT
from pipeline.broker.upstox_gtt import GttRule, gtt_body, gtt_terms
from pipeline.core.errors import Ambiguous, Refused
from pipeline.core.types import Side
from pipeline.engine.reconcile import is_over

NO_OPEN_ORDERS, NO_POSITIONS = "UDAPI1109", "UDAPI1111"
GTT_OVER = frozenset({"FAILED", "CANCELLED", "EXPIRED", "COMPLETED", "INACTIVE"})

Row = dict[str, Any]


class UpstoxAccount:
    """What one account can be asked and told, beside single orders."""

    def __init__(self, api: RestClient) -> None:
        self._api = api

    def funds_paise(self) -> int:
        """Give what is available to trade."""
        given = self._api.get_data("/v3/user/get-funds-and-margin")
        try:
            return round(float(given["available_to_trade"]["total"]) * 100)
        except (KeyError, TypeError, ValueError):
            raise Refused("funds: the answer does not say what is available to trade: look at the broker's own page") from None

    def margin_paise(self, key: str, side: Side, qty: int, px_paise: int) -> int:
        """Ask what an order would bind."""
        line = {"instrument_key": key, "quantity": qty, "product": PRODUCT, "transaction_type": side.value, "price": px_paise / 100}
        given = self._api.send(Call("POST", "/v2/charges/margin", body={"instruments": [line]}))
        return round(float(given["required_margin"]) * 100)

    def charges_paise(self, key: str, side: Side, qty: int, px_paise: int) -> float:
        """Ask the broker what an order costs: the best judge of our own rates."""
        query = {"instrument_token": key, "quantity": str(qty), "product": PRODUCT, "transaction_type": side.value}
        query["price"] = str(px_paise / 100)
        given = self._api.get_data("/v2/charges/brokerage", query)
        return float(given["charges"]["total"]) * 100

    def cancel_tagged(self, tag: str) -> list[str]:
        """Cancel up to ten open orders of one tag; give their ids."""
        given = self._api.send(Call("DELETE", "/v2/order/multi/cancel", {"tag": tag}))
        return [str(i) for i in given["order_ids"]]

    def cancel_open(self) -> int:
        """Cancel up to ten open orders, whosever they are; give how many."""
        try:
            given = self._api.send(Call("DELETE", "/v2/order/multi/cancel"))
        except Refused as error:
            if NO_OPEN_ORDERS in str(error):
                return 0
            raise
        return len(given["order_ids"])

    def exit_open(self) -> int:
        """Send orders at market that close up to ten positions, whosever they are; give how many."""
        try:
            given = self._api.send(Call("POST", "/v2/order/positions/exit"))
        except Refused as error:
            if NO_POSITIONS in str(error):
                return 0
            raise
        return len(given["order_ids"])

    def working(self) -> list[Row]:
        """Give the orders on the book that may still fill."""
        return [row for row in _rows(self._api.get_data("/v2/order/retrieve-all")) if not is_over(str(row["status"]))]

    def held(self) -> list[Row]:
        """Give the positions that are not zero."""
        return [row for row in _rows(self._api.get_data("/v2/portfolio/short-term-positions")) if int(row["quantity"]) != 0]

    def waiting_gtts(self) -> list[str]:
        """Give the ids of GTTs that may still place an order."""
        rows = _rows(self._api.get_data("/v3/order/gtt"))
        return [str(row["gtt_order_id"]) for row in rows if any(rule["status"] not in GTT_OVER for rule in row["rules"])]

    def place_gtt(self, key: str, side: Side, qty: int, rules: tuple[GttRule, ...]) -> str:
        """Leave an entry with its exits at the broker's server; give its id."""
        return self._gtt_id(Call("POST", "/v3/order/gtt/place", body=gtt_body(key, side, PRODUCT, gtt_terms(qty, rules))))

    def modify_gtt(self, gtt_id: str, qty: int, rules: tuple[GttRule, ...]) -> str:
        """Change it to absolute values."""
        return self._gtt_id(Call("PUT", "/v3/order/gtt/modify", body={"gtt_order_id": gtt_id} | gtt_terms(qty, rules)))

    def cancel_gtt(self, gtt_id: str) -> str:
        return self._gtt_id(Call("DELETE", "/v3/order/gtt/cancel", body={"gtt_order_id": gtt_id}))

    def gtt(self, gtt_id: str) -> dict[str, Any]:
        """Give one GTT as the broker shows it."""
        rows = self._api.get_data("/v3/order/gtt", {"gtt_order_id": gtt_id})
        if not rows:
            raise Refused(f"GTT {gtt_id} is not known to the broker: look at its own page")
        return dict(rows[0])

    def is_killed(self, segment: str) -> bool:
        """Tell whether the broker's own kill switch is on for a segment."""
        return any(row["segment"] == segment and row["kill_switch_enabled"] for row in self._api.get_data("/v2/user/kill-switch"))

    def kill(self, segment: str) -> None:
        """Switch a segment off for twelve hours. It cancels pending orders, needs a flat book, and cannot be taken back.

        Raises:
            Refused: positions are open in the segment: exit them first.
        """
        self._api.send(Call("POST", "/v2/user/kill-switch", body=[{"segment": segment, "action": "DISABLE"}]))

    def static_ips(self) -> tuple[str, str]:
        """Give the registered addresses, primary and secondary; empty where there is none."""
        given = self._api.get_data("/v2/user/ip")
        if not isinstance(given, dict):
            raise Refused("registered addresses: the answer cannot be read: look at the broker's own page")
        return str(given.get("primary_ip") or ""), str(given.get("secondary_ip") or "")

    def _gtt_id(self, call: Call) -> str:
        return str(self._api.send(call)["gtt_order_ids"][0])


def _rows(given: Any) -> list[Row]:
    """Take a listing whole, or not at all."""
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise Ambiguous("the listing cannot be read: nothing was taken from it")
    return given
