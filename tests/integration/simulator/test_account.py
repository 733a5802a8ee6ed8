import pytest

from pipeline.core.session import ist_ms
from pipeline.simulator.config import SimulatorConfig
from pipeline.simulator.listing import DEFAULT_LISTINGS
from tests.fakes.live_simulator import live_simulator

KEY = DEFAULT_LISTINGS[0].key
CODED = KEY.replace("|", "%7C")


def brokerage(still, side, px, product="I"):
    return still.get(f"/v2/charges/brokerage?instrument_token={CODED}&quantity=100&product={product}&transaction_type={side}&price={px}")[
        "data"
    ]["charges"]


def test_charges_of_a_round_trip_are_the_published_figure(still):
    buy, sell = brokerage(still, "BUY", 500), brokerage(still, "SELL", 505)
    assert buy["total"] + sell["total"] == pytest.approx(65.0843, abs=2e-4)
    assert (buy["taxes"]["stt"], sell["taxes"]["stamp_duty"]) == (0.0, 0.0)
    delivery = brokerage(still, "BUY", 500, "D")
    assert (delivery["brokerage"], delivery["taxes"]["stt"], delivery["taxes"]["stamp_duty"]) == (20.0, 50.0, 7.5)


def test_bad_charge_questions(still):
    base = f"/v2/charges/brokerage?instrument_token={CODED}"
    for rest in ("", "&quantity=x&price=1", "&quantity=1&price=1&product=Z&transaction_type=BUY"):
        assert still.call("GET", base + rest)[0] == 400


def test_margin(still):
    lines = [{"instrument_key": KEY, "quantity": 10, "product": p, "transaction_type": "BUY", "price": 1000.0} for p in ("I", "D")]
    got = still.call("POST", "/v2/charges/margin", {"instruments": lines})[1]["data"]
    assert ([m["total_margin"] for m in got["margins"]], got["required_margin"]) == ([2000.0, 10_000.0], 12_000.0)
    assert still.call("POST", "/v2/charges/margin", {"instruments": lines * 11})[1]["errors"][0]["error_code"] == "UDAPI1102"
    assert still.call("POST", "/v2/charges/margin", {})[0] == 400


def test_funds_by_segment(still):
    both = still.get("/v2/user/get-funds-and-margin")["data"]
    assert sorted(both) == ["commodity", "equity"]
    assert list(still.get("/v2/user/get-funds-and-margin?segment=SEC")["data"]) == ["equity"]
    assert list(still.get("/v2/user/get-funds-and-margin?segment=COM")["data"]) == ["commodity"]
    three = still.get("/v3/user/get-funds-and-margin")["data"]
    assert three["available_to_trade"]["total"] == both["equity"]["available_margin"]


def test_the_kill_switch_needs_a_flat_segment():
    with live_simulator(SimulatorConfig(session="09:15-09:20", hold=True)) as sim:
        sim.advance([KEY], ist_ms("2026-11-20", "09:16"))
        order = {
            "instrument_token": KEY,
            "quantity": 1,
            "product": "I",
            "validity": "DAY",
            "price": 1300.0,
            "order_type": "LIMIT",
            "transaction_type": "BUY",
        }
        resting = sim.call("POST", "/v3/order/place", order)[1]["data"]["order_ids"][0]
        used = sim.get("/v2/user/get-funds-and-margin")["data"]["equity"]["used_margin"]
        assert used == 260.0
        off = [{"segment": "NSE_EQ", "action": "DISABLE"}]
        assert sim.call("POST", "/v2/user/kill-switch", off)[0] == 200
        assert sim.get(f"/v2/order/details?order_id={resting}")["data"]["status"] == "cancelled"
        states = {row["segment"]: row["kill_switch_enabled"] for row in sim.get("/v2/user/kill-switch")["data"]}
        assert states["NSE_EQ"] is True
        filled = order | {"price": sim.ledger()["quotes"][KEY]["ask_px"][0]}
        sim.call("POST", "/v3/order/place", filled)
        assert sim.call("POST", "/v2/user/kill-switch", off)[1]["errors"][0]["error_code"] == "UDAPI1184"
        assert (
            sim.call("POST", "/v2/user/kill-switch", [{"segment": "X", "action": "DISABLE"}])[1]["errors"][0]["error_code"] == "UDAPI1186"
        )
        assert sim.call("POST", "/v2/user/kill-switch", [{"segment": "NSE_EQ", "action": "X"}])[1]["errors"][0]["error_code"] == "UDAPI1188"
    assert DEFAULT_LISTINGS[0].key == KEY


def test_static_ip(still):
    assert still.get("/v2/user/ip")["data"]["primary_ip"] == "127.0.0.1"
