import pytest

from pipeline.core.session import ist_ms
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator

DATE = "2026-11-20"
KEYS = [item.key for item in DEFAULT_LISTINGS]


@pytest.fixture(scope="module")
def sim():
    with live_simulator(SimulatorConfig(date=DATE, session="09:15-10:00", hold=True)) as running:
        running.advance(KEYS, ist_ms(DATE, "09:17"))
        yield running


def body(sim, **changes):
    ask = sim.ledger()["quotes"][KEYS[0]]["ask_px"][0]
    return {
        "instrument_token": KEYS[0], "quantity": 1, "product": "I", "validity": "DAY", "price": ask, "order_type": "LIMIT",
        "transaction_type": "BUY", "disclosed_quantity": 0, "trigger_price": 0, "is_amo": False, "tag": "t", "slice": False,
    } | changes  # fmt: skip


def test_place_fill_and_read_back(sim):
    status, reply = sim.call("POST", "/v3/order/place", body(sim, tag="a"))
    order_id = reply["data"]["order_ids"][0]
    assert (status, reply["metadata"]["latency"] >= 0) == (200, True)
    assert sim.get(f"/v2/order/details?order_id={order_id}")["data"]["status"] == "complete"
    history = sim.get("/v2/order/history?tag=a")["data"]
    assert {row["order_id"] for row in history} == {order_id}
    assert "pending_quantity" not in history[0]
    trades = sim.get(f"/v2/order/trades?order_id={order_id}")["data"]
    assert [t["trade_id"] for t in trades] == [f"{order_id}-1"]
    assert trades[0] in sim.get("/v2/order/trades/get-trades-for-day")["data"]
    assert any(row["order_id"] == order_id for row in sim.get("/v2/order/retrieve-all")["data"])


def test_modify_and_cancel(sim):
    low = body(sim, price=1300.0, instrument_token=KEYS[0])
    order_id = sim.call("POST", "/v3/order/place", low)[1]["data"]["order_ids"][0]
    changed = {"order_id": order_id, "quantity": 4, "price": 1301.0, "order_type": "LIMIT", "validity": "DAY", "trigger_price": 0}
    assert sim.call("PUT", "/v3/order/modify", changed)[1]["data"]["order_id"] == order_id
    assert sim.get(f"/v2/order/details?order_id={order_id}")["data"]["quantity"] == 4
    assert sim.call("DELETE", f"/v3/order/cancel?order_id={order_id}")[0] == 200
    status, reply = sim.call("DELETE", f"/v3/order/cancel?order_id={order_id}")
    assert (status, reply["errors"][0]["errorCode"]) == (400, "UDAPI100040")


def test_an_open_order_fills_as_the_market_plays_on(sim):
    quote = sim.ledger()["quotes"][KEYS[1]]
    order = body(sim, instrument_token=KEYS[1], price=quote["bid_px"][1], tag="rest", quantity=1)
    order_id = sim.call("POST", "/v3/order/place", order)[1]["data"]["order_ids"][0]
    sim.advance(KEYS, ist_ms(DATE, "09:29"))
    row = sim.get(f"/v2/order/details?order_id={order_id}")["data"]
    assert row["status"] in ("open", "complete")
    assert row["filled_quantity"] == 0 or row["average_price"] <= quote["bid_px"][1]


@pytest.mark.parametrize(("payload", "code"), [(None, "UDAPI100038"), ([], "UDAPI100038"), ({}, "UDAPI1026")])
def test_bad_bodies(sim, payload, code):
    status, reply = sim.call("POST", "/v3/order/place", payload)
    assert (status, reply["errors"][0]["error_code"]) == (400, code)


def test_history_needs_a_key(sim):
    assert sim.call("GET", "/v2/order/history")[1]["errors"][0]["error_code"] == "UDAPI1003"
    assert sim.get("/v2/order/history?tag=never")["data"] == []


def test_several_at_once(sim):
    lines = [body(sim, correlation_id=f"c{n}", price=1300.0, tag="many") for n in range(2)]
    status, reply = sim.call("POST", "/v2/order/multi/place", lines)
    assert (status, reply["summary"]) == (200, {"total": 2, "success": 2, "error": 0, "payload_error": 0})
    done = sim.call("DELETE", "/v2/order/multi/cancel?tag=many&segment=NSE_EQ")[1]
    assert sorted(done["data"]["order_ids"]) == sorted(row["order_id"] for row in reply["data"])
    assert sim.call("DELETE", "/v2/order/multi/cancel?tag=many")[0] == 400
    status, reply = sim.call("POST", "/v2/order/multi/place", [lines[0], lines[1] | {"quantity": 0}])
    assert (status, reply["errors"][0]["error_code"], reply["summary"]["payload_error"]) == (400, "UDAPI1052", 1)
    status, reply = sim.call("POST", "/v2/order/multi/place", [lines[0], lines[1] | {"quantity": 9_000_000, "slice": True}])
    assert (status, reply["status"], reply["errors"][0]["correlation_id"]) == (207, "partial_success", "c1")
    for bad, code in (([], "UDAPI1114"), (lines * 6, "UDAPI1118"), ([lines[0]] * 2, "UDAPI1117"), ([body(sim)], "UDAPI1115")):
        assert sim.call("POST", "/v2/order/multi/place", bad)[1]["errors"][0]["error_code"] == code
    sim.call("DELETE", "/v2/order/multi/cancel?tag=many")


def test_exit_all(sim):
    sim.call("POST", "/v3/order/place", body(sim, tag="x", quantity=1))
    exited = sim.call("POST", "/v2/order/positions/exit")[1]["data"]["order_ids"]
    assert len(exited) >= 1
    net = [row["quantity"] for row in sim.get("/v2/portfolio/short-term-positions")["data"] if row["instrument_token"] == KEYS[0]]
    assert net == [0]
    assert sim.call("POST", "/v2/order/positions/exit?segment=NSE_FO")[1]["errors"][0]["error_code"] == "UDAPI1111"
