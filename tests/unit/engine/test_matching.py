import json

import pytest

from pipeline.core.broker import Terms
from pipeline.core.types import Side
from pipeline.engine.matching import Quote, Venue, VenueOrder

T0 = 1_000_000


def quote(bid=9_995, bid_qty=100, ask=10_005, ask_qty=100, ltp=10_000, ts=T0):
    return Quote(ts, bid, bid_qty, ask, ask_qty, ltp)


def order(order_id="A", side=Side.BUY, kind="LIMIT", qty=50, limit=10_005, trigger=0):
    return VenueOrder(order_id, "TCS", side, kind, qty, limit, trigger, "tag", T0)


def kinds(events):
    return [e.kind for e in events]


def test_marketable_order_fills_at_the_quote_at_once():
    venue = Venue()
    venue.on_quote("TCS", quote(), T0)
    accepted, fill = venue.place(order(limit=10_050), T0)
    assert accepted.kind == "accepted"
    assert (fill.kind, fill.qty, fill.px_paise, fill.trade_id) == ("fill", 50, 10_005, "A-1")
    assert venue.orders["A"].status == "complete"
    assert venue.orders["A"].avg_px == pytest.approx(100.05)


def test_latency_holds_an_order_back_until_a_quote_that_young():
    venue = Venue(latency_ms=200)
    venue.on_quote("TCS", quote(), T0)
    assert kinds(venue.place(order(), T0)) == ["accepted"]
    assert venue.on_quote("TCS", quote(), T0 + 199) == []
    assert kinds(venue.on_quote("TCS", quote(), T0 + 200)) == ["fill"]


def test_displayed_size_is_shared_and_gives_partial_fills():
    venue = Venue()
    venue.on_quote("TCS", quote(ask_qty=60), T0)
    venue.place(order("A", qty=50), T0)
    events = venue.place(order("B", qty=50), T0)
    assert [(e.kind, e.qty) for e in events] == [("accepted", 50), ("fill", 10)]
    assert venue.orders["B"].leaves_qty == 40
    events = venue.on_quote("TCS", quote(ask_qty=60), T0 + 1)
    assert [(e.qty, e.trade_id) for e in events] == [(40, "B-2")]


def test_a_new_quote_shows_its_size_anew_to_orders_that_come_later():
    venue = Venue()
    venue.on_quote("TCS", quote(ask_qty=50), T0)
    venue.place(order("A"), T0)
    venue.on_quote("TCS", quote(ask_qty=50), T0 + 1)
    assert kinds(venue.place(order("B"), T0 + 1)) == ["accepted", "fill"]


def test_a_better_limit_is_served_first():
    venue = Venue()
    venue.place(order("A", qty=60, limit=10_000), T0)
    venue.place(order("B", qty=60, limit=10_002), T0)
    events = venue.on_quote("TCS", quote(ask=9_999, ask_qty=60), T0)
    assert [(e.order_id, e.qty) for e in events] == [("B", 60)]


def test_limit_rests_until_reached_and_slippage_stops_at_it():
    venue = Venue(slippage_bps=10)
    venue.on_quote("TCS", quote(), T0)
    assert kinds(venue.place(order(limit=10_000), T0)) == ["accepted"]
    fill = venue.on_quote("TCS", quote(ask=9_998), T0 + 1)[0]
    assert fill.px_paise == 10_000
    sell = venue.place(order("S", Side.SELL, limit=9_000, qty=1), T0 + 2)[1]
    assert sell.px_paise == 9_995 - 10


def test_market_order_pays_slippage():
    venue = Venue(slippage_bps=10)
    venue.on_quote("TCS", quote(), T0)
    assert venue.place(order(kind="MARKET", limit=0), T0)[1].px_paise == 10_005 + 11


def test_a_side_without_a_price_fills_nothing():
    venue = Venue()
    venue.on_quote("TCS", quote(ask=0, ask_qty=0), T0)
    assert kinds(venue.place(order(kind="MARKET", limit=0), T0)) == ["accepted"]


@pytest.mark.parametrize(("side", "trigger", "before", "after"), [(Side.BUY, 10_100, 10_099, 10_100), (Side.SELL, 9_900, 9_901, 9_900)])
def test_stop_orders_wait_for_the_last_trade(side, trigger, before, after):
    venue = Venue()
    venue.place(order(side=side, kind="SL-M", limit=0, trigger=trigger), T0)
    assert venue.orders["A"].status == "trigger pending"
    assert venue.on_quote("TCS", quote(ltp=before), T0) == []
    assert kinds(venue.on_quote("TCS", quote(ltp=after), T0)) == ["triggered", "fill"]


