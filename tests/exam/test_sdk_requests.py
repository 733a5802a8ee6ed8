"""The official SDK and our client say the same to the broker: equal method, path, query and body for equal calls, as the simulator received them.

Exceptions, all of them: the SDK's ``Api-Version`` header and its own ``User-Agent``, and the empty object that it sends as the body of a
change that has none (cancel, exit).
"""

from __future__ import annotations

import json

import pytest

from pipeline.broker.rest import RestClient, RestConfig
from pipeline.broker.upstox import UpstoxBroker
from pipeline.broker.upstox_account import UpstoxAccount
from pipeline.broker.upstox_gtt import GttRule
from pipeline.core.broker import Ask, OrderRequest
from pipeline.core.errors import Refused
from pipeline.core.session import ist_ms
from pipeline.core.types import Instrument, Side
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator

upstox = pytest.importorskip("upstox_client", reason="the official SDK is not installed: pip install the dev extra")

DATE = "2026-11-20"
PAPERS = tuple(Instrument(n, i.symbol, i.key, i.name, 10, 1, 100_000, i.is_cas) for n, i in enumerate(DEFAULT_LISTINGS))
KEY, SYMBOL = PAPERS[0].instrument_key, PAPERS[0].symbol


@pytest.fixture(scope="module")
def sides():
    """Our two clients, the SDK's, and a look at what the simulator received last."""
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as sim:
        sim.advance([p.instrument_key for p in PAPERS], ist_ms(DATE, "09:21"))
        configuration = upstox.Configuration()
        configuration.host = configuration.order_host = sim.base
        configuration.access_token = sim.token
        rest = RestClient(RestConfig(sim.base), lambda: sim.token)

        def received():
            note = [r for r in sim.ledger()["requests"] if not r["path"].startswith("/_")][-1]
            body = json.loads(note["body"]) if note["body"] else None
            return note["method"], note["path"], note["query"], body or None

        yield UpstoxBroker(rest, rest, PAPERS), UpstoxAccount(rest), upstox.ApiClient(configuration), received


def place_body(**changes):
    fields = {
        "quantity": 3, "product": "I", "validity": "DAY", "price": 1200.5, "tag": "tt-x", "instrument_token": KEY, "order_type": "LIMIT",
        "transaction_type": "BUY", "disclosed_quantity": 0, "trigger_price": 0.0, "is_amo": False,
    }  # fmt: skip
    return upstox.PlaceOrderV3Request(**fields | changes)


def request(ask, **fields):
    base = {"symbol": SYMBOL, "side": "BUY", "order_type": "LIMIT", "qty": 3, "limit_paise": 1200_50, "tag": "tt-x", "order_id": "7"}
    return OrderRequest(1, "q", ask, **base | fields)


def v3(api):
    return upstox.OrderApiV3(api)


CALLS = {
    "place": (request(Ask.PLACE), lambda api: v3(api).place_order(place_body())),
    "place a stop": (
        request(Ask.PLACE, side="SELL", order_type="SL-M", limit_paise=0, trigger_paise=1100_00),
        lambda api: v3(api).place_order(
            place_body(transaction_type="SELL", order_type="SL-M", price=0.0, trigger_price=1100.0, market_protection=-1)
        ),
    ),
    "modify": (
        request(Ask.MODIFY, qty=5),
        lambda api: v3(api).modify_order(
            upstox.ModifyOrderRequest(
                order_id="7", quantity=5, validity="DAY", price=1200.5, order_type="LIMIT", disclosed_quantity=0, trigger_price=0.0
            )
        ),
    ),
    "cancel": (request(Ask.CANCEL), lambda api: v3(api).cancel_order("7")),
    "find": (request(Ask.FIND), lambda api: upstox.OrderApi(api).get_order_details("2.0", tag="tt-x")),
    "book": (request(Ask.BOOK), lambda api: upstox.OrderApi(api).get_order_book("2.0")),
    "trades": (request(Ask.TRADES), lambda api: upstox.OrderApi(api).get_trade_history("2.0")),
    "positions": (request(Ask.POSITIONS), lambda api: upstox.PortfolioApi(api).get_positions("2.0")),
    "exit": (request(Ask.EXIT_ALL), lambda api: upstox.OrderApi(api).exit_positions(tag="tt-x")),
}
RULES = (GttRule("ENTRY", "BELOW", 1200_00), GttRule("STOPLOSS", "IMMEDIATE", 1180_00, 20_00))


