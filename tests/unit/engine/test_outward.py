from itertools import pairwise

import pytest

from pipeline.core.broker import Answer, Ask, Word
from pipeline.core.errors import Corrupt
from pipeline.core.types import Alert
from tests.fakes.outward_desk import CALM, Talk, fills, statuses
from tests.fakes.trading import at


def test_a_start_reads_the_books_and_lets_nothing_in_before():
    talk = Talk()
    talk.say(Answer.STARTED)
    assert [r.ask for r in talk.requests] == [Ask.BOOK, Ask.TRADES, Ask.POSITIONS]
    talk.tick()
    talk.enter()
    assert talk.answered[-1].reason == "not_reconciled"
    talk.read_books()
    talk.tick()
    talk.enter()
    assert talk.answered[-1].reason == "book_not_settled"


def test_a_request_follows_its_journal():
    talk = Talk().ready()
    entry = talk.enter()
    assert [type(r).__name__ for r in talk.answered] == ["OrderIntent", "OrderEvent", "OrderRequest"]
    assert (entry.ask, entry.qty, entry.order_type, entry.side, entry.tag[:3]) == (Ask.PLACE, 499, "LIMIT", "BUY", "tt-")


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


def test_an_entry_ends_absent_only_after_its_session():
    talk = Talk().ready()
    talk.say(Answer.AMBIGUOUS, talk.enter())
    talk.now = at("15:10")
    talk.wait(1)
    assert statuses(talk.read_books()) == []
    talk.now = at("15:50")
    talk.wait(1)
    assert statuses(talk.read_books()) == ["ABSENT"]


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


def test_a_trade_is_booked_once():
    talk = Talk().ready()
    talk.say(Answer.ACCEPTED, talk.enter(), order_id="B1")
    assert len(fills(talk.trade("B1", "t1", 100))) == 1
    assert fills(talk.trade("B1", "t1", 100)) == []
    with pytest.raises(Corrupt):
        talk.trade("B1", "t2", 400)


def test_the_books_count_asks_for_the_missing_trade():
    talk = Talk().ready()
    entry = talk.enter()
    talk.say(Answer.ACCEPTED, entry, order_id="B1")
    before = talk.count(Ask.TRADES)
    talk.say(Answer.ROW, tag=entry.tag, order_id="B1", symbol="AAA", side="BUY", status="complete", qty=499, cum_qty=499)
    assert talk.count(Ask.TRADES) == before + 1
    assert (talk.desk.ledger.qty("AAA"), talk.desk.held("AAA")) == (0, 499)
    stop = talk.last(Ask.PLACE)
    assert (stop.order_type, stop.qty, stop.tag[:3]) == ("SL-M", 499, "tx-"), "guarded before the trade has come"


def test_an_order_of_ours_that_we_do_not_know_is_adopted_and_entries_halt():
    talk = Talk().ready()
    talk.tick(CALM)
    row = {"tag": "tt-0123456789abcdef", "order_id": "B7", "symbol": "AAA", "side": "BUY", "order_type": "LIMIT", "px_paise": 100_00}
    records = talk.say(Answer.ROW, status="complete", qty=50, cum_qty=50, **row)
    assert [r.code for r in records if isinstance(r, Alert)] == ["adopted"]
    assert talk.desk.word == Word.HALT.value
    assert talk.desk.plans["AAA"].stop_paise == 99_00
    assert (talk.last(Ask.PLACE).qty, talk.last(Ask.PLACE).trigger_paise) == (50, 99_00)
    assert len(fills(talk.trade("B7", "t1", 50))) == 1


def test_trades_by_hand_are_shown_and_count_for_agreement():
    talk = Talk().ready()
    talk.trade("HAND", "h1", 7)
    assert talk.desk.foreign == {"h1": ["AAA", 7]}
    agreed = talk.desk.agreed_ms
    talk.wait(5_000)
    talk.read_books({"AAA": 7})
    assert talk.desk.agreed_ms > agreed


def test_books_that_differ_again_and_again_are_an_alarm_and_stop_entries():
    talk = Talk().ready()
    alerts = []
    for _ in range(8):
        talk.wait(5_000)
        alerts += [r.code for r in talk.read_books({"AAA": 7}) if isinstance(r, Alert)]
    assert alerts == ["books_differ"]
    talk.tick()
    talk.enter()
    assert talk.answered[-1].reason == "not_reconciled"


def test_a_failed_listing_says_nothing():
    talk = Talk().ready()
    talk.filled()
    talk.wait(5_000)
    request = talk.last(Ask.POSITIONS)
    talk.say(Answer.AMBIGUOUS, request)
    assert talk.desk.broker_qty == {}
    assert talk.desk.held("AAA") == 499
    assert talk.desk.read_ms[Ask.POSITIONS] < request.ts


def test_an_unconfirmed_cancellation_is_asked_again():
    talk = Talk(entry_timeout_s=1).ready()
    talk.say(Answer.ACCEPTED, talk.enter(), order_id="B1")
    talk.wait(1_000)
    assert talk.count(Ask.CANCEL) == 1
    talk.say(Answer.AMBIGUOUS, talk.last(Ask.CANCEL))
    talk.wait(2_500)
    assert talk.count(Ask.CANCEL) == 2
