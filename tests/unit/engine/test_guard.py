"""The order that guards a position: a stop that follows the price, and the pair that is one order."""

from itertools import pairwise

from pipeline.core.broker import Answer, Ask, Word
from pipeline.engine.guard import is_doing, stop_terms
from tests.fakes.outward_desk import Talk
from tests.fakes.trading import recommendation

PAIR = {"exits": "pair", "near_bps": 20.0, "max_hold_s": 0}
CALM = (0, 99.95, 100.05)


def held(trail=0, **changes):
    """Long 499 AAA from 100.05, a stop B2 at 99.00, target 101.50."""
    talk = Talk(**{"max_hold_s": 0} | changes).ready()
    entry = talk.enter(proposal=recommendation("AAA", talk.now, trail_paise=trail))
    talk.say(Answer.ACCEPTED, entry, order_id="B1")
    talk.trade("B1", "t1", 499)
    stop = talk.last(Ask.PLACE)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    return talk, stop


def row(talk, status, order_type="SL-M", limit=0, trigger=99_00, cum=0):
    return talk.say(
        Answer.ROW, tag=talk.last(Ask.PLACE).tag, order_id="B2", symbol="AAA", side="SELL", status=status, qty=499, cum_qty=cum,
        order_type=order_type, limit_paise=limit, trigger_paise=trigger,
    )  # fmt: skip


def test_the_stop_follows_the_best_price_by_steps_and_not_too_often():
    talk, _ = held(trail=60, trail_step_bps=10.0, trail_every_s=15.0)
    talk.tick((0, 99.65, 99.75))
    assert talk.count(Ask.MODIFY) == 0, "not in profit: it stays where the entry set it"
    talk.tick((0, 100.55, 100.65))
    change = talk.last(Ask.MODIFY)
    assert (change.order_id, change.qty, change.order_type, change.trigger_paise) == ("B2", 499, "SL-M", 100_00)
    talk.say(Answer.ACCEPTED, change)
    talk.tick((0, 100.75, 100.85))
    assert talk.count(Ask.MODIFY) == 1, "15 s have not passed"
    talk.tick((0, 100.25, 100.35), after_ms=15_000)
    talk.read_books({"AAA": 499})
    assert talk.last(Ask.MODIFY).trigger_paise == 100_20, "the best price counts, not the newest"
    talk.say(Answer.ACCEPTED, talk.last(Ask.MODIFY))
    talk.tick((0, 100.28, 100.38), after_ms=16_000)
    talk.tick((0, 100.85, 100.95), after_ms=100)
    assert talk.count(Ask.MODIFY) == 2, "a step of ten basis points is wanted"


def test_without_a_distance_the_stop_stays():
    talk, _ = held(trail=0)
    talk.tick((0, 101.25, 101.35))
    assert talk.count(Ask.MODIFY) == 0


def test_a_refused_change_is_asked_again_later_and_later():
    talk, _ = held(trail=60)
    talk.tick((0, 100.55, 100.65))
    asked = []
    for _ in range(60):
        if talk.last(Ask.MODIFY).id in talk.desk.in_flight:
            asked.append(talk.now)
            talk.say(Answer.REFUSED, talk.last(Ask.MODIFY), reason="HTTP 400 UDAPI100041")
        talk.tick((0, 100.55, 100.65), after_ms=250)
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 4_000


def test_near_its_target_the_stop_of_a_pair_becomes_the_limit_and_back():
    talk, _ = held(**PAIR)
    talk.tick((0, 101.25, 101.35))
    assert talk.count(Ask.MODIFY) == 0, "24 basis points off"
    talk.tick((0, 101.30, 101.40))
    change = talk.last(Ask.MODIFY)
    assert (change.order_id, change.order_type, change.limit_paise, change.trigger_paise, change.qty) == ("B2", "LIMIT", 101_50, 0, 499)
    talk.say(Answer.ACCEPTED, change)
    talk.tick((0, 101.15, 101.25))
    assert talk.count(Ask.MODIFY) == 1, "34 basis points: not twice as far yet"
    talk.tick((0, 101.05, 101.15))
    back = talk.last(Ask.MODIFY)
    assert (back.order_type, back.limit_paise, back.trigger_paise) == ("SL-M", 0, 99_00)
    assert talk.count(Ask.PLACE) == 2, "entry and one exit: a pair is one order"
    assert talk.count(Ask.CANCEL) == 0


def test_a_pair_that_fills_is_flat_with_nothing_left_to_cancel():
    talk, _ = held(**PAIR)
    talk.tick((0, 101.45, 101.55))
    talk.say(Answer.ACCEPTED, talk.last(Ask.MODIFY))
    talk.trade("B2", "x1", 200, 101_50, "SELL")
    talk.tick((0, 101.0, 101.1))
    assert (talk.last(Ask.MODIFY).order_type, talk.last(Ask.MODIFY).qty) == ("SL-M", 499), "what it has sold counts in its total"
    talk.say(Answer.ACCEPTED, talk.last(Ask.MODIFY))
    talk.trade("B2", "x2", 299, 99_00, "SELL")
    assert (talk.desk.ledger.qty("AAA"), talk.desk.plans, talk.desk.orders) == (0, {}, {})
    assert talk.count(Ask.CANCEL) == 0


