import pytest

from pipeline.core.broker import Answer, BrokerReport
from pipeline.core.types import Side
from pipeline.engine.lifecycle import Event, Order, Status
from pipeline.engine.reconcile import differences, missed, owned


def order(status, cum=0, **more):
    return Order("i", "AAA", Side.BUY, "entry", "LIMIT", 10, 100_00, "tt-i", 1, status=status, order_id="B1", cum_qty=cum, **more)


def row(status, cum=0, qty=10):
    return BrokerReport(5, Answer.ROW, "", "B1", "tt-i", "AAA", "BUY", status, qty, cum)


@pytest.mark.parametrize(
    ("ours", "theirs", "events"),
    [
        (order(Status.UNKNOWN), row("open"), (Event.ACCEPT,)),
        (order(Status.SENDING), row("put order req received"), (Event.ACCEPT,)),
        (order(Status.UNKNOWN), row("rejected"), (Event.REFUSE,)),
        (order(Status.UNKNOWN), row("cancelled"), (Event.ACCEPT, Event.CANCELLED)),
        (order(Status.ACCEPTED), row("open"), ()),
        (order(Status.ACCEPTED), row("a word of tomorrow"), ()),
        (order(Status.PENDING_CANCEL), row("cancelled"), (Event.CANCELLED,)),
        (order(Status.PENDING_CANCEL, cum=2), row("cancelled", cum=3), ()),
        (order(Status.PARTIAL, cum=3), row("cancelled", cum=3), (Event.CANCELLED,)),
        (order(Status.PARTIAL, cum=3), row("complete", cum=10), ()),
        (order(Status.PENDING_MODIFY, cum=7, asked_qty=20), row("complete", cum=7, qty=7), (Event.COMPLETE,)),
        (order(Status.PENDING_MODIFY, asked_qty=20), row("trigger pending", qty=20), (Event.MODIFIED,)),
        (order(Status.PENDING_MODIFY, asked_qty=20), row("modify pending", qty=20), ()),
        (order(Status.PENDING_MODIFY, asked_qty=20), row("trigger pending", qty=10), ()),
        (order(Status.CANCELLED), row("open"), ()),
    ],
)
def test_what_a_row_means(ours, theirs, events):
    assert missed(ours, theirs) == events


def test_positions_agree_when_foreign_trades_explain_the_rest():
    assert differences({"AAA": 10, "BBB": 0}, {"AAA": -4}, {"AAA": 6}) == {}
    assert differences({"AAA": 10}, {}, {}) == {"AAA": -10}
    assert differences({}, {}, {"CCC": -5}) == {"CCC": -5}


@pytest.mark.parametrize(
    ("ours", "broker", "closable"), [(10, 10, 10), (10, 15, 10), (10, 4, 4), (10, 0, 0), (10, -3, 0), (-10, -4, -4), (0, 5, 0)]
)
def test_no_more_is_owned_than_both_sides_hold(ours, broker, closable):
    assert owned(ours, broker) == closable
