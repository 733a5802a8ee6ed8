"""What people hold beside us: named, valued, never in the way of the books."""

from pipeline.core.broker import Answer, Ask, External
from pipeline.core.types import Alert
from pipeline.engine.external import external
from tests.fakes.outward_desk import CALM, Talk

BSE = {"symbol": "BSE_EQ|INE9", "name": "TITAN", "qty": -10, "px_paise": 3_000_00, "pnl_paise": -1_250_00}


def test_a_position_outside_the_watchlist_stops_no_entry_and_is_named():
    talk = Talk().ready()
    alerts = []
    for _ in range(8):
        talk.wait(5_000)
        alerts += [r for r in talk.read_books({}, (BSE,)) if isinstance(r, Alert) and r.code == "books_differ"]
    assert alerts == []
    assert talk.desk.agreed_ms == talk.now
    assert external(talk.desk) == [External("BSE_EQ|INE9", "TITAN", -10, 30_000_00, -1_250_00, is_ours=False)]
    talk.tick(CALM)
    talk.look()
    assert talk.enter().ask is Ask.PLACE, "an entry leaves"


def test_a_start_beside_such_a_position_is_ready_at_once():
    talk = Talk()
    talk.say(Answer.STARTED)
    talk.read_books({}, (BSE,))
    assert (talk.desk.is_ready, talk.desk.agreed_ms) == (True, talk.now)


def test_it_goes_when_the_broker_lists_it_no_more_and_stays_while_a_listing_fails():
    talk = Talk().ready()
    talk.wait(5_000)
    talk.read_books({}, (BSE,))
    talk.wait(5_000)
    talk.say(Answer.AMBIGUOUS, talk.last(Ask.POSITIONS))
    assert len(external(talk.desk)) == 1, "a failed listing says nothing"
    talk.wait(5_000)
    talk.read_books()
    assert external(talk.desk) == []


def test_a_paper_without_any_name_is_shown_all_the_same():
    talk = Talk().ready()
    talk.wait(5_000)
    talk.read_books({}, ({"symbol": "", "qty": 5},))
    assert [(e.name, e.qty, e.worth_paise) for e in external(talk.desk)] == [("a paper without a name", 5, 0)]


def test_it_is_journalled_when_its_quantity_changes_not_on_each_beat():
    talk = Talk().ready()
    said = []
    for qty in (-10, -10, -10, -4):
        talk.wait(5_000)
        said += [
            r.qty for r in talk.read_books({}, (BSE | {"qty": qty, "pnl_paise": len(said)},)) if getattr(r, "answer", "") == "position"
        ]
    assert said == [-10, -4]


def test_trades_by_hand_in_a_paper_of_ours_are_valued_at_our_quotes_and_net_of_charges():
    talk = Talk().ready()
    talk.tick((1, 79.95, 80.05))
    talk.say(Answer.TRADE, order_id="H1", trade_id="h1", qty=5_000, px_paise=100_00, side="BUY", symbol="BBB")
    (held,) = external(talk.desk)
    assert (held.symbol, held.qty, held.worth_paise, held.is_ours) == ("BBB", 5_000, 400_000_00, True)
    assert -101_000_00 < held.net_paise < -100_000_00, "100,000 rupees and the charges of the purchase"


def test_a_trade_that_turns_out_to_be_ours_is_none_by_hand():
    talk = Talk().ready()
    entry = talk.enter()
    talk.say(Answer.AMBIGUOUS, entry)
    talk.trade("B1", "t1", 499)
    assert [e.qty for e in external(talk.desk)] == [499]
    talk.say(Answer.ROW, tag=entry.tag, order_id="B1", symbol="AAA", side="BUY", status="complete", qty=499, cum_qty=499)
    assert external(talk.desk) == []


def test_a_trade_by_hand_that_cannot_be_valued_ends_nothing():
    talk = Talk().ready()
    talk.say(Answer.TRADE, order_id="H1", trade_id="h1", qty=3, px_paise=0, side="SELL", symbol="BBB")
    talk.say(Answer.TRADE, order_id="H2", trade_id="h2", qty=0, px_paise=100, side="SELL", symbol="BBB")
    assert [e.qty for e in external(talk.desk)] == [-3]
