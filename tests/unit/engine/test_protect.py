from pipeline.core.broker import READS, Answer, Ask, Control, Word
from pipeline.core.types import Alert
from pipeline.engine.desk import new_desk
from pipeline.engine.orders import on_control
from pipeline.engine.protect import HANDS_OFF_MS, is_hands_off
from tests.fakes.outward_desk import T, Talk, fills, statuses
from tests.fakes.trading import PAPERS, at, day, params

SOLD = {"side": "SELL", "px": 101_50}


def guarded(**changes):
    """Long 499 AAA with a stop B2 at the broker."""
    talk = Talk(**changes).ready()
    stop = talk.filled()
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    return talk, stop


def read_after(talk, stop, broker_qty):
    """The stop is cancelled; whatever is read then shows this position."""
    talk.now += 10
    cancelled(talk, stop.tag)
    for _ in range(3):
        talk.wait(10)
        talk.read_books({"AAA": broker_qty})


def cancelled(talk, tag, order_id="B2"):
    return talk.say(Answer.ROW, tag=tag, order_id=order_id, symbol="AAA", side="SELL", status="cancelled", qty=499)


def test_the_stop_follows_the_first_fill():
    talk = Talk().ready()
    stop = talk.filled(100)
    assert (stop.order_type, stop.side, stop.qty, stop.trigger_paise) == ("SL-M", "SELL", 100, 99_00)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    talk.trade("B1", "t2", 200)
    change = talk.last(Ask.MODIFY)
    assert (change.order_id, change.qty) == ("B2", 300)
    talk.say(Answer.ACCEPTED, change)
    talk.trade("B2", "s1", 50, 99_00, "SELL")
    talk.trade("B1", "t3", 100)
    assert talk.last(Ask.MODIFY).qty == 400, "what the stop has sold, and what is held now"


def test_closing_cancels_waits_reads_and_sends_once():
    talk, stop = guarded()
    talk.tick((0, 101.50, 101.60))
    talk.tick((0, 101.50, 101.60))
    assert talk.count(Ask.PLACE) == 2, "nothing is sent before the book has spoken"
    assert talk.count(Ask.CANCEL) == 1
    read_after(talk, stop, 499)
    close = talk.last(Ask.PLACE)
    assert (close.order_type, close.qty, close.side) == ("MARKET", 499, "SELL")
    talk.say(Answer.ACCEPTED, close, order_id="B3")
    records = talk.trade("B3", "c1", 499, **SOLD)
    assert statuses(records) == ["FILLED"]
    assert (talk.desk.ledger.qty("AAA"), talk.desk.plans) == (0, {})


def closing(talk, stop, broker_qty):
    """Ask for flat, let the stop be cancelled, and tell a position."""
    talk.command(Word.FLATTEN)
    read_after(talk, stop, broker_qty)


def test_no_more_is_closed_than_the_broker_holds():
    talk, stop = guarded()
    closing(talk, stop, 120)
    assert talk.last(Ask.PLACE).qty == 120


def test_a_position_that_is_gone_at_the_broker_is_not_closed_but_told():
    talk, stop = guarded()
    before = talk.count(Ask.PLACE)
    closing(talk, stop, 0)
    alerts = []
    for _ in range(8):
        alerts += [r.code for r in [*talk.wait(5_000), *talk.read_books()] if isinstance(r, Alert)]
    assert talk.count(Ask.PLACE) == before
    assert "position_gone" in alerts


def test_an_exit_without_an_answer_blocks_the_next_until_the_book_has_settled():
    talk, stop = guarded()
    closing(talk, stop, 499)
    close, sent = talk.last(Ask.PLACE), talk.count(Ask.PLACE)
    talk.say(Answer.AMBIGUOUS, close)
    for _ in range(4):
        talk.wait(5_000)
        talk.read_books({"AAA": 499})
    assert talk.count(Ask.PLACE) == sent
    for _ in range(4):
        talk.wait(5_000)
        talk.read_books({"AAA": 499})
    assert talk.count(Ask.PLACE) == sent + 1
    assert talk.last(Ask.PLACE).tag != close.tag


