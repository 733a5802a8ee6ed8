import pytest

from pipeline.simulator.listing import DEFAULT_LISTINGS

ENTRY = {"strategy": "ENTRY", "trigger_type": "ABOVE", "trigger_price": 1500.0}
STOP = {"strategy": "STOPLOSS", "trigger_type": "IMMEDIATE", "trigger_price": 1400.0, "trailing_gap": 20.0}
BODY = {
    "type": "SINGLE",
    "quantity": 2,
    "product": "D",
    "instrument_token": DEFAULT_LISTINGS[0].key,
    "transaction_type": "BUY",
    "rules": [ENTRY],
}


def test_place_list_modify_cancel(still):
    gtt = still.call("POST", "/v3/order/gtt/place", BODY)[1]["data"]["gtt_order_ids"][0]
    changed = {"gtt_order_id": gtt, "type": "MULTIPLE", "quantity": 3, "rules": [ENTRY, STOP]}
    assert still.call("PUT", "/v3/order/gtt/modify", changed)[0] == 200
    (row,) = still.get(f"/v3/order/gtt?gtt_order_id={gtt}")["data"]
    assert [(r["strategy"], r["status"], r["transaction_type"]) for r in row["rules"]] == [
        ("ENTRY", "SCHEDULED", "BUY"),
        ("STOPLOSS", "PENDING", "SELL"),
    ]
    assert still.call("DELETE", "/v3/order/gtt/cancel", {"gtt_order_id": gtt})[0] == 200
    (row,) = still.get(f"/v3/order/gtt?gtt_order_id={gtt}")["data"]
    assert {r["status"] for r in row["rules"]} == {"CANCELLED"}
    assert len(still.get("/v3/order/gtt")["data"]) >= 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "TRIPLE"}, "UDAPI1126"),
        ({"rules": None}, "UDAPI1136"),
        ({"rules": [ENTRY, STOP]}, "UDAPI1136"),
        ({"type": "MULTIPLE"}, "UDAPI1137"),
        ({"rules": [STOP]}, "UDAPI1141"),
        ({"type": "MULTIPLE", "rules": [ENTRY, STOP | {"trigger_type": "ABOVE"}]}, "UDAPI1143"),
        ({"quantity": 0}, "UDAPI1052"),
        ({"product": "X"}, "UDAPI100036"),
        ({"instrument_token": "NSE_EQ|NOPE"}, "UDAPI100011"),
    ],
)
def test_bad_bodies(still, changes, code):
    status, reply = still.call("POST", "/v3/order/gtt/place", BODY | changes)
    assert (status, reply["errors"][0]["error_code"]) == (400, code)


def test_unknown_ones(still):
    assert still.call("DELETE", "/v3/order/gtt/cancel", {"gtt_order_id": "GTT-0"})[0] == 404
    assert still.call("PUT", "/v3/order/gtt/modify", [])[0] == 400
