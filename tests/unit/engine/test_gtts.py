"""A GTT of ours in the order manager: its entry, the server that guards, the exit that the server sends."""

from pipeline.core.broker import GTT, GUARD, Answer, Ask, Leg, Word
from tests.fakes.outward_desk import Talk, statuses
from tests.fakes.trading import recommendation

SERVER = {"exits": "gtt", "max_hold_s": 0}


def entered(**changes):
    talk = Talk(**SERVER | changes).ready()
    entry = talk.enter(proposal=recommendation("AAA", talk.now, trail_paise=60))
    talk.say(Answer.ACCEPTED, entry, order_id="G1")
    return talk, entry


def leg(talk, which, order_id, status="complete", **fields):
    base = {"symbol": "AAA", "side": "BUY" if which is Leg.ENTRY else "SELL", "qty": 499, "order_type": "LIMIT", "parent": "G1"}
    book = talk.last(Ask.BOOK)
    return talk.say(Answer.ROW, request_id=book.id, order_id=order_id, status=status, leg=which, **base | fields)


def watch(talk, status=GUARD, qty=499, trigger=99_00):
    return leg(talk, Leg.WATCH, "G1", status, qty=qty, order_type=GTT, trigger_paise=trigger)


def read(talk, position, *rows):
    """Let the book be read: the rows in it, then the rest."""
    while talk.last(Ask.BOOK).id not in talk.desk.in_flight:
        talk.wait(500)
    for which, order_id, fields in rows:
        leg(talk, which, order_id, **fields) if which is not Leg.WATCH else watch(talk, **fields)
    talk.read_books({"AAA": position})


def guarded():
    """Long 499 by entry E1, the server of G1 guards it."""
    talk, _ = entered()
    read(talk, 0, (Leg.ENTRY, "E1", {"cum_qty": 499, "px_paise": 100_05}), (Leg.WATCH, "G1", {}))
    talk.trade("E1", "t1", 499)
    talk.tick()
    read(talk, 499, (Leg.ENTRY, "E1", {"cum_qty": 499}), (Leg.WATCH, "G1", {}))
    return talk


def test_the_entry_carries_its_exits_and_the_trailing_gap():
    talk, entry = entered()
    assert (entry.order_type, entry.limit_paise, entry.trigger_paise, entry.target_paise, entry.trail_paise) == (
        GTT,
        100_10,
        99_00,
        101_50,
        60,
    )
    assert talk.desk.gtts == {"G1": entry.intent_id}


def test_a_server_that_guards_is_an_exit_and_no_other_is_sent():
    talk = guarded()
    (order,) = talk.desk.exits("AAA")
    assert (order.order_id, order.order_type, order.order_qty, order.trigger_paise) == ("G1", GTT, 499, 99_00)
    talk.tick((0, 100.75, 100.85), after_ms=20_000)
    assert talk.count(Ask.PLACE) == 1
    assert talk.count(Ask.MODIFY) == 0, "its server trails"
    read(talk, 499, (Leg.WATCH, "G1", {"trigger": 100_20}))
    assert talk.desk.exits("AAA")[0].trigger_paise == 100_20


def test_what_the_server_sends_is_an_exit_of_ours():
    talk = guarded()
    read(talk, 499, (Leg.STOPLOSS, "S1", {"status": "open pending", "order_type": "MARKET"}), (Leg.WATCH, "G1", {"status": "cancelled"}))
    (order,) = talk.desk.exits("AAA")
    assert (order.order_id, order.purpose) == ("S1", "stop")
    assert talk.count(Ask.PLACE) == 1, "it has handed over: nothing of ours goes out beside it"
    talk.trade("S1", "s1", 499, 99_00, "SELL")
    assert (talk.desk.ledger.qty("AAA"), talk.desk.plans, talk.desk.orders) == (0, {}, {})


def test_to_close_the_server_is_told_first_and_heard():
    talk = guarded()
    talk.command(Word.FLATTEN)
    cancel = talk.last(Ask.CANCEL)
    assert (cancel.order_id, cancel.order_type) == ("G1", GTT)
    talk.say(Answer.ACCEPTED, cancel)
    talk.wait(1_000)
    assert talk.count(Ask.PLACE) == 1
    for _ in range(3):
        read(talk, 499, (Leg.WATCH, "G1", {"status": "cancelled"}))
        talk.wait(500)
    close = talk.last(Ask.PLACE)
    assert (close.order_type, close.qty, close.side) == ("MARKET", 499, "SELL")


def test_nothing_is_sent_before_the_server_could_have_shown_that_it_guards():
    talk, _ = entered()
    read(talk, 0, (Leg.ENTRY, "E1", {"cum_qty": 499, "px_paise": 100_05}))
    talk.trade("E1", "t1", 499)
    talk.command(Word.FLATTEN)
    for _ in range(8):
        talk.wait(500)
        positions = talk.last(Ask.POSITIONS)
        if positions.id in talk.desk.in_flight:
            talk.say(Answer.POSITION, positions, symbol="AAA", qty=499)
            talk.say(Answer.END, positions)
    assert talk.count(Ask.PLACE) == 1, "positions are read, the book is not"
    read(talk, 499, (Leg.ENTRY, "E1", {"cum_qty": 499}), (Leg.WATCH, "G1", {}))
    assert (talk.last(Ask.CANCEL).order_id, talk.count(Ask.PLACE)) == ("G1", 1)


def silent(talk, times, *rows):
    """The book is read again and again, and the server is not in it."""
    for _ in range(times):
        read(talk, 499, *rows)
        talk.wait(2_000)


