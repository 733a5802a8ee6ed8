import pytest

from pipeline.core.session import ist_ms
from pipeline.engine.matching import Venue
from pipeline.simulator.answers import ApiError
from pipeline.simulator.desk import Desk
from pipeline.simulator.exchange import load_calendar
from pipeline.simulator.listing import DEFAULT_LISTINGS
from pipeline.simulator.market import Frame, Kind, Status, Update
from pipeline.simulator.tape import Tape

DATE = "2026-11-20"
ITEM = DEFAULT_LISTINGS[0]
OPEN = ist_ms(DATE, "09:15")


def quote(ts, bid=1400.0, ask=1400.1, qty=100, ltp=1400.0, ltt=None, vtt=10):
    return Update(
        ITEM.key, ltp, ltt or ts - 10, 1, 1400.0, vtt=vtt, bid_px=[bid] * 5, bid_qty=[qty] * 5, ask_px=[ask] * 5, ask_qty=[qty] * 5
    )


def desk_at(clock, latency_ms=0, protection_bps=0.0):
    tape = Tape(load_calendar().day(DATE), DEFAULT_LISTINGS, OPEN)
    desk = Desk(tape.day, DEFAULT_LISTINGS, tape, Venue(latency_ms, protection_bps=protection_bps))
    show(desk, quote(ist_ms(DATE, clock)), ist_ms(DATE, clock))
    return desk


def show(desk, update, ts):
    frame = Frame(ts, Kind.LIVE, (update,))
    desk.tape.take(frame)
    desk.on_frame(frame)


def order(**changes):
    return {
        "instrument_token": ITEM.key, "quantity": 10, "product": "I", "validity": "DAY", "price": 1400.1, "order_type": "LIMIT",
        "transaction_type": "BUY", "disclosed_quantity": 0, "trigger_price": 0, "is_amo": False, "tag": "t",
    } | changes  # fmt: skip


def status(desk, order_id):
    return desk.entries[order_id].row["status"]


def test_a_marketable_limit_fills_at_once_up_to_the_shown_size():
    desk = desk_at("10:00")
    (order_id,) = desk.place(order(quantity=150))
    row = desk.entries[order_id].row
    assert (row["status"], row["filled_quantity"], row["pending_quantity"], row["average_price"]) == ("open", 100, 50, 1400.1)
    show(desk, quote(ist_ms(DATE, "10:00:01")), ist_ms(DATE, "10:00:01"))
    assert (row["status"], row["filled_quantity"]) == ("complete", 150)
    assert [t["quantity"] for t in desk.trades] == [100, 50]
    assert [h["status"] for h in desk.entries[order_id].history][:4] == [
        "put order req received",
        "validation pending",
        "open pending",
        "open",
    ]


def test_ids_carry_the_date_and_tags_may_repeat():
    desk = desk_at("10:00")
    ids = [desk.place(order(price=1390.0))[0] for _ in range(2)]
    assert ids == ["261120000000001", "261120000000002"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"instrument_token": None}, "UDAPI1026"),
        ({"instrument_token": "NSE_EQ|NOPE"}, "UDAPI100011"),
        ({"quantity": 0}, "UDAPI1052"),
        ({"quantity": 1.5}, "UDAPI1052"),
        ({"order_type": ""}, "UDAPI1004"),
        ({"order_type": "STOP"}, "UDAPI1056"),
        ({"validity": None}, "UDAPI1007"),
        ({"validity": "GTC"}, "UDAPI1055"),
        ({"product": "OCO"}, "UDAPI100036"),
        ({"transaction_type": "HOLD"}, "UDAPI100036"),
        ({"price": 0}, "UDAPI1043"),
        ({"price": "x"}, "UDAPI100036"),
        ({"tag": "t" * 41}, "UDAPI1119"),
        ({"order_type": "SL-M", "price": 0}, "UDAPI100036"),
        ({"order_type": "MARKET", "price": 0, "market_protection": 0}, "UDAPI1158"),
        ({"quantity": 100_000 * 26, "slice": True}, "UDAPI1118"),
    ],
)
def test_bad_bodies_have_their_codes(changes, code):
    desk = desk_at("10:00")
    with pytest.raises(ApiError) as caught:
        desk.place(order(**changes))
    assert caught.value.code == code
    assert desk.entries == {}


@pytest.mark.parametrize(
    ("changes", "words"), [({"price": 1400.13}, "tick size"), ({"price": 1600.0}, "circuit"), ({"quantity": 100_001}, "freeze")]
)
def test_what_the_exchange_refuses_stands_in_the_book(changes, words):
    desk = desk_at("10:00")
    (order_id,) = desk.place(order(**changes))
    assert status(desk, order_id) == "rejected"
    assert words in desk.entries[order_id].row["status_message"]


def test_slices_share_the_tag():
    desk = desk_at("10:00")
    ids = desk.place(order(quantity=250_000, price=1390.0, slice=True))
    assert [desk.entries[i].order.qty for i in ids] == [100_000, 100_000, 50_000]
    assert {desk.entries[i].row["tag"] for i in ids} == {"t"}