def test_stop_limit_keeps_its_limit_after_the_trigger():
    venue = Venue()
    venue.place(order(side=Side.SELL, kind="SL", limit=9_890, trigger=9_900), T0)
    assert kinds(venue.on_quote("TCS", quote(bid=9_880, ltp=9_885), T0)) == ["triggered"]
    assert kinds(venue.on_quote("TCS", quote(bid=9_891, ltp=9_885), T0)) == ["fill"]


def test_modify_and_cancel():
    venue = Venue()
    venue.on_quote("TCS", quote(ask_qty=20), T0)
    venue.place(order(limit=10_005), T0)
    assert venue.modify("A", Terms(20, "LIMIT", 10_000, 0), T0)[0].reason == "quantity is not above what has filled"
    assert kinds(venue.modify("A", Terms(70, "LIMIT", 10_000, 0), T0)) == ["modified"]
    assert [(e.kind, e.qty) for e in venue.cancel("A", T0)] == [("cancelled", 50)]
    assert venue.orders["A"].cum_qty == 20
    assert venue.cancel("A", T0)[0].reason == "order is already cancelled"
    assert venue.modify("A", Terms(90, "LIMIT", 1, 0), T0)[0].kind == "rejected"
    assert venue.cancel("nobody", T0)[0].reason == "order not found"


def test_modify_into_the_market_fills():
    venue = Venue()
    venue.on_quote("TCS", quote(), T0)
    venue.place(order(limit=10_000), T0)
    assert kinds(venue.modify("A", Terms(50, "LIMIT", 10_005, 0), T0)) == ["modified", "fill"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"qty": 0}, "quantity must be above zero"),
        ({"limit": 0}, "a limit price is needed"),
        ({"kind": "SL", "trigger": 0}, "a trigger price is needed"),
        ({"kind": "ICEBERG"}, "unknown order type"),
    ],
)
def test_rejections_stay_on_the_book(bad, reason):
    venue = Venue()
    event = venue.place(order(**bad), T0)[0]
    assert (event.kind, event.reason) == ("rejected", reason)
    assert venue.orders["A"].status == "rejected"
    assert venue.orders["A"].leaves_qty == 0


def test_an_order_id_is_used_once():
    venue = Venue()
    venue.place(order(), T0)
    assert venue.place(order(), T0)[0].reason == "duplicate order id"
    assert len(venue.orders) == 1


def test_only_final_orders_are_forgotten():
    venue = Venue()
    venue.place(order(), T0)
    venue.forget("A")
    assert "A" in venue.orders
    venue.cancel("A", T0)
    venue.forget("A")
    assert "A" not in venue.orders


def test_dump_is_json_and_restores_the_same_venue():
    venue = Venue(latency_ms=0, slippage_bps=1.5)
    venue.on_quote("TCS", quote(ask_qty=60), T0)
    venue.place(order("A", qty=50), T0)
    venue.place(order("B", qty=50), T0)
    twin = Venue()
    twin.restore(json.loads(json.dumps(venue.dump())))
    assert twin.dump() == venue.dump()
    assert twin.on_quote("TCS", quote(), T0 + 1) == venue.on_quote("TCS", quote(), T0 + 1)


def test_market_protection_is_a_limit_and_what_the_price_has_gone_past_rests():
    venue = Venue(protection_bps=20.0)
    venue.on_quote("TCS", quote(), T0)
    venue.place(order("S", Side.SELL, "SL-M", trigger=9_950, limit=0), T0)
    assert kinds(venue.on_quote("TCS", quote(bid=9_900, ltp=9_905), T0 + 1)) == ["triggered"]
    assert (venue.orders["S"].status, venue.orders["S"].bound_paise) == ("open", 9_930)
    venue.place(order("M", Side.BUY, "MARKET", limit=0), T0 + 1)
    assert venue.orders["M"].bound_paise == 9_925, "seen from the last trade"
    again = Venue()
    again.restore(json.loads(json.dumps(venue.dump())))
    assert kinds(again.on_quote("TCS", quote(bid=9_930, ask=9_940, ltp=9_935), T0 + 2)) == ["fill"]
    assert kinds(again.modify("M", Terms(50, "MARKET", 0, 0), T0 + 3)) == ["modified", "fill"], "changed: seen from where the price is now"


def test_without_protection_a_market_order_takes_any_price():
    venue = Venue()
    venue.on_quote("TCS", quote(bid=5_000, ltp=9_000), T0)
    assert kinds(venue.place(order("M", Side.SELL, "MARKET", limit=0), T0)) == ["accepted", "fill"]