def test_closing_orders_that_keep_failing_leave_it_to_the_broker():
    talk, stop = guarded()
    closing(talk, stop, 499)
    for _ in range(12):
        if talk.last(Ask.PLACE).id in talk.desk.in_flight:
            talk.say(Answer.REFUSED, talk.last(Ask.PLACE), reason="HTTP 400 UDAPI1158")
        talk.wait(5_000)
        talk.read_books({"AAA": 499})
        if talk.count(Ask.EXIT_ALL):
            break
    request = talk.last(Ask.EXIT_ALL)
    assert request.tag.startswith("tt-"), "the position is named by its entry's tag"
    talk.say(Answer.ACCEPTED, request, order_id="X9")
    assert len(fills(talk.trade("X9", "x1", 499, **SOLD))) == 1
    assert talk.desk.ledger.qty("AAA") == 0


def test_a_stop_that_filled_takes_the_rest_of_the_entry_away():
    talk = Talk().ready()
    stop = talk.filled(100)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    talk.trade("B2", "s1", 100, 99_00, "SELL")
    assert (talk.requests[-1].ask, talk.requests[-1].order_id) == (Ask.CANCEL, "B1")


def test_what_a_person_closed_is_not_closed_again():
    talk, _ = guarded()
    records = talk.trade("HAND", "h1", 499, 100_00, "SELL")
    assert (talk.requests[-1].ask, talk.requests[-1].order_id) == (Ask.CANCEL, "B2")
    records = cancelled(talk, talk.requests[-1].tag)
    assert [r.code for r in records if isinstance(r, Alert)] == ["closed_by_hand"]
    sent = talk.count(Ask.PLACE)
    talk.tick((0, 90.0, 90.1))
    assert talk.count(Ask.PLACE) == sent


def test_a_second_exit_beyond_the_position_is_cancelled():
    talk, _ = guarded()
    row = {"tag": "tx-00000000000000aa", "symbol": "AAA", "side": "SELL", "order_type": "SL-M", "trigger_paise": 98_00}
    talk.say(Answer.ROW, order_id="B8", status="trigger pending", qty=499, **row)
    talk.read_books({"AAA": 499})
    assert talk.last(Ask.CANCEL).order_id == "B8"


def test_the_halt_cancels_entries_and_keeps_stops():
    talk = Talk().ready()
    stop = talk.filled(100)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    talk.command(Word.HALT)
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B1"]
    talk.tick()
    talk.enter("BBB")
    assert talk.answered[-1].reason == "halted"
    talk.command(Word.RESUME)
    talk.enter("CCC")
    assert talk.answered[-1].reason == "stale_quote", "lifted: the checks speak again"


def test_a_pause_stops_entries_and_nothing_else():
    talk = Talk().ready()
    stop = talk.filled(100)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    talk.command(Word.PAUSE)
    assert talk.count(Ask.CANCEL) == 0
    talk.tick()
    talk.enter("BBB")
    assert talk.answered[-1].reason == "reducing"
    talk.command(Word.HALT)
    assert talk.count(Ask.CANCEL) == 1
    talk.command(Word.PAUSE)
    assert talk.desk.word == Word.HALT, "a milder word loosens nothing"


def test_after_a_kill_we_keep_still_and_then_close_what_is_left():
    talk, stop = guarded()
    talk.command(Word.KILL)
    before = len(talk.requests)
    cancelled(talk, stop.tag)
    while talk.now - talk.desk.word_ms < HANDS_OFF_MS - 5_000:
        talk.wait(4_000)
        talk.read_books({"AAA": 499})
    assert {r.ask for r in talk.requests[before:]} <= READS, "no new stop, no exit: somebody else closes"
    for _ in range(4):
        talk.wait(3_000)
        talk.read_books({"AAA": 499})
    assert (talk.last(Ask.PLACE).order_type, talk.last(Ask.PLACE).qty) == ("MARKET", 499)


