import json

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pipeline.simulator.listing import DEFAULT_LISTINGS
from pipeline.simulator.portfolio import net_positions

KEY = DEFAULT_LISTINGS[3].key


def test_net_is_the_signed_sum():
    trade = {"instrument_token": "k", "product": "I", "quantity": 3, "transaction_type": "BUY"}
    assert net_positions([trade, trade | {"transaction_type": "SELL", "quantity": 5}]) == {("k", "I"): -2}


def place(sim, side, qty, px):
    order = {"instrument_token": KEY, "quantity": qty, "product": "I", "validity": "DAY", "price": px, "order_type": "LIMIT"}
    return sim.call("POST", "/v3/order/place", {**order, "transaction_type": side, "trigger_price": 0, "disclosed_quantity": 0})[1]["data"][
        "order_ids"
    ][0]


def test_positions_and_events(still):
    address = still.get("/v2/feed/portfolio-stream-feed/authorize?update_types=order%2Cgtt_order")["data"]["authorized_redirect_uri"]
    quote = still.ledger()["quotes"][KEY]
    with connect(address) as socket:
        order_id = place(still, "BUY", 1, quote["ask_px"][0])
        seen = []
        while not seen or seen[-1]["status"] != "complete":
            seen.append(json.loads(socket.recv(timeout=10)))
        rule = {"strategy": "ENTRY", "trigger_type": "ABOVE", "trigger_price": 1.0}
        gtt = {"type": "SINGLE", "quantity": 1, "product": "I", "instrument_token": KEY, "transaction_type": "BUY", "rules": [rule]}
        still.call("POST", "/v3/order/gtt/place", gtt)
        assert json.loads(socket.recv(timeout=10))["update_type"] == "gtt_order"
    assert {(row["update_type"], row["order_id"]) for row in seen} == {("order", order_id)}
    assert seen[-1]["instrument_key"] == KEY
    place(still, "SELL", 1, quote["bid_px"][0])
    row = next(r for r in still.get("/v2/portfolio/short-term-positions")["data"] if r["instrument_token"] == KEY)
    assert (row["quantity"], row["realised"]) == (0, round(quote["bid_px"][0] - quote["ask_px"][0], 2))
    assert still.get("/v2/portfolio/long-term-holdings")["data"] == []
    assert still.get("/v3/portfolio/mtf-positions")["data"] == []


def test_a_used_code_is_refused(still):
    address = still.get("/v2/feed/portfolio-stream-feed/authorize")["data"]["authorized_redirect_uri"]
    with connect(address), pytest.raises(InvalidStatus):
        connect(address).__enter__()
    direct = still.base.replace("http", "ws") + "/v2/feed/portfolio-stream-feed?update_types=order"
    with connect(direct, additional_headers={"Authorization": f"Bearer {still.token}"}):
        pass
