"""Refusals: told at the third, closed at the fifth or in time, halted where no repetition helps."""

import pytest

from pipeline.core.broker import Answer, Ask, Word
from pipeline.core.types import Alert
from pipeline.engine.refusals import HOPELESS
from tests.fakes.outward_desk import Talk

HOW = ("refused by the broker", "rejected by the exchange")


def turn_down(talk, how, seconds, reason="RMS: blocked", types=("SL-M",), seen=None):
    """Let time go by while every order of these types is turned down; give the alerts."""
    alerts, seen = [], set() if seen is None else seen
    for _ in range(seconds * 4):
        records = []
        for request in [r for r in talk.requests if r.ask is Ask.PLACE and r.order_type in types and r.id not in seen]:
            seen.add(request.id)
            if how == HOW[0]:
                records += talk.say(Answer.REFUSED, request, reason=reason)
                continue
            row = {"order_id": f"X{len(seen)}", "tag": request.tag, "symbol": "AAA", "side": "SELL", "qty": request.qty}
            talk.say(Answer.ACCEPTED, request, order_id=row["order_id"])
            records += talk.say(Answer.ROW, status="rejected", order_type="SL-M", trigger_paise=request.trigger_paise, reason=reason, **row)
        alerts += [r for r in [*records, *talk.read_books({"AAA": 499}), *talk.tick(after_ms=250)] if isinstance(r, Alert)]
    return alerts


@pytest.mark.parametrize("how", HOW)
def test_a_stop_that_is_refused_is_told_at_the_third_and_closed_at_the_fifth(how):
    talk = Talk().ready()
    talk.filled()
    alerts = turn_down(talk, how, 20)
    assert [a.code for a in alerts] == ["stop_refused"]
    assert "RMS: blocked" in alerts[0].message
    stops = [r for r in talk.requests if r.order_type == "SL-M" and r.ask is Ask.PLACE]
    assert len(stops) == 5
    assert (talk.last(Ask.PLACE).order_type, talk.last(Ask.PLACE).qty) == ("MARKET", 499)
    assert talk.desk.plans["AAA"].closing == "unguarded"
    assert talk.desk.word == ""


def test_it_is_closed_in_time_when_that_comes_first():
    talk = Talk(guard_tries=1_000).ready()
    talk.filled()
    seen = set()
    turn_down(talk, HOW[0], 14, seen=seen)
    assert talk.last(Ask.PLACE).order_type == "SL-M"
    turn_down(talk, HOW[0], 3, seen=seen)
    assert talk.last(Ask.PLACE).order_type == "MARKET"


def test_a_stop_that_the_book_shows_ends_the_count():
    talk = Talk().ready()
    talk.filled()
    seen = set()
    turn_down(talk, HOW[0], 1, seen=seen)
    assert talk.desk.plans["AAA"].turned_down == 2
    talk.wait(2_000)
    stop = talk.last(Ask.PLACE)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    row = {"order_id": "B2", "tag": stop.tag, "symbol": "AAA", "side": "SELL", "order_type": "SL-M", "trigger_paise": stop.trigger_paise}
    talk.say(Answer.ROW, status="validation pending", qty=499, **row)
    assert talk.desk.plans["AAA"].turned_down == 2, "taken, but not on the book yet"
    talk.say(Answer.ROW, status="trigger pending", qty=499, **row)
    assert talk.desk.plans["AAA"].turned_down == 0
    turn_down(talk, HOW[0], 20, seen=seen)
    assert talk.desk.plans["AAA"].closing == ""


def test_a_change_that_is_refused_while_the_stop_covers_all_is_no_refused_stop():
    talk = Talk().ready()
    stop = talk.filled(100)
    talk.say(Answer.ACCEPTED, stop, order_id="B2")
    row = {"order_id": "B2", "tag": stop.tag, "symbol": "AAA", "side": "SELL", "order_type": "SL-M", "trigger_paise": stop.trigger_paise}
    talk.say(Answer.ROW, status="trigger pending", qty=100, **row)
    talk.trade("B1", "t2", 200)
    for number in range(1, 5):
        talk.say(Answer.REFUSED, talk.last(Ask.MODIFY), reason="HTTP 400 UDAPI100041")
        assert talk.desk.plans["AAA"].turned_down == number, "200 are not covered"
        talk.tick(after_ms=5_000)
    talk.say(Answer.REFUSED, talk.last(Ask.MODIFY), reason="HTTP 400 UDAPI100041")
    talk.tick()
    assert talk.desk.plans["AAA"].closing == "unguarded"


@pytest.mark.parametrize("code", HOPELESS)
def test_what_no_repetition_mends_halts_with_a_word_for_the_person(code):
    talk = Talk().ready()
    entry = talk.enter()
    records = talk.say(Answer.REFUSED, entry, reason=f"POST /v3/order/place: refused (HTTP 400 {code}): check the request")
    (alert,) = [r for r in records if isinstance(r, Alert)]
    assert (alert.code, talk.desk.word) == ("refused_for_good", Word.HALT)
    assert code in alert.message
    assert HOPELESS[code] in alert.message
    talk.tick()
    talk.enter("BBB")
    assert talk.answered[-1].reason == "halted"
    talk.command(Word.RESUME)
    assert talk.desk.word == ""


def test_from_a_foreign_address_it_halts_at_once_and_exits_go_on_being_tried():
    talk = Talk().ready()
    talk.filled()
    alerts = turn_down(talk, HOW[0], 60, "HTTP 400 UDAPI1154", ("SL-M", "MARKET"))
    assert [a.code for a in alerts][:2] == ["refused_for_good", "stop_refused"]
    assert talk.desk.word == Word.HALT
    assert talk.desk.plans["AAA"].closing == "unguarded"
    before = talk.count(Ask.PLACE) + talk.count(Ask.EXIT_ALL)
    turn_down(talk, HOW[0], 60, "HTTP 400 UDAPI1154", ("SL-M", "MARKET"))
    assert talk.count(Ask.PLACE) + talk.count(Ask.EXIT_ALL) > before


def test_an_ordinary_refusal_halts_nothing():
    talk = Talk().ready()
    talk.say(Answer.REFUSED, talk.enter(), reason="HTTP 400 UDAPI1052")
    assert talk.desk.word == ""
