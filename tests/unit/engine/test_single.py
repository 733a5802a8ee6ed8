"""One entry cancelled, one position closed, whatever word holds; and nothing else for the asking."""

import pytest

from pipeline.core.broker import Answer, Ask, Control, Word
from pipeline.core.types import Alert, Fill
from pipeline.engine.desk import dump, new_desk, restore
from pipeline.engine.orders import on_control, on_ticks
from pipeline.engine.single import BY_COMMAND
from pipeline.engine.tally import tally
from tests.fakes.outward_desk import Talk
from tests.fakes.trading import PAPERS, at, day, frame, params, recommendation
from tests.unit.engine.test_facts import desk_with
from tests.unit.engine.test_protect import guarded, read_after


def words(records):
    return [r.message for r in records if isinstance(r, Alert)]


def resting():
    talk = Talk().ready()
    entry = talk.enter()
    talk.say(Answer.ACCEPTED, entry, order_id="B1")
    return talk, entry


@pytest.mark.parametrize("word", [None, Word.PAUSE])
@pytest.mark.parametrize("by", ["intent", "broker"])
def test_one_entry_is_cancelled(word, by):
    talk, entry = resting()
    if word is not None:
        talk.command(word)
    records = talk.command(Word.CANCEL, entry.intent_id if by == "intent" else "B1")
    assert (talk.last(Ask.CANCEL).order_id, talk.count(Ask.CANCEL), words(records)) == ("B1", 1, [])
    assert [r.reason for r in records if getattr(r, "status", "") == "PENDING_CANCEL"] == [BY_COMMAND]
    assert talk.desk.word == (word or ""), "it holds nothing"


def test_an_entry_without_an_answer_is_cancelled_as_soon_as_the_book_shows_it():
    talk = Talk().ready()
    entry = talk.enter()
    talk.say(Answer.AMBIGUOUS, entry)
    assert words(talk.command(Word.CANCEL, entry.intent_id)) == []
    assert talk.count(Ask.CANCEL) == 0
    other = new_desk(PAPERS, day(), params(), is_outward=True)
    restore(other, *dump(talk.desk))
    assert other.unwanted == {entry.intent_id: None}, "also after a restart"
    talk.say(Answer.ROW, tag=entry.tag, order_id="B1", symbol="AAA", side="BUY", order_type="LIMIT", status="open", qty=499)
    assert talk.last(Ask.CANCEL).order_id == "B1"


def test_what_is_unknown_over_or_guards_is_told_in_one_line_and_nothing_is_asked():
    talk, stop = guarded()
    asked = len(talk.requests)
    assert words(talk.command(Word.CANCEL, "nonsense")) == [
        "cancel nonsense: no order of ours bears that id; `ticktick status` and the page name them"
    ]
    assert "is over already (FILLED)" in words(talk.command(Word.CANCEL, "B1"))[0]
    assert "`ticktick close AAA`" in words(talk.command(Word.CANCEL, "B2"))[0]
    assert "`ticktick close AAA`" in words(talk.command(Word.CANCEL, stop.intent_id))[0]
    assert words(talk.command(Word.CLOSE, "ZZZ")) == ["close ZZZ: not in today's watchlist: nothing of ours is held there"]
    assert words(talk.command(Word.CLOSE, "BBB")) == ["close BBB: nothing of ours is held there"]
    assert words(talk.command(Word.CANCEL, "")) != []
    assert (len(talk.requests), talk.desk.plans["AAA"].closing) == (asked, "")


@pytest.mark.parametrize("word", [None, Word.PAUSE, Word.HALT])
def test_one_position_is_closed_as_every_exit_is(word):
    talk, stop = guarded()
    if word is not None:
        talk.command(word)
    assert words(talk.command(Word.CLOSE, "AAA")) == []
    assert (talk.count(Ask.PLACE), talk.last(Ask.CANCEL).order_id) == (2, "B2"), "the stop first, and nothing before the book has spoken"
    talk.command(Word.CLOSE, "AAA")
    assert talk.count(Ask.CANCEL) == 1, "said twice is said once"
    read_after(talk, stop, 499)
    close = talk.last(Ask.PLACE)
    assert (close.order_type, close.qty, close.side) == ("MARKET", 499, "SELL")
    talk.say(Answer.ACCEPTED, close, order_id="B3")
    talk.trade("B3", "c1", 499, 100_00, "SELL")
    assert (talk.desk.ledger.qty("AAA"), talk.desk.plans, talk.desk.word) == (0, {}, word or "")


def test_no_more_is_closed_than_the_broker_holds_and_nothing_by_hand():
    talk, stop = guarded()
    talk.command(Word.CLOSE, "AAA")
    read_after(talk, stop, 300)
    assert talk.last(Ask.PLACE).qty == 300
    other = Talk().ready()
    other.trade("HAND", "h1", 7)
    assert words(other.command(Word.CLOSE, "AAA")) == ["close AAA: nothing of ours is held there, +7 by hand is not ours to close"]
    assert other.count(Ask.PLACE) == 0


def test_a_half_filled_entry_is_cancelled_with_its_position():
    talk = Talk().ready()
    talk.filled(100)
    talk.say(Answer.ACCEPTED, talk.last(Ask.PLACE), order_id="B2")
    talk.command(Word.CLOSE, "AAA")
    assert sorted(r.order_id for r in talk.requests if r.ask is Ask.CANCEL) == ["B1", "B2"]


def test_on_paper_too():
    now = at("10:00")
    desk = desk_with(recommendation("AAA", now))
    list(on_ticks(desk, frame(now + 500, (0, 99.95, 100.05)), now + 500))
    assert desk.ledger.qty("AAA") == 499
    records = list(on_control(desk, Control(now + 600, Word.CLOSE, "command", what="AAA"), now + 600))
    records += list(on_ticks(desk, frame(now + 700, (0, 99.95, 100.05)), now + 700))
    assert [r.last_qty for r in records if isinstance(r, Fill)] == [499]
    assert (desk.ledger.qty("AAA"), desk.plans) == (0, {})


def test_the_high_water_mark_begins_anew_and_the_day_does_not():
    talk = Talk().ready()
    talk.filled()
    talk.tick((0, 99.55, 99.65))
    talk.desk.account, talk.desk.carried_paise, talk.desk.peak_paise = "simulated", -3_900_000, 50_000
    before = tally(talk.desk)
    talk.command(Word.FORGET)
    after = tally(talk.desk)
    assert (after.fall_paise, after.peak_paise) == (0, 0)
    assert (after.net_paise, after.drawdown_paise) == (before.net_paise, before.drawdown_paise)
    talk.tick((0, 98.95, 99.05))
    assert tally(talk.desk).fall_paise == before.net_paise - tally(talk.desk).net_paise
