import pytest

from pipeline.core.types import Side
from pipeline.engine.matching import VenueEvent, VenueOrder
from pipeline.simulator.answers import ApiError
from pipeline.simulator.blotter import MAX_TAG, checked, order_row, paise, shown_terms, trade_row
from pipeline.simulator.listing import DEFAULT_LISTINGS

ITEM = DEFAULT_LISTINGS[0]
LISTINGS = {ITEM.key: ITEM}
NOW = 1_795_146_300_000
BODY = {
    "instrument_token": ITEM.key, "quantity": 10, "product": "I", "validity": "DAY", "price": 1400.1, "order_type": "LIMIT",
    "transaction_type": "BUY",
}  # fmt: skip


def test_what_may_be_left_out_is_filled_in():
    asked = checked(BODY, LISTINGS)
    assert (asked["quantity"], asked["price"], asked["trigger_price"], asked["disclosed_quantity"], asked["tag"]) == (
        10,
        1400.1,
        0.0,
        0,
        "",
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"instrument_token": ""}, "UDAPI1026"),
        ({"instrument_token": "NSE_EQ|NOBODY"}, "UDAPI100011"),
        ({"quantity": 0}, "UDAPI1052"),
        ({"quantity": 1.5}, "UDAPI1052"),
        ({"order_type": "ICEBERG"}, "UDAPI1056"),
        ({"price": 0}, "UDAPI1043"),
        ({"order_type": "SL-M"}, "UDAPI100036"),
        ({"tag": "t" * (MAX_TAG + 1)}, "UDAPI1119"),
        ({"order_type": "MARKET", "market_protection": 0}, "UDAPI1158"),
    ],
)
def test_the_first_wrong_field_names_the_refusal(change, code):
    with pytest.raises(ApiError) as refusal:
        checked(BODY | change, LISTINGS)
    assert refusal.value.code == code


def test_rows_show_rupees_and_keep_the_orders_names():
    order = VenueOrder("1", ITEM.key, Side.BUY, "LIMIT", 10, paise(1400.1), 0, "t", NOW)
    row = order_row(checked(BODY, LISTINGS), order, ITEM, NOW)
    assert shown_terms(order) == {name: row[name] for name in ("quantity", "price", "trigger_price", "order_type")}
    assert (row["trading_symbol"], row["pending_quantity"], row["exchange"]) == (ITEM.symbol, 10, "NSE")
    trade = trade_row(row, VenueEvent(NOW + 1000, "1", "fill", 4, 1400_05, "1-1"))
    assert (trade["quantity"], trade["average_price"], trade["trade_id"], trade["order_id"]) == (4, 1400.05, "1-1", "1")
