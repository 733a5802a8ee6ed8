"""The simulator's examiner: the official SDK, pointed at it. What the SDK gets equals the simulator's own ledger."""

from __future__ import annotations

import queue
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3

from pipeline.core.session import ist_ms
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator

upstox = pytest.importorskip("upstox_client", reason="the official SDK is not installed: pip install the dev extra")

DATE = "2026-11-20"
KEYS = [item.key for item in DEFAULT_LISTINGS]
RELIANCE, TCS = KEYS[0], KEYS[1]
WAIT_S = 20


@pytest.fixture(scope="module")
def sim():
    """A day that stands still at about 09:21."""
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as running:
        running.advance(KEYS, ist_ms(DATE, "09:21"))
        yield running


def _configuration(sim, token):
    configuration = upstox.Configuration()
    configuration.host = configuration.order_host = sim.base
    configuration.access_token = token
    return configuration


@pytest.fixture(scope="module")
def token(sim):
    """Log in as a user would: dialog, redirect, exchange."""
    asked = {"response_type": "code", "client_id": "key", "redirect_uri": "http://127.0.0.1:9/cb", "state": "s-1"}
    reply = urllib3.request("GET", f"{sim.base}/v2/login/authorization/dialog", fields=asked, redirect=False, timeout=WAIT_S)
    answer = parse_qs(urlsplit(reply.headers["Location"]).query)
    assert answer["state"] == ["s-1"]
    api = upstox.LoginApi(upstox.ApiClient(_configuration(sim, "")))
    given = api.token(
        "2.0",
        code=answer["code"][0],
        client_id="key",
        client_secret="x",
        redirect_uri=asked["redirect_uri"],
        grant_type="authorization_code",
    )
    assert (given.user_id, given.user_type, given.is_active) == ("SIM001", "individual", True)
    return given.access_token


@pytest.fixture(scope="module")
def client(sim, token):
    return upstox.ApiClient(_configuration(sim, token))


def _iso(ts):
    from pipeline.simulator.answers import iso_time

    return iso_time(ts)


def test_profile(client):
    profile = upstox.UserApi(client).get_profile("2.0").data
    assert (profile.user_id, profile.broker, profile.is_active) == ("SIM001", "UPSTOX", True)


def test_wrong_token_is_refused(sim):
    bad = upstox.ApiClient(_configuration(sim, "nonsense"))
    with pytest.raises(upstox.rest.ApiException) as caught:
        upstox.UserApi(bad).get_profile("2.0")
    assert caught.value.status == 401
    assert b"UDAPI100050" in caught.value.body


def test_candles_of_the_day_equal_the_ledger(sim, client):
    own = sim.ledger()["candles"][RELIANCE]
    got = upstox.HistoryV3Api(client).get_intra_day_candle_data(RELIANCE, "minutes", "1").data.candles
    assert len(own) >= 5
    shown, told = list(reversed(got)), [[_iso(ts), o, h, low, c, v, 0] for ts, o, h, low, c, v in own]
    # The day goes on between the two questions, and a minute is served some seconds after its end: one may be there or not.
    both = min(len(shown), len(told))
    assert both >= len(told) - 1
    assert shown[:both] == told[:both]


def test_historical_candles_end_at_the_previous_close(sim, client):
    api = upstox.HistoryV3Api(client)
    minutes = api.get_historical_candle_data1(RELIANCE, "minutes", "1", "2026-11-19", "2026-11-18").data.candles
    fives = api.get_historical_candle_data1(RELIANCE, "minutes", "5", "2026-11-19", "2026-11-18").data.candles
    days = api.get_historical_candle_data1(RELIANCE, "days", "1", "2026-11-19", "2026-11-02").data.candles
    assert len(minutes) == 750
    assert minutes[0][0] == "2026-11-19T15:29:00+05:30"
    assert minutes[0][4] == days[0][4] == sim.ledger()["quotes"][RELIANCE]["cp"]
    assert len(fives) == 150
    assert sum(row[5] for row in fives) == sum(row[5] for row in minutes)
    with pytest.raises(upstox.rest.ApiException):
        api.get_historical_candle_data1(RELIANCE, "minutes", "1", "2026-11-19", "2026-06-01")


