import pytest

from pipeline.core.broker import Answer, Ask, OrderRequest
from pipeline.core.errors import Corrupt
from pipeline.engine.inhouse import answers, reports
from pipeline.engine.matching import Quote, Venue

CALM = Quote(1, 99_95, 50, 100_05, 50, 100_00)


def place(order_type="LIMIT", side="BUY", limit=100_10, trigger=0, qty=80):
    return OrderRequest(1, "r1", Ask.PLACE, "i", "P1", "AAA", side, order_type, qty, limit, trigger, "tt-i")


def test_a_placed_order_is_accepted_and_meets_the_shown_quote():
    venue = Venue()
    found = answers(venue, place(), CALM, 5)
    assert [(r.answer, r.request_id, r.order_id) for r in found] == [(Answer.ACCEPTED, "r1", "P1"), (Answer.TRADE, "", "P1")]
    assert (found[1].qty, found[1].px_paise, found[1].side) == (50, 100_05, "BUY")


def test_a_senseless_order_is_refused():
    assert [r.answer for r in answers(Venue(), place(qty=0), CALM, 5)] == [Answer.REFUSED]


def test_a_cancelled_order_is_told_by_its_row():
    venue = Venue()
    answers(venue, place(), CALM, 5)
    found = answers(venue, OrderRequest(6, "r2", Ask.CANCEL, "i", "P1", "AAA"), CALM, 6)
    assert [(r.answer, r.request_id, r.status) for r in found] == [(Answer.ACCEPTED, "r2", ""), (Answer.ROW, "", "cancelled")]


def test_a_change_is_accepted_and_a_trigger_is_told():
    venue = Venue()
    answers(venue, place("SL-M", "SELL", 0, 99_00), CALM, 5)
    found = answers(venue, OrderRequest(6, "r2", Ask.MODIFY, "i", "P1", "AAA", order_type="SL-M", qty=90, trigger_paise=99_00), CALM, 6)
    assert [r.answer for r in found] == [Answer.ACCEPTED]
    told = reports(venue, venue.on_quote("AAA", Quote(7, 98_90, 500, 99_10, 500, 99_00), 7))
    assert [(r.answer, r.status, r.qty) for r in told] == [(Answer.ROW, "open", 90), (Answer.TRADE, "", 90)]


def test_it_lists_nothing():
    with pytest.raises(Corrupt, match="lists nothing"):
        answers(Venue(), OrderRequest(1, "r", Ask.BOOK), CALM, 1)
