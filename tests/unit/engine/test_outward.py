from itertools import pairwise

from pipeline.core.broker import Answer, Ask
from tests.fakes.outward_desk import Talk, statuses


def test_a_start_reads_the_books_and_lets_nothing_in_before():
    talk = Talk()
    talk.say(Answer.STARTED)
    assert [r.ask for r in talk.requests] == [Ask.BOOK, Ask.TRADES, Ask.POSITIONS]
    talk.tick()
    talk.look()
    talk.enter()
    assert talk.answered[-1].reason == "not_reconciled"
    talk.read_books()
    talk.tick()
    talk.enter()
    assert talk.answered[-1].reason == "book_not_settled"


def test_no_answer_is_looked_up_and_never_sent_again():
    talk = Talk().ready()
    entry = talk.enter()
    assert statuses(talk.say(Answer.AMBIGUOUS, entry, reason="timed out")) == ["UNKNOWN"]
    finds = []
    for _ in range(40):
        talk.wait(100)
        if talk.requests[-1].ask is Ask.FIND and talk.requests[-1] not in finds:
            finds.append(talk.requests[-1])
            talk.say(Answer.END, finds[-1])
    assert [b.ts - a.ts for a, b in pairwise(finds)] == [400, 800, 1600]
    assert talk.count(Ask.PLACE) == 1
    talk.enter()
    assert talk.answered[-1].reason in {"unknown_in_symbol", "repeat"}


def test_the_book_resolves_it():
    talk = Talk().ready()
    entry = talk.enter()
    talk.say(Answer.AMBIGUOUS, entry)
    records = talk.say(Answer.ROW, tag=entry.tag, order_id="B1", symbol="AAA", side="BUY", status="open", qty=499)
    assert statuses(records) == ["ACCEPTED"]


def test_an_answer_that_never_comes_is_given_up():
    talk = Talk().ready()
    talk.enter()
    assert statuses(talk.wait(7_001)) == ["UNKNOWN"]


def test_after_a_restart_nothing_is_sent_again():
    talk = Talk().ready()
    talk.enter()
    assert statuses(talk.say(Answer.STARTED)) == ["UNKNOWN"]
    assert talk.count(Ask.PLACE) == 1
    assert [r.ask for r in talk.requests[-3:]] == [Ask.BOOK, Ask.TRADES, Ask.POSITIONS]


def test_a_definite_refusal_ends_it():
    talk = Talk().ready()
    records = talk.say(Answer.REFUSED, talk.enter(), reason="HTTP 400 UDAPI1052")
    assert [(r.status, r.reason) for r in records if hasattr(r, "leaves_qty")] == [("REFUSED", "HTTP 400 UDAPI1052")]