def sdk_rules():
    return [
        upstox.GttRule(strategy="ENTRY", trigger_type="BELOW", trigger_price=1200.0),
        upstox.GttRule(strategy="STOPLOSS", trigger_type="IMMEDIATE", trigger_price=1180.0, trailing_gap=20.0),
    ]


ACCOUNT = {
    "gtt": (
        lambda account: account.place_gtt(KEY, Side.BUY, 3, RULES),
        lambda api: v3(api).place_gtt_order(
            upstox.GttPlaceOrderRequest(
                type="MULTIPLE", quantity=3, product="I", rules=sdk_rules(), instrument_token=KEY, transaction_type="BUY"
            )
        ),
    ),
    "gtt list": (
        lambda account: account.gtt("GTT-C26112000000001"),
        lambda api: v3(api).get_gtt_order_details(gtt_order_id="GTT-C26112000000001"),
    ),
    "funds": (lambda account: account.funds_paise(), lambda api: upstox.UserApi(api).get_user_fund_margin_v3()),
    "switch": (lambda account: account.is_killed("NSE_EQ"), lambda api: upstox.UserApi(api).get_kill_switch()),
    "ips": (lambda account: account.static_ips(), lambda api: upstox.UserApi(api).get_user_ips()),
    "charges": (
        lambda account: account.charges_paise(KEY, Side.SELL, 100, 505_00),
        lambda api: upstox.ChargeApi(api).get_brokerage(KEY, 100, "I", "SELL", 505.0, "2.0"),
    ),
    "margin": (
        lambda account: account.margin_paise(KEY, Side.BUY, 10, 1000_00),
        lambda api: upstox.ChargeApi(api).post_margin(
            upstox.MarginRequest([upstox.Instrument(instrument_key=KEY, quantity=10, product="I", transaction_type="BUY", price=1000.0)])
        ),
    ),
}


def _quietly(call):
    """What the simulator thinks of the call is not the matter here."""
    try:
        call()
    except (upstox.rest.ApiException, Refused):
        return


@pytest.mark.parametrize("name", list(CALLS))
def test_equal_calls_make_equal_requests(sides, name):
    broker, _, api, received = sides
    ours, theirs = CALLS[name]
    broker.perform(ours)
    mine = received()
    _quietly(lambda: theirs(api))
    assert mine == received()


@pytest.mark.parametrize("name", list(ACCOUNT))
def test_the_account_says_the_same_too(sides, name):
    _, account, api, received = sides
    ours, theirs = ACCOUNT[name]
    _quietly(lambda: ours(account))
    mine = received()
    _quietly(lambda: theirs(api))
    assert mine == received()


def test_what_the_account_reads(sides):
    _, account, _, _ = sides
    gtt = account.place_gtt(KEY, Side.BUY, 2, RULES)
    assert [rule["trigger_price"] for rule in account.gtt(gtt)["rules"]] == [1200.0, 1180.0]
    assert account.modify_gtt(gtt, 4, RULES) == gtt
    assert account.gtt(gtt)["quantity"] == 4
    assert account.cancel_gtt(gtt) == gtt
    assert account.funds_paise() > 0
    assert account.charges_paise(KEY, Side.SELL, 100, 505_00) == pytest.approx(account.charges_paise(KEY, Side.SELL, 100, 505_00))
    assert account.margin_paise(KEY, Side.BUY, 10, 1000_00) == 2000_00
    assert account.static_ips() == ("127.0.0.1", "")
    assert not account.is_killed("NSE_FO")
    account.kill("NSE_FO")
    assert account.is_killed("NSE_FO")
