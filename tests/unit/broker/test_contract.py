from pipeline.broker.contract import accepted, ambiguous, listed, refused
from pipeline.core.broker import Answer, Ask, BrokerReport, OrderRequest

PLACE = OrderRequest(5, "q1", Ask.PLACE, "i", "", "AAA", tag="tt-i")


def test_each_order_that_came_of_it_is_named():
    assert [(r.answer, r.request_id, r.order_id, r.tag) for r in accepted(PLACE, "B1", "B2")] == [
        (Answer.ACCEPTED, "q1", "B1", "tt-i"),
        (Answer.ACCEPTED, "q1", "B2", "tt-i"),
    ]


def test_a_failure_bears_its_reason():
    assert [(r.answer, r.reason, r.tag) for r in (*refused(PLACE, "no"), *ambiguous(PLACE, "perhaps"))] == [
        (Answer.REFUSED, "no", "tt-i"),
        (Answer.AMBIGUOUS, "perhaps", "tt-i"),
    ]


def test_a_listing_ends():
    piece = BrokerReport(5, Answer.POSITION, "q1", symbol="AAA", qty=1)
    assert [r.answer for r in listed(PLACE, [piece])] == [Answer.POSITION, Answer.END]
