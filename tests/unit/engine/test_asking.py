from pipeline.core.broker import Answer, Ask
from tests.fakes.outward_desk import Talk


def test_a_request_follows_its_journal():
    talk = Talk().ready()
    entry = talk.enter()
    assert [type(r).__name__ for r in talk.answered] == ["OrderIntent", "OrderEvent", "OrderRequest"]
    assert (entry.ask, entry.qty, entry.order_type, entry.side, entry.tag[:3]) == (Ask.PLACE, 499, "LIMIT", "BUY", "tt-")


def test_an_unconfirmed_cancellation_is_asked_again():
    talk = Talk(entry_timeout_s=1).ready()
    talk.say(Answer.ACCEPTED, talk.enter(), order_id="B1")
    talk.wait(1_000)
    assert talk.count(Ask.CANCEL) == 1
    talk.say(Answer.AMBIGUOUS, talk.last(Ask.CANCEL))
    talk.wait(2_500)
    assert talk.count(Ask.CANCEL) == 2