def test_a_server_that_never_guards_is_told_to_stop_before_a_stop_of_ours_takes_its_place():
    talk, _ = entered()
    entry = (Leg.ENTRY, "E1", {"cum_qty": 499, "px_paise": 100_05})
    read(talk, 0, entry)
    talk.trade("E1", "t1", 499)
    while talk.count(Ask.CANCEL) == 0:
        assert talk.count(Ask.PLACE) == 1
        silent(talk, 1, entry)
    cancel = talk.last(Ask.CANCEL)
    assert (cancel.order_id, cancel.order_type, talk.count(Ask.PLACE)) == ("G1", GTT, 1)
    talk.say(Answer.ACCEPTED, cancel)
    assert talk.desk.exits("AAA") == []
    silent(talk, 1, entry)
    assert (talk.last(Ask.PLACE).order_type, talk.last(Ask.PLACE).qty) == ("SL-M", 499)


def test_a_server_that_forgets_counts_as_gone_when_it_has_nothing_to_stop_for_long():
    talk = guarded()
    while talk.count(Ask.CANCEL) == 0:
        silent(talk, 1)
    talk.say(Answer.REFUSED, talk.last(Ask.CANCEL), reason="UDAPI100040")
    silent(talk, 1)
    assert talk.count(Ask.PLACE) == 1, "it may only be silent: it is asked again"
    for _ in range(8):
        silent(talk, 1)
        talk.say(Answer.REFUSED, talk.last(Ask.CANCEL), reason="UDAPI100040")
    assert (talk.last(Ask.PLACE).order_type, talk.last(Ask.PLACE).qty) == ("SL-M", 499)
    talk.say(Answer.ACCEPTED, talk.last(Ask.PLACE), order_id="B2")
    before = talk.count(Ask.CANCEL)
    read(talk, 499, (Leg.WATCH, "G1", {}))
    assert (talk.count(Ask.CANCEL), talk.last(Ask.CANCEL).order_id) == (before + 1, "G1"), "it was only silent: one of both goes"


def test_a_server_that_shows_itself_in_time_goes_on_guarding():
    talk = guarded()
    for _ in range(6):
        silent(talk, 1)
        silent(talk, 1, (Leg.WATCH, "G1", {}))
    assert (talk.count(Ask.CANCEL), talk.count(Ask.PLACE)) == (0, 1)


def test_a_server_that_has_lost_its_stop_is_told_to_stop():
    talk = guarded()
    read(talk, 499, (Leg.WATCH, "G1", {"trigger": 0}))
    assert (talk.last(Ask.CANCEL).order_id, talk.last(Ask.CANCEL).order_type) == ("G1", GTT)


def test_the_order_of_a_gtt_that_its_server_does_not_name_is_known_by_its_terms():
    talk, entry = entered()
    row = {"symbol": "AAA", "side": "BUY", "order_type": "LIMIT", "limit_paise": 100_10, "status": "complete", "cum_qty": 499}
    for wait_ms, qty, is_ours in ((2_000, 499, False), (9_000, 498, False), (100, 499, True)):
        talk.wait(wait_ms)
        talk.say(Answer.ROW, order_id="E1" if qty == 499 else "E2", qty=qty, **row)
        assert (talk.desk.owners.get("E1") == entry.intent_id) is is_ours
    talk.trade("E1", "t1", 499)
    assert talk.desk.ledger.qty("AAA") == 499


def test_a_server_that_guards_another_quantity_for_long_is_told_to_stop():
    talk = guarded()
    for _ in range(6):
        talk.wait(2_000)
        read(talk, 499, (Leg.WATCH, "G1", {"qty": 300}))
    assert (talk.last(Ask.CANCEL).order_id, talk.last(Ask.CANCEL).order_type) == ("G1", GTT)


def test_an_entry_without_an_answer_is_found_by_its_terms():
    talk = Talk(**SERVER).ready()
    entry = talk.enter()
    talk.say(Answer.AMBIGUOUS, entry, reason="timed out")
    talk.wait(500)
    find = talk.last(Ask.FIND)
    assert (find.order_type, find.qty, find.limit_paise) == (GTT, 499, 100_10)
    talk.say(
        Answer.ROW, find, order_id="E1", status="open", symbol="AAA", side="BUY", qty=499, order_type="LIMIT", parent="G7", leg=Leg.ENTRY
    )
    order = talk.desk.orders[entry.intent_id]
    assert (order.order_id, order.status, talk.desk.gtts) == ("E1", "ACCEPTED", {"G7": entry.intent_id})


def test_one_that_is_another_entrys_is_not_taken_for_it():
    talk = guarded()
    talk.desk.gtts["G7"] = "somebody"
    before = dict(talk.desk.orders)
    row = {"status": "complete", "symbol": "AAA", "side": "BUY", "qty": 499, "cum_qty": 499, "order_type": "LIMIT", "leg": Leg.ENTRY}
    entry_tag = next(iter(talk.desk.tags))
    assert statuses(talk.say(Answer.ROW, tag=entry_tag, order_id="E9", parent="G7", **row)) == []
    assert talk.desk.orders == before
    assert "E9" not in talk.desk.owners


def test_an_entry_is_not_cancelled_before_its_order_is_known():
    talk, _ = entered(entry_timeout_s=1)
    talk.wait(3_000)
    assert talk.count(Ask.CANCEL) == 0
    read(talk, 0, (Leg.ENTRY, "E1", {"status": "open"}))
    assert (talk.last(Ask.CANCEL).order_id, talk.last(Ask.CANCEL).order_type) == ("E1", "LIMIT")


def test_where_a_person_has_traded_the_exits_are_ours():
    talk = Talk(**SERVER).ready()
    talk.trade("HAND", "h1", 7, 100_00, "SELL")
    talk.trade("HAND2", "h2", 7, 100_00, "BUY")
    assert talk.enter().order_type == "LIMIT"
