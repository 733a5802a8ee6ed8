"""What the desk tells the checks, on a desk that has really traded."""

from dataclasses import replace

import pytest

from pipeline.core.broker import Answer
from pipeline.core.trading import Denial, TradingState
from pipeline.core.types import Confirmation, Side
from pipeline.engine.desk import new_desk
from pipeline.engine.facts import activity_of, conditions_of, gate_of, open_risk_paise
from pipeline.engine.orders import entry_intent, on_answer, on_recommendation, on_ticks
from pipeline.engine.risk import deny
from tests.fakes.outward_desk import Talk
from tests.fakes.trading import PAPERS, at, day, frame, params, recommendation

T = at("10:00")


def trade(desk, rec, ts):
    list(on_recommendation(desk, rec, ts))
    return list(on_answer(desk, Confirmation(ts, rec.id, "confirm", "page"), ts))


def desk_with(*recs, rows=((0, 99.95, 100.05), (1, 99.95, 100.05), (2, 99.95, 100.05)), **changes):
    desk = new_desk(PAPERS, day(), params(confirm="ask", **changes))
    list(on_ticks(desk, frame(T, *rows), T))
    for rec in recs:
        trade(desk, rec, T)
    return desk


def activity(desk, symbol="CCC", side=Side.BUY, now=T + 10):
    return activity_of(desk, entry_intent(desk, recommendation(symbol, T, side), now), now)


def test_an_idle_desk():
    a = activity(desk_with())
    assert (a.open_symbols, a.exposure_paise, a.sent_today, a.net_paise, a.open_risk_paise) == (0, 0, 0, 0, 0)
    assert (a.is_symbol_busy, a.has_unknown, a.has_opposite, a.is_repeat) == (False, False, False, False)


def test_longs_and_shorts_add_up_gross_and_cancel_net():
    desk = desk_with(recommendation("AAA", T), recommendation("BBB", T, Side.SELL))
    list(on_ticks(desk, frame(T + 5, (0, 99.95, 100.05), (1, 99.95, 100.05)), T + 5))
    a = activity(desk)
    long_qty, short_qty = desk.ledger.qty("AAA"), desk.ledger.qty("BBB")
    assert (long_qty, short_qty) == (499, -500)
    assert a.exposure_paise == (499 + 500) * 100_00
    assert a.net_exposure_paise == (499 - 500) * 100_00
    assert a.open_risk_paise == (499 + 500) * 1_00, "from the mark of 100 to the stops at 99 and 101"
    assert (a.open_symbols, a.sent_today, a.sent_last_minute, a.sent_last_hour) == (2, 4, 4, 4), "each entry sends its protective stop too"


def test_a_resting_entry_counts_as_if_it_had_filled():
    desk = desk_with(recommendation("AAA", T), rows=((0, 100.15, 100.25, 10, 10, 100.2),))
    assert desk.ledger.qty("AAA") == 0
    a = activity(desk, "AAA", Side.SELL)
    assert a.symbol_paise == a.exposure_paise == a.net_exposure_paise == 499 * 100_10
    assert open_risk_paise(desk) == 499 * 110
    assert (a.is_symbol_busy, a.has_opposite, activity(desk, "AAA").has_opposite) == (True, True, False)


def test_counts_forget_after_a_minute_and_an_hour():
    desk = desk_with(recommendation("AAA", T))
    assert (activity(desk, now=T + 59_999).sent_last_minute, activity(desk, now=T + 60_000).sent_last_minute) == (2, 0)
    assert (activity(desk, now=T + 3_599_999).sent_last_hour, activity(desk, now=T + 3_600_000).sent_last_hour) == (2, 0)
    assert activity(desk, now=T + 3_600_000).sent_today == 2


def test_the_market_of_a_gate_is_the_papers_own():
    desk = desk_with()
    found = gate_of(
        desk, entry_intent(desk, recommendation("BBB", T), T + 10), recommendation("BBB", T), conditions_of(desk, T + 10), T + 10
    )
    assert (found.market.quote.bid_paise, found.market.ask_depth_qty, found.market.feed_ts) == (99_95, 1000, T)
    assert found.instrument.symbol == "BBB"
    assert deny(found) is None


def test_paper_margin_is_what_is_not_bound():
    desk = desk_with(recommendation("AAA", T))
    free = conditions_of(desk, T).margin_paise
    assert free == 100_000_000 + desk.ledger.net_paise - round(499 * 100_05 * 0.2), "at cost before its first mark"