def test_at_its_target_a_pair_is_given_a_moment_then_closed():
    talk, _ = held(**PAIR)
    talk.tick((0, 101.55, 101.65))
    talk.say(Answer.ACCEPTED, talk.last(Ask.MODIFY))
    row(talk, "open", "LIMIT", 101_50, 0)
    talk.tick((0, 101.55, 101.65), after_ms=4_000)
    assert talk.count(Ask.CANCEL) == 0
    talk.tick((0, 101.55, 101.65), after_ms=1_100)
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B2"]


def test_a_limit_is_no_stop():
    talk, _ = held(**PAIR)
    talk.tick((0, 101.45, 101.55))
    talk.say(Answer.ACCEPTED, talk.last(Ask.MODIFY))
    row(talk, "open", "LIMIT", 101_50, 0)
    talk.tick((0, 98.95, 99.05))
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B2"], "the price fell through the stop: closed from here"


def test_without_a_pair_the_target_is_closed_from_here():
    talk, _ = held(near_bps=20.0)
    talk.tick((0, 101.45, 101.55))
    assert talk.count(Ask.MODIFY) == 0
    talk.tick((0, 101.50, 101.60))
    assert talk.count(Ask.CANCEL) == 1


def test_a_stop_that_has_triggered_is_left_alone():
    talk, _ = held(trail=60, **PAIR)
    row(talk, "open")
    talk.tick((0, 101.45, 101.55))
    assert talk.count(Ask.MODIFY) == 0


BELOW = (0, 90.0, 90.1)


def test_a_stop_that_has_triggered_and_rests_is_given_a_moment_then_closed():
    talk, _ = held()
    row(talk, "open")
    talk.tick(BELOW)
    talk.tick(BELOW, after_ms=4_800)
    assert talk.count(Ask.CANCEL) == 0
    talk.trade("B2", "s1", 100, 98_00, "SELL")
    talk.tick(BELOW, after_ms=4_800)
    assert talk.count(Ask.CANCEL) == 0, "it sells: it is left at it"
    talk.tick(BELOW, after_ms=300)
    assert [r.order_id for r in talk.requests if r.ask is Ask.CANCEL] == ["B2"], "the price has gone past its protection"
    assert talk.desk.plans["AAA"].closing == "stop"


def test_a_stop_that_waits_hides_no_other_reason():
    talk, _ = held(max_hold_s=60)
    talk.tick(after_ms=58_000)
    row(talk, "open")
    talk.tick(BELOW)
    assert talk.count(Ask.CANCEL) == 0
    talk.tick(BELOW, after_ms=2_000)
    assert talk.desk.plans["AAA"].closing == "max_hold"


def test_a_change_that_the_exchange_turned_down_is_seen_and_asked_again():
    talk, _ = held(trail=60)
    talk.tick((0, 100.55, 100.65))
    talk.say(Answer.ACCEPTED, talk.last(Ask.MODIFY))
    assert talk.desk.exits("AAA")[0].trigger_paise == 100_00
    talk.read_books({"AAA": 499})
    while talk.count(Ask.MODIFY) == 1:
        talk.wait(3_000)
        talk.say(
            Answer.ROW, request_id=talk.last(Ask.BOOK).id, order_id="B2", tag=talk.last(Ask.PLACE).tag, symbol="AAA", side="SELL", qty=499,
            status="trigger pending", order_type="SL-M", trigger_paise=99_00,
        )  # fmt: skip
        talk.read_books({"AAA": 499})
    assert talk.last(Ask.MODIFY).trigger_paise == 100_00


def test_no_face_is_shown_once_it_is_closing():
    talk, _ = held(**PAIR)
    talk.command(Word.FLATTEN)
    talk.tick((0, 101.45, 101.55))
    assert talk.count(Ask.MODIFY) == 0


def test_derivatives_have_a_stop_with_a_limit(monkeypatch):
    talk, _ = held()
    plan, paper = talk.desk.plans["AAA"], talk.desk.papers["AAA"]
    assert stop_terms(talk.desk, plan, 5).order_type == "SL-M"
    from dataclasses import replace

    from pipeline.core.session import Group

    talk.desk.papers["AAA"] = replace(paper, group=Group.FO)
    assert stop_terms(talk.desk, plan, 5).limit_paise == 99_00 - 295
    assert stop_terms(talk.desk, plan, 5).order_type == "SL"


def test_nothing_does_it_where_nothing_lies():
    assert not is_doing([], "stop", is_late=False)
    assert not is_doing([], "target", is_late=False)
