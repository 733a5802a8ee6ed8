"""Whatever happens to an order, its sums hold, and what cannot happen is an error."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import Corrupt
from pipeline.core.types import Side
from pipeline.engine.lifecycle import FINAL, TABLE, Event, Order, Status, advance, event_of, fill

PLAIN = [e for e in Event if e not in {Event.FILL_ALL, Event.FILL_PART}]
STEP = st.one_of(st.sampled_from(PLAIN), st.tuples(st.integers(-1, 12), st.integers(0, 200)))


@given(st.lists(STEP, max_size=30))
def test_sums_hold_after_every_event(steps):
    order = Order("i", "AAA", Side.BUY, "entry", "LIMIT", 10, 100_00, "t", 1)
    for step in steps:
        try:
            after = fill(order, *step) if isinstance(step, tuple) else advance(order, step)
        except Corrupt:
            continue
        assert after.cum_qty >= order.cum_qty
        assert 0 <= after.cum_qty <= after.order_qty
        event = event_of(after, 1)
        assert after.status in FINAL or event.cum_qty + event.leaves_qty == event.order_qty
        assert after.status is not Status.FILLED or after.cum_qty == after.order_qty
        assert not (after.status in {Status.DENIED, Status.ABSENT} and after.cum_qty > 0)
        assert after.status is not Status.ACCEPTED or after.cum_qty == 0
        order = after


@given(st.sampled_from(sorted(FINAL)), st.sampled_from(list(Event)))
def test_a_final_order_never_works_again(status, event):
    assert TABLE.get((status, event), status) in FINAL