def test_a_second_kill_by_hand_renews_the_time_and_a_file_that_lies_there_does_not():
    talk, _ = guarded()
    talk.command(Word.KILL)
    talk.wait(HANDS_OFF_MS + 1_000)
    assert not is_hands_off(talk.desk, talk.now)
    list(on_control(talk.desk, Control(talk.now, Word.KILL, "file"), talk.now))
    assert not is_hands_off(talk.desk, talk.now)
    talk.command(Word.KILL)
    assert is_hands_off(talk.desk, talk.now)
    talk.command(Word.HALT)
    talk.wait(HANDS_OFF_MS - 1)
    assert is_hands_off(talk.desk, talk.now)
    talk.wait(1)
    assert not is_hands_off(talk.desk, talk.now), "a milder word renews nothing"


def test_after_a_kill_a_change_without_an_answer_is_not_repeated():
    talk = Talk().ready()
    stop = talk.filled(300)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    talk.trade("B1", "t2", 199)
    assert (talk.last(Ask.MODIFY).qty, talk.count(Ask.MODIFY)) == (499, 1)
    talk.command(Word.KILL)
    before = len(talk.requests)
    for _ in range(8):
        talk.wait(4_000)
    assert {r.ask for r in talk.requests[before:]} <= READS, "the broker is asked to cancel that stop meanwhile"
    while talk.now - talk.desk.word_ms < HANDS_OFF_MS:
        talk.wait(4_000)
    assert talk.count(Ask.MODIFY) + talk.count(Ask.CANCEL) > 1


def test_after_a_kill_a_stop_that_holds_more_than_is_left_is_taken_back():
    """One that was on its way when the broker closed the position would open a new one (seeds 1224 and 1502)."""
    talk = Talk().ready()
    stop = talk.filled()
    talk.command(Word.KILL)
    talk.trade("M1", "m1", 300, **SOLD)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B2"]
    cancelled(talk, stop.tag)
    assert talk.count(Ask.PLACE) == 2, "and no other one goes out"


def test_an_entry_that_fills_again_after_its_position_was_closed_is_guarded_again():
    """Its end was confirmed, and it had filled after all (seed 378)."""
    talk = Talk().ready()
    stop = talk.filled(100)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    talk.say(
        Answer.ROW,
        tag=talk.desk.orders[talk.desk.owners["B1"]].tag,
        order_id="B1",
        symbol="AAA",
        side="BUY",
        status="cancelled",
        qty=499,
        cum_qty=100,
    )
    talk.trade("B2", "s1", 100, 99_00, "SELL")
    assert (talk.desk.plans, talk.count(Ask.PLACE)) == ({}, 2)
    talk.trade("B1", "t2", 50)
    again = talk.last(Ask.PLACE)
    assert (again.order_type, again.qty, talk.count(Ask.PLACE)) == ("SL-M", 50, 3)
    assert again.intent_id != stop.intent_id


def test_on_paper_a_kill_flattens():
    desk = new_desk(PAPERS, day(), params())
    list(on_control(desk, Control(T, Word.KILL, "file"), T))
    assert desk.word == Word.FLATTEN


def test_square_off_closes():
    talk, _ = guarded(max_hold_s=0)
    talk.now = at("15:05") - 100
    talk.tick()
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B2"]


def test_a_stop_passed_long_ago_is_not_waited_for():
    talk, _ = guarded()
    below = (0, 98.5, 98.6)
    talk.tick(below)
    talk.tick(below, after_ms=4_000)
    assert talk.count(Ask.CANCEL) == 0
    talk.tick(below, after_ms=2_000)
    assert talk.count(Ask.CANCEL) == 1


