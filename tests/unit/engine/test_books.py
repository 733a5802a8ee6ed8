from pipeline.core.broker import Answer, Ask, Word
from pipeline.core.types import Alert
from tests.fakes.outward_desk import CALM, Talk, fills, statuses
from tests.fakes.trading import at


def test_a_trade_is_booked_once():
    talk = Talk().ready()
    talk.say(Answer.ACCEPTED, talk.enter(), order_id="B1")
    assert len(fills(talk.trade("B1", "t1", 100))) == 1
    assert fills(talk.trade("B1", "t1", 100)) == []


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
    assert not talk.desk.is_ready, "trades are read again first"
    talk.read_books({"AAA": 50})
    assert talk.desk.plans["AAA"].stop_paise == 99_00
    assert (talk.last(Ask.PLACE).qty, talk.last(Ask.PLACE).trigger_paise) == (50, 99_00)
    assert len(fills(talk.trade("B7", "t1", 50))) == 1


def test_trades_by_hand_are_shown_and_count_for_agreement():
    talk = Talk().ready()
    talk.trade("HAND", "h1", 7)
    assert talk.desk.by_hand() == {"AAA": 7}
    agreed = talk.desk.agreed_ms
    talk.wait(5_000)
    talk.read_books({"AAA": 7})
    assert talk.desk.agreed_ms > agreed


def test_a_trade_read_before_its_order_was_known_is_not_taken_for_one_by_hand():
    """Beside a trade by hand it would hide that one: the stop would be for more than the broker holds (seed 619)."""
    talk = Talk().ready()
    entry = talk.enter()
    talk.say(Answer.AMBIGUOUS, entry)
    talk.trade("HAND", "h1", 7, side="SELL")
    talk.trade("B1", "t1", 499)
    assert talk.desk.by_hand() == {"AAA": 492}
    talk.say(Answer.ROW, tag=entry.tag, order_id="B1", symbol="AAA", side="BUY", status="complete", qty=499, cum_qty=499)
    assert (talk.desk.held("AAA"), talk.desk.ours("AAA"), talk.desk.by_hand()) == (499, 492, {"AAA": -7})
    stop = talk.last(Ask.PLACE)
    assert (stop.order_type, stop.qty) == ("SL-M", 492), "no more than the broker holds"
    assert len(fills(talk.trade("B1", "t1", 499))) == 1
    assert talk.desk.ours("AAA") == 492


def test_books_that_differ_again_and_again_are_an_alarm_and_stop_entries():
    talk = Talk().ready()
    alerts = []
    for _ in range(8):
        talk.wait(5_000)
        alerts += [r.code for r in talk.read_books({"AAA": 7}) if isinstance(r, Alert)]
    assert alerts == ["books_differ"]
    talk.tick()
    talk.look()
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


def test_an_entry_ends_absent_only_after_its_session():
    talk = Talk().ready()
    talk.say(Answer.AMBIGUOUS, talk.enter())
    talk.now = at("15:10")
    talk.wait(1)
    assert statuses(talk.read_books()) == []
    talk.now = at("15:50")
    talk.wait(1)
    assert statuses(talk.read_books()) == ["ABSENT"]


def test_the_brokers_own_exit_is_found_by_its_new_order_and_not_by_an_older_one():
    talk = Talk(close_tries=0).ready()
    talk.say(Answer.ACCEPTED, talk.filled(), order_id="B2")
    stranger = {"symbol": "AAA", "side": "SELL", "order_type": "MARKET", "status": "complete"}
    talk.say(Answer.ROW, order_id="HAND", qty=7, **stranger)
    talk.command(Word.FLATTEN)
    talk.now += 10
    talk.say(Answer.ROW, order_id="B2", tag=talk.last(Ask.CANCEL).tag, symbol="AAA", side="SELL", status="cancelled", qty=499)
    for _ in range(3):
        talk.wait(10)
        talk.read_books({"AAA": 499})
    exit_all = talk.last(Ask.EXIT_ALL)
    talk.say(Answer.AMBIGUOUS, exit_all)
    assert talk.say(Answer.ROW, order_id="HAND", qty=7, **stranger)[1:] == []
    assert "ACCEPTED" in statuses(talk.say(Answer.ROW, order_id="X9", qty=499, cum_qty=499, **stranger))
    talk.trade("X9", "x1", 499, 101_00, "SELL")
    assert talk.desk.ledger.qty("AAA") == 0


def test_a_stop_that_fills_more_than_it_was_changed_to_is_booked_and_told():
    """A person sells 100, the stop is changed to 399, the broker takes that, and the exchange fills the 499 it knows."""
    talk = Talk().ready()
    stop = talk.filled()
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    talk.trade("H1", "h1", 100, 100_00, "SELL")
    talk.tick()
    talk.say(Answer.ACCEPTED, talk.last(Ask.MODIFY), order_id="B2")
    records = talk.trade("B2", "s1", 499, 99_00, "SELL")
    assert [r.code for r in records if isinstance(r, Alert)] == ["over_fill"]
    assert (talk.desk.ledger.qty("AAA"), talk.desk.held("AAA")) == (0, 0)
    row = {"order_id": "B2", "tag": stop.tag, "symbol": "AAA", "side": "SELL", "order_type": "SL-M", "trigger_paise": 99_00}
    talk.say(Answer.ROW, status="complete", qty=499, cum_qty=499, **row)
    assert (talk.desk.orders, talk.desk.plans) == ({}, {})


def test_an_entry_that_a_person_made_larger_is_guarded_whole():
    talk = Talk().ready()
    stop = talk.filled(499)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    records = talk.trade("B1", "t2", 301)
    assert [r.code for r in records if isinstance(r, Alert)] == ["over_fill"]
    assert talk.last(Ask.MODIFY).qty == 800
