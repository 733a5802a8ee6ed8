"""The paper exchange keeps its promises whatever it is asked."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.broker import Terms
from pipeline.core.types import Side
from pipeline.engine.matching import FINAL, Quote, Venue, VenueOrder

PRICE = st.integers(95, 105)
QTY = st.integers(0, 50)
QUOTE = st.builds(lambda b, bq, s, aq, ltp: (b, bq, b + s, aq, ltp), PRICE, QTY, st.integers(1, 4), QTY, PRICE)
ORDER = st.tuples(st.sampled_from(list(Side)), st.sampled_from(["LIMIT", "MARKET", "SL", "SL-M"]), st.integers(1, 80), PRICE, PRICE)
ACTION = st.one_of(
    st.tuples(st.just("quote"), QUOTE),
    st.tuples(st.just("place"), ORDER),
    st.tuples(st.just("cancel"), st.integers(0, 8)),
    st.tuples(
        st.just("modify"),
        st.tuples(st.integers(0, 8), st.integers(1, 80), st.sampled_from(["LIMIT", "MARKET", "SL", "SL-M"]), PRICE, PRICE),
    ),
)


def act(venue, step, action):
    """Do one thing at instant ``10 * step``; give the events."""
    now, (kind, what) = 10 * step, action
    if kind == "quote":
        return venue.on_quote("A", Quote(now, *what), now)
    if kind == "place":
        side, order_type, qty, limit, trigger = what
        return venue.place(VenueOrder(f"O{len(venue.orders)}", "A", side, order_type, qty, limit, trigger, "t", now), now)
    if kind == "cancel":
        return venue.cancel(f"O{what}", now)
    at, *terms = what
    return venue.modify(f"O{at}", Terms(*terms), now)


@given(st.lists(ACTION, max_size=60), st.sampled_from([0, 15]), st.sampled_from([0.0, 120.0]))
def test_limits_sizes_and_sums_hold(actions, latency, slippage):
    venue = Venue(latency, slippage)
    placed, filled, taken, seen = {}, {}, {}, set()
    for step, action in enumerate(actions):
        events = act(venue, step, action)
        if action[0] == "quote":
            taken = {}
        for e in events:
            order = venue.orders.get(e.order_id)
            if e.kind in {"accepted", "modified"}:
                placed[e.order_id] = e.ts
            if e.kind != "fill":
                continue
            assert e.trade_id not in seen
            seen.add(e.trade_id)
            quote = venue.quotes["A"]
            shown, size = (quote.ask_paise, quote.ask_qty) if order.side is Side.BUY else (quote.bid_paise, quote.bid_qty)
            taken[order.side] = taken.get(order.side, 0) + e.qty
            assert taken[order.side] <= size
            assert (e.px_paise - shown) * order.side.sign >= 0, "never better than shown"
            if order.order_type in {"LIMIT", "SL"}:
                assert (e.px_paise - order.limit_paise) * order.side.sign <= 0, "limit violated"
            assert e.ts - placed[e.order_id] >= latency
            filled[e.order_id] = filled.get(e.order_id, 0) + e.qty
    for key, order in venue.orders.items():
        assert order.cum_qty == filled.get(key, 0) <= order.qty
        assert order.status in FINAL or order.cum_qty + order.leaves_qty == order.qty
        assert (order.status == "complete") == (order.cum_qty == order.qty and order.qty > 0)


@given(st.lists(ACTION, max_size=40), st.integers(0, 40), st.sampled_from([0, 15]))
def test_a_dump_at_any_point_goes_on_the_same(actions, cut, latency):
    venue, first, twin = Venue(latency), Venue(latency), Venue()
    out = [act(venue, step, action) for step, action in enumerate(actions)]
    for step, action in enumerate(actions[:cut]):
        act(first, step, action)
    twin.restore(json.loads(json.dumps(first.dump())))
    resumed = [act(twin, step, action) for step, action in enumerate(actions) if step >= cut]
    assert resumed == out[cut:]
    assert twin.dump() == venue.dump()