def refuse_closings(talk, broker_qty, seconds=12):
    """Let closing orders fail until their tries are used up."""
    for _ in range(seconds):
        if talk.last(Ask.PLACE).id in talk.desk.in_flight:
            talk.say(Answer.REFUSED, talk.last(Ask.PLACE), reason="HTTP 400 UDAPI1158")
        talk.wait(5_000)
        talk.read_books({"AAA": broker_qty})


def test_what_has_closed_in_part_is_not_left_to_an_exit_by_tag():
    talk, stop = guarded()
    talk.trade("B2", "s1", 100, 99_00, "SELL")
    closing(talk, stop, 399)
    refuse_closings(talk, 399)
    assert talk.count(Ask.EXIT_ALL) == 0, "the tag's trades come to 499: that would reverse"
    assert (talk.last(Ask.PLACE).order_type, talk.last(Ask.PLACE).qty) == ("MARKET", 399)


def test_what_a_person_has_sold_in_part_is_not_left_to_an_exit_by_tag():
    talk, stop = guarded()
    talk.trade("HAND", "h1", 100, 100_00, "SELL")
    closing(talk, stop, 399)
    refuse_closings(talk, 399)
    assert talk.count(Ask.EXIT_ALL) == 0
    assert talk.last(Ask.PLACE).qty == 399


def test_a_part_that_cannot_be_read_is_not_closed_blindly():
    talk, stop = guarded()
    talk.trade("B2", "s1", 100, 99_00, "SELL")
    talk.command(Word.FLATTEN)
    cancelled(talk, stop.tag)
    for _ in range(30):
        talk.wait(2_000)
        positions = talk.last(Ask.POSITIONS)
        if positions.id in talk.desk.in_flight:
            talk.say(Answer.AMBIGUOUS, positions, reason="HTTP 500")
    assert (talk.count(Ask.EXIT_ALL), talk.count(Ask.PLACE)) == (0, 2)


def rests(talk, order_id, tag, seconds, **row):
    """Let time go by while the book shows an order that rests, and 499 held; a cancel is obeyed."""
    alerts = []
    shown = {"order_id": order_id, "tag": tag, "symbol": "AAA", "side": "SELL", "status": "open", "qty": 499, "order_type": "MARKET"} | row
    for _ in range(seconds * 2):
        book = talk.last(Ask.BOOK)
        if book.id in talk.desk.in_flight:
            talk.say(Answer.ROW, book, **shown)
        records = [*talk.read_books({"AAA": 499}), *talk.wait(500)]
        if any(r.ask is Ask.CANCEL and r.order_id == order_id for r in talk.requests):
            shown["status"] = "cancelled"
        alerts += [r.code for r in records if isinstance(r, Alert)]
    return alerts


def test_a_closing_order_that_rests_is_taken_away_when_its_time_is_up():
    talk, stop = guarded()
    closing(talk, stop, 499)
    close = talk.last(Ask.PLACE)
    talk.say(Answer.ACCEPTED, close, order_id="B3")
    rests(talk, "B3", close.tag, 38)
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B2"], "it has the time of its rung"
    alerts = rests(talk, "B3", close.tag, 12)
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B2", "B3"]
    assert (talk.count(Ask.EXIT_ALL), alerts) == (1, ["exit_all"])


def test_a_closing_order_that_fills_slowly_is_left_at_it():
    talk, stop = guarded()
    closing(talk, stop, 499)
    close = talk.last(Ask.PLACE)
    talk.say(Answer.ACCEPTED, close, order_id="B3")
    for number in range(12):
        rests(talk, "B3", close.tag, 4)
        talk.trade("B3", f"c{number}", 10, **SOLD)
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B2"]