def test_an_emergency_word_halts_and_an_outside_book_is_as_old_as_it_is():
    desk = desk_with()
    desk.word = "flatten"
    assert (conditions_of(desk, T).state, conditions_of(desk, T).is_flattening) == (TradingState.HALTED, True)
    desk.word = "pause"
    assert (conditions_of(desk, T).state, conditions_of(desk, T).is_flattening) == (TradingState.REDUCING, False)
    outside = new_desk(PAPERS, day(), params(confirm="ask"), is_outward=True)
    outside.agreed_ms = T - 5000
    assert (conditions_of(outside, T).state, conditions_of(outside, T).reconciled_ms) == (TradingState.ACTIVE, T - 5000)


def test_losing_trades_in_a_row_stop_entries():
    desk = desk_with(max_losses_in_row=2, min_gap_s=0)
    for n, low in enumerate((98.0, 98.0, 101.6)):
        ts = T + n * 60_000
        list(on_ticks(desk, frame(ts, (0, 99.95, 100.05)), ts))
        records = trade(desk, recommendation("AAA", ts), ts)
        if n < 2:
            list(on_ticks(desk, frame(ts + 100, (0, low, low + 0.1)), ts + 100))
            assert desk.ledger.losses_in_row == n + 1
        else:
            assert records[1].code == "losses_in_row"


def outside(**changes):
    """A desk with a broker outside that has read the books and been told sound facts, but for the changes."""
    talk = Talk().ready()
    talk.look(**changes)
    return talk


@pytest.mark.parametrize(
    ("unsound", "code"),
    [
        ({"token_left_ms": None}, "token_dies"),
        ({"token_left_ms": 899_999}, "token_dies"),
        ({"are_versions_equal": None}, "versions_differ"),
        ({"are_versions_equal": False}, "versions_differ"),
        ({"clock_skew_ms": None}, "clock_skew"),
        ({"clock_skew_ms": -2_001}, "clock_skew"),
        ({"is_master_of_today": None}, "old_master"),
        ({"is_master_of_today": False}, "old_master"),
        ({"margin_paise": None}, "margin_short"),
        ({"margin_paise": 499 * 100_10 // 5 - 1}, "margin_short"),
    ],
)
def test_what_was_looked_up_at_the_broker_stops_entries(unsound, code):
    talk = outside(**unsound)
    talk.enter()
    assert [r.code for r in talk.answered if isinstance(r, Denial)] == [code]


def test_sound_facts_let_an_entry_through_until_they_are_old():
    talk = outside()
    talk.now += 29_900
    talk.tick(after_ms=50)
    talk.read_books()
    assert talk.enter().tag.startswith("tt-")
    late = outside()
    late.now += 30_000
    late.tick(after_ms=50)
    late.read_books()
    late.enter()
    assert [r.code for r in late.answered if isinstance(r, Denial)] == ["token_dies"]


def test_the_token_goes_on_dying_between_two_looks():
    talk = outside(token_left_ms=900_000)
    assert conditions_of(talk.desk, talk.now + 20_000).token_left_ms == 880_000


def test_a_start_knows_nothing_until_it_has_looked():
    talk = outside()
    assert conditions_of(talk.desk, talk.now).margin_paise is not None
    talk.say(Answer.STARTED)
    told = conditions_of(talk.desk, talk.now)
    assert (told.token_left_ms, told.are_versions_equal, told.clock_skew_ms, told.is_master_of_today, told.margin_paise) == (None,) * 5


def test_the_brokers_funds_bound_ours_and_what_was_sent_since_is_taken_off():
    talk = outside(margin_paise=60_000_00)
    assert conditions_of(talk.desk, talk.now).margin_paise == 60_000_00
    talk.enter()
    assert conditions_of(talk.desk, talk.now).margin_paise == 60_000_00 - round(499 * 100_10 * 0.2)
    talk.look(margin_paise=60_000_00)
    talk.desk.facts = replace(talk.desk.facts, ts=talk.now + 20_000)
    assert conditions_of(talk.desk, talk.now + 20_000).margin_paise == 60_000_00, "the broker has counted it by now"
    talk.look(margin_paise=10**12)
    assert conditions_of(talk.desk, talk.now).margin_paise < 100_000_000, "never more than our own capital"


def test_an_entry_that_the_broker_refused_binds_no_margin():
    talk = outside(margin_paise=60_000_00)
    request = talk.enter()
    talk.say(Answer.REFUSED, request, reason="no")
    assert conditions_of(talk.desk, talk.now).margin_paise == 60_000_00