def test_quotes_equal_the_ledger(sim, client):
    api, own = upstox.MarketQuoteV3Api(client), sim.ledger()["quotes"]
    both = f"{RELIANCE},{TCS}"
    for row in api.get_ltp(instrument_key=both).data.values():
        mine = own[row.instrument_token]
        assert (row.last_price, row.ltq, row.volume, row.cp) == (mine["ltp"], mine["ltq"], mine["vtt"], mine["cp"])
    for row in api.get_market_quote_ohlc("1d", instrument_key=both).data.values():
        live, mine = row.live_ohlc, own[row.instrument_token]["day"]
        assert [live.ts, live.open, live.high, live.low, live.close, live.volume] == mine
    for row in api.get_full_market_quote_v3(instrument_key=both).data.values():
        mine = own[row.instrument_token]
        assert (row.last_price, row.average_price, row.total_buy_quantity, row.last_trade_time) == (
            mine["ltp"],
            mine["atp"],
            mine["tbq"],
            str(mine["ltt"]),
        )
        assert [(level.price, level.quantity) for level in row.depth.buy] == list(zip(mine["bid_px"], mine["bid_qty"], strict=True))
        assert [(level.price, level.quantity) for level in row.depth.sell] == list(zip(mine["ask_px"], mine["ask_qty"], strict=True))
    full = upstox.MarketQuoteApi(client).get_full_market_quote(both, "2.0").data
    assert full["NSE_EQ:RELIANCE"].last_price == own[RELIANCE]["ltp"]
    assert api.get_market_quote_option_greek(instrument_key=RELIANCE).data["NSE_EQ:RELIANCE"].last_price == own[RELIANCE]["ltp"]


def test_market_status_holidays_timings(client):
    api = upstox.MarketHolidaysAndTimingsApi(client)
    assert api.get_market_status("NSE").data.status == "NORMAL_OPEN"
    timings = {row.exchange: (row.start_time, row.end_time) for row in api.get_exchange_timings(DATE).data}
    assert timings["NSE"] == (ist_ms(DATE, "09:15"), ist_ms(DATE, "15:30"))
    assert timings["NFO"] == (ist_ms(DATE, "09:15"), ist_ms(DATE, "15:40"))
    assert api.get_exchange_timings("2026-11-21").data == []
    assert any(row.holiday_type == "TRADING_HOLIDAY" for row in api.get_holidays().data)


def _order(key, side, kind, qty, px, tag):
    return upstox.PlaceOrderV3Request(
        quantity=qty, product="I", validity="DAY", price=px, tag=tag, instrument_token=key, order_type=kind,
        transaction_type=side, disclosed_quantity=0, trigger_price=0.0, is_amo=False, slice=False,
    )  # fmt: skip


def test_orders_positions_and_funds_equal_the_ledger(sim, client):
    orders, book_api = upstox.OrderApiV3(client), upstox.OrderApi(client)
    ask = sim.ledger()["quotes"][RELIANCE]["ask_px"][0]
    filled = orders.place_order(_order(RELIANCE, "BUY", "LIMIT", 1, ask, "t-fill")).data.order_ids[0]
    low = round(sim.ledger()["quotes"][TCS]["bid_px"][4] * 0.98 * 10) / 10
    resting = orders.place_order(_order(TCS, "BUY", "LIMIT", 5, low, "t-rest")).data.order_ids[0]
    changed = upstox.ModifyOrderRequest(
        order_id=resting, quantity=7, validity="DAY", price=round(low - 1, 1), order_type="LIMIT", disclosed_quantity=0, trigger_price=0.0
    )
    assert orders.modify_order(changed).data.order_id == resting
    assert book_api.get_order_status(order_id=resting).data.quantity == 7
    assert orders.cancel_order(resting).data.order_id == resting
    with pytest.raises(upstox.rest.ApiException) as caught:
        orders.cancel_order(resting)
    assert b"UDAPI100040" in caught.value.body

    ledger = sim.ledger()
    book = {row.order_id: row for row in book_api.get_order_book("2.0").data}
    for row in ledger["orders"]:
        names = ("status", "quantity", "price", "tag", "filled_quantity", "average_price", "pending_quantity", "instrument_token")
        assert {n: getattr(book[row["order_id"]], n) for n in names} == {n: row[n] for n in names}
    assert (book[filled].status, book[resting].status) == ("complete", "cancelled")
    steps = [row.status for row in book_api.get_order_details("2.0", order_id=filled).data]
    assert steps[:3] == ["put order req received", "validation pending", "open pending"]
    assert steps[-1] == "complete"
    assert {row.order_id for row in book_api.get_order_details("2.0", tag="t-rest").data} == {resting}

    trades = book_api.get_trade_history("2.0").data
    assert [(t.trade_id, t.order_id, t.quantity, t.average_price) for t in trades] == [
        (t["trade_id"], t["order_id"], t["quantity"], t["average_price"]) for t in ledger["trades"]
    ]
    assert [t.trade_id for t in book_api.get_trades_by_order(filled, "2.0").data] == [f"{filled}-1"]
    portfolio = upstox.PortfolioApi(client)
    position = portfolio.get_positions("2.0").data[0]
    assert (position.instrument_token, position.quantity, position.average_price) == (RELIANCE, 1, ask)
    assert portfolio.get_holdings("2.0").data == []
    funds = upstox.UserApi(client).get_user_fund_margin("2.0").data
    assert funds["equity"].used_margin == round(ask / 5, 2)
    assert upstox.UserApi(client).get_user_fund_margin_v3().data.available_to_trade.total == 1_000_000.0 - round(ask / 5, 2)


