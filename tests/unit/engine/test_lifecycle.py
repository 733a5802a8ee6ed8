import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.types import Side
from pipeline.engine.lifecycle import AT_BROKER, FINAL, TABLE, Event, Order, Status, advance, event_of, fill


def order(status=Status.INTENT, cum=0):
    return Order("i", "AAA", Side.BUY, "entry", "LIMIT", 10, 100_00, "tt-i", 1, status=status, cum_qty=cum, value_paise=cum * 100_00)


def test_a_life_from_intent_to_filled():
    o = advance(order(), Event.SEND)
    o = advance(o, Event.ACCEPT, "P-1")
    assert (o.status, o.order_id, o.leaves_qty) == (Status.ACCEPTED, "P-1", 10)
    o = fill(o, 4, 100_00)
    assert (o.status, o.cum_qty, o.leaves_qty) == (Status.PARTIAL, 4, 6)
    o = fill(o, 6, 101_00)
    assert (o.status, o.leaves_qty) == (Status.FILLED, 0)
    assert o.avg_px == pytest.approx(100.6)


def test_a_denied_intent_never_leaves():
    o = advance(order(), Event.DENY)
    assert (o.status, o.leaves_qty, o.is_working) == (Status.DENIED, 0, False)
    with pytest.raises(Corrupt, match="SEND cannot follow DENIED"):
        advance(o, Event.SEND)


def test_an_unknown_is_resolved_by_the_book_only():
    o = advance(advance(order(), Event.SEND), Event.NO_ANSWER)
    assert o.status is Status.UNKNOWN
    assert advance(o, Event.ACCEPT).status is Status.ACCEPTED
    assert advance(o, Event.NOT_ON_BOOK).status is Status.ABSENT
    with pytest.raises(Corrupt):
        advance(o, Event.SEND)


def test_a_fill_may_overtake_the_cancellation_but_not_the_order_itself():
    sent = advance(order(), Event.SEND)
    with pytest.raises(Corrupt):
        fill(sent, 3, 100_00)
    o = fill(advance(sent, Event.ACCEPT, "P-1"), 3, 100_00)
    gone = advance(advance(o, Event.ASK_CANCEL), Event.CANCELLED)
    assert (gone.status, gone.leaves_qty) == (Status.CANCELLED, 0)
    assert fill(gone, 7, 100_00).status is Status.FILLED


def test_a_refused_change_leaves_a_partial_order_partial():
    o = advance(order(Status.PARTIAL, cum=3), Event.ASK_MODIFY)
    assert advance(o, Event.REQUEST_REFUSED).status is Status.PARTIAL


def test_a_fill_beyond_the_quantity_corrects_it_and_only_the_book_ends_the_order():
    o = fill(order(Status.ACCEPTED), 11, 100_00)
    assert (o.status, o.order_qty, o.cum_qty, o.leaves_qty) == (Status.PARTIAL, 11, 11, 0)
    o = fill(o, 5, 100_00)
    assert (o.order_qty, o.cum_qty) == (16, 16)
    assert advance(o, Event.COMPLETE).status is Status.FILLED
    late = fill(order(Status.FILLED, cum=10), 4, 100_00)
    assert (late.status, late.order_qty, late.leaves_qty) == (Status.FILLED, 14, 0)
    assert fill(order(Status.CANCELLED, cum=3), 12, 100_00).status is Status.FILLED


@pytest.mark.parametrize(("qty", "px"), [(0, 100), (-1, 100), (1, 0)])
def test_an_impossible_fill_is_corrupt(qty, px):
    with pytest.raises(Corrupt):
        fill(order(Status.ACCEPTED), qty, px)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("event", [e for e in Event if e not in {Event.FILL_ALL, Event.FILL_PART}])
def test_every_pair_is_a_state_or_an_error(status, event):
    if (status, event) in TABLE:
        assert isinstance(advance(order(status), event).status, Status)
    else:
        with pytest.raises(Corrupt):
            advance(order(status), event)


def test_states_are_final_or_at_the_broker_or_the_intent():
    assert FINAL | AT_BROKER | {Status.INTENT} == set(Status)
    assert not FINAL & AT_BROKER
    for status in AT_BROKER - {Status.SENDING, Status.UNKNOWN}:
        assert (status, Event.FILL_ALL) in TABLE, f"a fill can come while {status}"


def test_the_event_adds_up():
    e = event_of(fill(order(Status.ACCEPTED), 4, 100_00), 99, "why")
    assert (e.ts, e.status, e.order_qty, e.cum_qty, e.leaves_qty, e.reason) == (99, "PARTIAL", 10, 4, 6, "why")