def refuse_cancels(talk, stop, seconds, *, changes_too=False):
    """Let time go by while the broker refuses to cancel the stop that its book shows; it takes changes, or refuses them too."""
    row = {"order_id": "B2", "tag": stop.tag, "symbol": "AAA", "side": "SELL", "qty": 499}
    guard = {"status": "trigger pending", "order_type": "SL-M", "trigger_paise": stop.trigger_paise}
    alerts = []
    for _ in range(seconds * 2):
        for request in [r for r in talk.desk.in_flight.values() if r.ask in {Ask.CANCEL, Ask.MODIFY}]:
            if request.ask is Ask.CANCEL or changes_too:
                talk.say(Answer.REFUSED, request, reason="HTTP 400 UDAPI100040")
            else:
                talk.say(Answer.ACCEPTED, request)
                guard = {"status": "open", "order_type": "MARKET"}
        book = talk.last(Ask.BOOK)
        if book.id in talk.desk.in_flight:
            talk.say(Answer.ROW, book, **row, **guard)
        alerts += [r.code for r in [*talk.read_books({"AAA": 499}), *talk.wait(500)] if isinstance(r, Alert)]
    return alerts


def test_a_stop_that_cannot_be_cancelled_becomes_the_closing_order():
    talk, stop = guarded()
    talk.command(Word.FLATTEN)
    refuse_cancels(talk, stop, 39)
    assert (talk.count(Ask.MODIFY), talk.count(Ask.PLACE)) == (0, 2)
    assert 4 <= talk.count(Ask.CANCEL) <= 7, "asked again, later and later"
    refuse_cancels(talk, stop, 5)
    change = talk.last(Ask.MODIFY)
    assert (change.order_id, change.order_type, change.qty, change.trigger_paise) == ("B2", "MARKET", 499, 0)
    assert (talk.count(Ask.MODIFY), talk.count(Ask.PLACE), talk.count(Ask.EXIT_ALL)) == (1, 2, 0), "one order: it cannot reverse"
    talk.trade("B2", "c1", 499, **SOLD)
    assert (talk.desk.ledger.qty("AAA"), talk.desk.plans) == (0, {})


def test_where_nothing_can_be_cancelled_or_changed_somebody_is_called():
    talk, stop = guarded()
    talk.command(Word.FLATTEN)
    alerts = refuse_cancels(talk, stop, 300, changes_too=True)
    assert alerts.count("close_late") == 1
    assert talk.count(Ask.PLACE) == 2, "nothing beside a stop that may still fill"
    assert talk.count(Ask.CANCEL) < 40


def test_closing_orders_have_their_time_then_the_broker_then_a_person():
    talk, stop = guarded(close_tries=1_000, settle_s=25.0)
    closing(talk, stop, 499)
    began, alarms, exits = talk.now, [], []
    for _ in range(60):
        for request in (talk.last(Ask.PLACE), *(r for r in talk.requests if r.ask is Ask.EXIT_ALL)):
            if request.id in talk.desk.in_flight:
                talk.say(Answer.REFUSED, request, reason="HTTP 400 UDAPI1158")
        records = [*talk.wait(2_000), *talk.read_books({"AAA": 499})]
        alarms += [(talk.now - began, r.code) for r in records if isinstance(r, Alert)]
        if talk.count(Ask.EXIT_ALL) > len(exits):
            exits.append(talk.now - began)
    assert 38_000 <= exits[0] <= 46_000, "our own orders have forty seconds"
    assert 38_000 <= exits[1] - exits[0] <= 46_000, "then they have their time again"
    called = [at for at, code in alarms if code == "close_late"]
    assert len(called) == 1
    assert 78_000 <= called[0] <= 84_000


def test_a_position_that_cannot_be_read_is_left_to_the_broker_in_time():
    talk, stop = guarded()
    talk.command(Word.FLATTEN)
    cancelled(talk, stop.tag)
    for _ in range(22):
        talk.wait(2_000)
        positions = talk.last(Ask.POSITIONS)
        if positions.id in talk.desk.in_flight:
            talk.say(Answer.AMBIGUOUS, positions, reason="HTTP 500")
    assert talk.count(Ask.EXIT_ALL) == 1
    assert talk.count(Ask.PLACE) == 2, "nothing of ours was sent on a position that nobody has read"