def test_gtt_multi_charges_and_switches(sim, client):
    orders = upstox.OrderApiV3(client)
    rules = [upstox.GttRule(strategy="ENTRY", trigger_type="BELOW", trigger_price=1200.0)]
    body = upstox.GttPlaceOrderRequest(
        type="SINGLE", quantity=1, product="D", rules=rules, instrument_token=RELIANCE, transaction_type="BUY"
    )
    gtt = orders.place_gtt_order(body).data.gtt_order_ids[0]
    listed = orders.get_gtt_order_details(gtt_order_id=gtt).data[0]
    assert (listed.gtt_order_id, listed.rules[0].status, listed.rules[0].trigger_price) == (gtt, "SCHEDULED", 1200.0)
    orders.cancel_gtt_order(upstox.GttCancelOrderRequest(gtt_order_id=gtt))
    lines = [
        upstox.MultiOrderRequest(
            quantity=1, product="I", validity="DAY", price=900.0, tag="m", instrument_token=KEYS[2], order_type="LIMIT",
            transaction_type="BUY", disclosed_quantity=0, trigger_price=0.0, is_amo=False, slice=False, correlation_id=f"c{n}",
        )
        for n in range(2)
    ]  # fmt: skip
    placed = upstox.OrderApi(client).place_multi_order(lines)
    assert (placed.summary.total, placed.summary.success, [row.correlation_id for row in placed.data]) == (2, 2, ["c0", "c1"])
    cancelled = upstox.OrderApi(client).cancel_multi_order(tag="m")
    assert sorted(cancelled.data.order_ids) == sorted(row.order_id for row in placed.data)
    charges = upstox.ChargeApi(client).get_brokerage(RELIANCE, 100, "I", "SELL", 505.0, "2.0").data.charges
    assert charges.taxes.stt == pytest.approx(12.625)
    margin = upstox.ChargeApi(client).post_margin(
        upstox.MarginRequest([upstox.Instrument(instrument_key=RELIANCE, quantity=10, product="I", transaction_type="BUY", price=1000.0)])
    )
    assert margin.data.required_margin == 2000.0
    assert len(upstox.UserApi(client).get_kill_switch().data) == 8
    assert upstox.UserApi(client).get_user_ips().data.primary_ip == "127.0.0.1"


class _MarketStreamer(upstox.MarketDataStreamerV3):
    """The SDK's own streamer; only the address, which it has hard-coded, is ours."""


def _local(monkeypatch, sim):
    """Send the SDK's sockets to the simulator: it builds wss://api.upstox.com addresses itself."""
    import websocket

    real = websocket.WebSocketApp

    def local(url, **kwargs):
        return real(url.replace("wss://api.upstox.com", sim.base.replace("http", "ws")), **kwargs)

    monkeypatch.setattr("websocket.WebSocketApp", local)


def test_market_streamer(monkeypatch, client):
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-09:16")) as own:
        _local(monkeypatch, own)
        streamer = _MarketStreamer(upstox.ApiClient(_configuration(own, own.token)), [RELIANCE], "full")
        got, closed = [], threading.Event()
        streamer.on("message", got.append)
        streamer.on("close", lambda *_: closed.set())
        streamer.connect()
        assert closed.wait(WAIT_S)
        quote = own.ledger()["quotes"][RELIANCE]
    assert [m.get("type", "initial_feed") for m in got[:2]] == ["market_info", "initial_feed"]
    assert got[-1]["marketInfo"]["segmentStatus"]["NSE_EQ"] == "CLOSING_END"
    last = [m for m in got if RELIANCE in m.get("feeds", {})][-1]["feeds"][RELIANCE]["fullFeed"]["marketFF"]
    assert last["ltpc"] == {"ltp": quote["ltp"], "ltt": str(quote["ltt"]), "ltq": str(quote["ltq"]), "cp": quote["cp"]}
    assert [level["bidP"] for level in last["marketLevel"]["bidAskQuote"]] == quote["bid_px"]
    assert int(last["vtt"]) == quote["vtt"]


def test_portfolio_streamer(monkeypatch, sim, client):
    _local(monkeypatch, sim)
    streamer = upstox.PortfolioDataStreamer(client, order_update=True)
    got: queue.Queue = queue.Queue()
    opened = threading.Event()
    streamer.on("open", opened.set)
    streamer.on("message", got.put)
    streamer.connect()
    assert opened.wait(WAIT_S)
    try:
        order_id = upstox.OrderApiV3(client).place_order(_order(TCS, "BUY", "LIMIT", 3, 2900.0, "t-push")).data.order_ids[0]
        import json

        seen = []
        while not seen or seen[-1]["status"] not in ("open", "rejected"):
            seen.append(json.loads(got.get(timeout=WAIT_S)))
        upstox.OrderApiV3(client).cancel_order(order_id)
    finally:
        streamer.disconnect()
    assert {row["update_type"] for row in seen} == {"order"}
    own = next(rows for name, rows in sim.ledger()["order_history"].items() if name == order_id)
    assert [(row["status"], row["pending_quantity"], row["tag"]) for row in seen] == [
        (row["status"], row["pending_quantity"], row["tag"]) for row in own[: len(seen)]
    ]