def test_ioc_cancels_the_rest():
    desk = desk_at("10:00")
    (order_id,) = desk.place(order(quantity=150, validity="IOC"))
    assert (status(desk, order_id), desk.entries[order_id].row["filled_quantity"]) == ("cancelled", 100)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"price": 1390.03}, "tick size"),
        ({"price": 1000.0}, "circuit limits"),
        ({"quantity": 10_000_000}, "freeze quantity"),
        ({"order_type": "SL", "price": 1390.0}, "trigger price is needed"),
    ],
)
def test_a_modification_that_the_exchange_refuses_changes_nothing(change, reason):
    desk = desk_at("10:00")
    (order_id,) = desk.place(order(price=1390.0))
    before = dict(desk.entries[order_id].row)
    desk.modify({"order_id": order_id, "quantity": 10, "price": 1390.0, "order_type": "LIMIT", "trigger_price": 0} | change)
    row = desk.entries[order_id].row
    assert row == before
    refused = desk.entries[order_id].history[-2]
    assert refused["status"] == "not modified"
    assert reason in refused["status_message"]
    assert desk.venue.orders[order_id].status == "open"


def test_a_stop_turned_into_a_limit_no_longer_waits_and_back():
    desk = desk_at("10:00")
    (order_id,) = desk.place(order(transaction_type="SELL", order_type="SL", price=1379.0, trigger_price=1380.0))
    assert status(desk, order_id) == "trigger pending"
    body = {"order_id": order_id, "quantity": 10, "order_type": "LIMIT", "price": 1410.0, "trigger_price": 0}
    desk.modify(body)
    assert status(desk, order_id) == "open"
    desk.modify(body | {"order_type": "SL", "price": 1379.0, "trigger_price": 1380.0})
    assert status(desk, order_id) == "trigger pending"
    desk.modify(body | {"price": 1399.9})
    assert status(desk, order_id) == "complete"


def test_modify_and_cancel_know_final_orders():
    desk = desk_at("10:00")
    (order_id,) = desk.place(order(price=1390.0))
    body = {"order_id": order_id, "quantity": 20, "price": 1391.0, "order_type": "LIMIT", "validity": "DAY", "trigger_price": 0}
    desk.modify(body)
    row = desk.entries[order_id].row
    assert (row["quantity"], row["price"], row["status"]) == (20, 1391.0, "open")
    desk.cancel(order_id)
    assert row["status"] == "cancelled"
    for act, code in ((lambda: desk.cancel(order_id), "UDAPI100040"), (lambda: desk.modify(body), "UDAPI100041")):
        with pytest.raises(ApiError) as caught:
            act()
        assert caught.value.code == code
    for missing, code in (("", "UDAPI1003"), ("1", "UDAPI100010")):
        with pytest.raises(ApiError) as caught:
            desk.cancel(missing)
        assert caught.value.code == code


def test_a_stop_waits_for_its_trigger():
    desk = desk_at("10:00")
    (order_id,) = desk.place(order(order_type="SL-M", transaction_type="SELL", price=0, trigger_price=1395.0))
    assert status(desk, order_id) == "trigger pending"
    show(desk, quote(ist_ms(DATE, "10:01"), bid=1394.9, ask=1395.0, ltp=1395.0), ist_ms(DATE, "10:01"))
    assert (status(desk, order_id), desk.trades[0]["average_price"]) == ("complete", 1394.9)


def test_outside_the_session_orders_wait_for_the_morning():
    desk = desk_at("08:30")
    waiting, dropped = desk.place(order())[0], desk.place(order(tag="d"))[0]
    assert status(desk, waiting) == "after market order req received"
    desk.cancel(dropped)
    assert status(desk, dropped) == "cancelled after market order"
    ts = ist_ms(DATE, "09:15")
    frame = Frame(ts, Kind.STATUS, status=Status({"NSE_EQ": "NORMAL_OPEN"}))
    desk.tape.take(frame)
    desk.on_frame(frame)
    show(desk, quote(ts + 500), ts + 500)
    assert status(desk, waiting) == "complete"


def test_the_auction_takes_limits_and_fills_them_at_its_print():
    desk = desk_at("15:21")
    for changes in ({"validity": "IOC"}, {"order_type": "SL", "trigger_price": 1401.0}):
        assert status(desk, desk.place(order(**changes))[0]) == "rejected"
    (order_id,) = desk.place(order(price=1402.0))
    assert status(desk, order_id) == "open"
    ts = ist_ms(DATE, "15:30:20")
    show(desk, quote(ts, ltp=1401.0, ltt=ts - 40, vtt=99), ts)
    assert (status(desk, order_id), desk.trades[0]["average_price"]) == ("open", 1401.0)
    end = Frame(ist_ms(DATE, "16:00"), Kind.STATUS, status=Status({"NSE_EQ": "CLOSING_END"}))
    desk.tape.take(end)
    desk.on_frame(end)
    assert status(desk, order_id) == "cancelled"


def test_every_change_is_told():
    desk = desk_at("10:00")
    told = []
    desk.listeners.append(told.append)
    desk.place(order())
    assert [row["status"] for row in told][3:] == ["open", "complete"]
    assert [row["filled_quantity"] for row in told][3:] == [0, 10]
    assert told[-1] is not desk.book()[0]


def test_a_stop_that_the_price_has_gapped_past_rests_at_its_protection():
    desk = desk_at("10:00", protection_bps=50.0)
    (order_id,) = desk.place(order(order_type="SL-M", transaction_type="SELL", price=0, trigger_price=1390.0))
    assert status(desk, order_id) == "trigger pending"
    show(desk, quote(ist_ms(DATE, "10:00:01"), bid=1370.0, ask=1370.1, ltp=1370.0), ist_ms(DATE, "10:00:01"))
    assert (status(desk, order_id), desk.trades) == ("open", [])
    show(desk, quote(ist_ms(DATE, "10:00:02"), bid=1383.1, ask=1383.2, ltp=1383.1), ist_ms(DATE, "10:00:02"))
    assert (status(desk, order_id), desk.trades[0]["average_price"]) == ("complete", 1383.1)
