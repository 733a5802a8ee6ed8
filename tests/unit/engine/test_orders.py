import pytest

from pipeline.core.errors import Corrupt
from pipeline.core.types import Confirmation, Fill, OrderEvent, OrderIntent, Side
from pipeline.engine.desk import new_desk
from pipeline.engine.orders import on_answer, on_end, on_recommendation, on_ticks
from tests.fakes.trading import PAPERS, at, day, frame, params, recommendation

T = at("10:00")
CALM = (0, 99.95, 100.05)
ENTERED = ["SENDING", "ACCEPTED", "FILLED", "SENDING", "ACCEPTED"]
"""An entry that fills at once, then its stop."""


def make(**changes):
    return new_desk(PAPERS, day(), params(**{"confirm": "ask"} | changes))


def tick(desk, ts, *rows):
    return list(on_ticks(desk, frame(ts, *rows), ts))


def wish(desk, rec=None, ts=T):
    return list(on_recommendation(desk, rec or recommendation(), ts))


def answer(desk, rec, word="confirm", ts=T, source="page"):
    return list(on_answer(desk, Confirmation(ts, rec.id, word, source), ts))


def statuses(records):
    return [r.status for r in records if isinstance(r, OrderEvent)]


def held(**changes):
    """A desk that is long 499 AAA at 100.05."""
    desk = make(**changes)
    tick(desk, T, CALM)
    wish(desk)
    answer(desk, recommendation())
    assert desk.ledger.qty("AAA") == 499
    return desk


def test_journal_order_is_intent_sending_then_the_venue():
    desk = make()
    tick(desk, T, CALM)
    assert wish(desk) == []
    records = answer(desk, recommendation(), ts=T + 10)
    entry, guard = records[:5], records[5:]
    assert [type(r) for r in entry] == [OrderIntent, OrderEvent, OrderEvent, Fill, OrderEvent]
    assert statuses(entry) == ["SENDING", "ACCEPTED", "FILLED"]
    intent, fill = records[0], records[3]
    stop = guard[0]
    assert (stop.purpose, stop.side, stop.order_type, stop.qty, stop.stop_paise) == ("stop", Side.SELL, "SL-M", 499, 99_00)
    assert statuses(guard) == ["SENDING", "ACCEPTED"], "the position is guarded in the same breath"
    assert (intent.qty, intent.worst_loss_paise, intent.ts) == (499, 499 * 110, T + 10)
    assert (fill.last_paise, fill.trade_id) == (100_05, "P20261120-000001-1")
    assert all(r.intent_id == intent.id for r in entry[1:])
    assert desk.plans["AAA"].stop_paise == 99_00


def test_the_first_answer_wins():
    desk = make()
    tick(desk, T, CALM)
    wish(desk)
    assert statuses(answer(desk, recommendation(), "reject")) == ["DENIED"]
    assert answer(desk, recommendation(), "confirm") == []
    assert wish(desk) == []
    assert not desk.orders
    assert not desk.pending


def test_an_answer_that_is_read_first_waits_for_its_recommendation():
    desk = make()
    tick(desk, T, CALM)
    assert answer(desk, recommendation()) == []
    assert answer(desk, recommendation(), "reject") == []
    assert statuses(wish(desk)) == ENTERED


def test_early_answers_are_bounded():
    desk = make()
    for n in range(1000):
        list(on_answer(desk, Confirmation(T, f"R{n}", "confirm", "page"), T))
    assert len(desk.early) == 256


def test_anything_but_a_clear_yes_is_a_no():
    desk = make()
    tick(desk, T, CALM)
    wish(desk)
    event = answer(desk, recommendation(), "perhaps")[0]
    assert (event.status, event.reason) == ("DENIED", "rejected")


def test_silence_expires():
    desk = make()
    wish(desk)
    assert tick(desk, T + 60_000, CALM) == []
    event = tick(desk, T + 60_001, CALM)[0]
    assert (event.status, event.reason, event.cum_qty) == ("DENIED", "expired", 0)
    assert tick(desk, T + 60_002, CALM) == []


def test_the_headless_policy_answers_after_its_delay():
    desk = make(confirm="auto")
    wish(desk)
    assert tick(desk, T + 1499, CALM) == []
    records = tick(desk, T + 1700, CALM)
    assert records[0] == Confirmation(T + 1700, recommendation().id, "confirm", "auto")
    assert statuses(records) == ENTERED


def test_a_denial_is_journalled_with_its_intent():
    desk = make()
    wish(desk)
    intent, denial, event = answer(desk, recommendation())
    assert (denial.intent_id, denial.code, denial.words) == (
        intent.id,
        "stale_feed",
        f"the feed's newest frame is {T} ms old, at most 5000",
    )
    assert (event.status, event.reason, event.intent_id) == ("DENIED", "stale_feed", intent.id)
    assert not desk.causes


def test_one_cause_is_sent_once():
    desk = held(min_gap_s=0)
    tick(desk, T + 100, (0, 98.90, 99.00))
    assert desk.ledger.qty("AAA") == 0
    tick(desk, T + 200, CALM)
    again = recommendation(id="another")
    wish(desk, again, T + 200)
    assert answer(desk, again, ts=T + 300)[2].reason == "repeat"


def test_the_stop_at_the_venue_fills_without_us():
    desk = held()
    records = tick(desk, T + 1000, (0, 98.90, 99.00, 5000, 5000, 99.0))
    assert not [r for r in records if isinstance(r, OrderIntent)]
    assert [(r.last_paise, r.purpose) for r in records if isinstance(r, Fill)] == [(98_90, "stop")]
    assert (desk.ledger.qty("AAA"), desk.plans, desk.orders) == (0, {}, {})


def test_the_target_takes_the_stop_away_and_closes():
    desk = held()
    records = tick(desk, T + 1000, (0, 101.50, 101.60))
    assert statuses(records) == ["PENDING_CANCEL", "CANCELLED", "SENDING", "ACCEPTED", "FILLED"]
    intent = next(r for r in records if isinstance(r, OrderIntent))
    assert (intent.purpose, intent.side, intent.qty, intent.reason) == ("exit", Side.SELL, 499, "target")
    assert [r.last_paise for r in records if isinstance(r, Fill)] == [101_50]
    assert (desk.ledger.qty("AAA"), desk.plans, desk.orders) == (0, {}, {})


def test_a_position_that_is_too_old_goes_even_without_its_quote():
    desk = held()
    assert tick(desk, T + 1_799_000, (1, 5.0, 5.05)) == []
    records = tick(desk, T + 1_800_000, (1, 5.0, 5.05))
    assert records[0].reason == "max_hold"
    assert desk.ledger.qty("AAA") == 0


def test_square_off_by_the_clock_of_the_paper():
    desk = held(max_hold_s=0)
    assert tick(desk, at("15:04"), CALM) == []
    assert tick(desk, at("15:05"), CALM)[0].reason == "square_off"


def test_an_exit_cancels_the_rest_of_the_entry_first():
    desk = make()
    tick(desk, T, (0, 99.95, 100.05, 1000, 200))
    wish(desk)
    assert statuses(answer(desk, recommendation())) == ["SENDING", "ACCEPTED", "PARTIAL", "SENDING", "ACCEPTED"]
    records = tick(desk, T + 100, (0, 101.50, 101.60, 5000, 5000))
    assert statuses(records)[:4] == ["PENDING_CANCEL", "PENDING_CANCEL", "CANCELLED", "CANCELLED"]
    exits = [r for r in records if isinstance(r, OrderIntent)]
    assert [(r.qty, r.side) for r in exits] == [(200, Side.SELL)]
    assert desk.ledger.qty("AAA") == 0


def test_the_stops_quantity_follows_the_fills():
    desk = make()
    tick(desk, T, (0, 99.95, 100.05, 1000, 200))
    wish(desk)
    answer(desk, recommendation())
    records = tick(desk, T + 100, (0, 99.95, 100.05, 1000, 100))
    assert statuses(records) == ["PARTIAL", "PENDING_MODIFY", "ACCEPTED"]
    assert [(o.order_qty, o.leaves_qty) for o in desk.exits("AAA")] == [(300, 300)]


def test_a_thin_book_closes_in_parts_and_never_twice():
    desk = held()
    records = tick(desk, T + 100, (0, 98.90, 99.00, 100, 100, 99.0))
    assert statuses(records) == ["PARTIAL"]
    records = tick(desk, T + 200, (0, 98.80, 98.90, 300, 100, 98.9))
    assert statuses(records) == ["PARTIAL"]
    records = tick(desk, T + 300, (0, 98.70, 98.80, 300, 100, 98.8))
    assert statuses(records) == ["FILLED"]
    assert desk.ledger.qty("AAA") == 0


def test_an_entry_that_does_not_fill_is_cancelled():
    desk = make()
    tick(desk, T, (0, 100.15, 100.25, 10, 10, 100.2))
    wish(desk)
    assert statuses(answer(desk, recommendation())) == ["SENDING", "ACCEPTED"]
    assert tick(desk, T + 59_999, (1, 1.0, 1.05)) == []
    records = tick(desk, T + 60_000, (1, 1.0, 1.05))
    assert [(r.status, r.reason) for r in records] == [("PENDING_CANCEL", "entry_timeout"), ("CANCELLED", "entry_timeout")]
    assert not desk.orders
    assert not desk.wishes


def test_latency_makes_an_order_wait_for_a_younger_quote():
    desk = make(paper_latency_ms=50)
    tick(desk, T, CALM)
    wish(desk)
    assert statuses(answer(desk, recommendation())) == ["SENDING", "ACCEPTED"]
    assert tick(desk, T + 49, CALM) == []
    assert statuses(tick(desk, T + 50, CALM)) == ["FILLED", "SENDING", "ACCEPTED"]


def test_nothing_fills_outside_continuous_trading():
    desk = make()
    late = recommendation("AAA", at("14:59"))
    tick(desk, at("14:59"), (0, 100.15, 100.25, 10, 10, 100.2))
    wish(desk, late, at("14:59"))
    answer(desk, late, ts=at("14:59"))
    assert len(desk.orders) == 1
    records = tick(desk, at("15:16"), CALM)
    assert not [r for r in records if isinstance(r, Fill)]


def test_three_positions_and_no_more():
    desk = make()
    tick(desk, T, *((sid, 99.95, 100.05) for sid in range(5)))
    for symbol in ("AAA", "BBB", "CCC", "DDD"):
        wish(desk, recommendation(symbol))
    outcomes = [answer(desk, recommendation(symbol)) for symbol in ("AAA", "BBB", "CCC", "DDD")]
    assert [statuses(records) for records in outcomes] == [ENTERED, ENTERED, ENTERED, ["DENIED"]]
    assert outcomes[3][-1].reason == "max_positions"


def test_the_end_leaves_nothing_waiting():
    desk = make()
    tick(desk, T, (0, 100.15, 100.25, 10, 10, 100.2))
    wish(desk)
    answer(desk, recommendation())
    wish(desk, recommendation("BBB"))
    records = list(on_end(desk, T + 100))
    assert [(r.status, r.reason) for r in records] == [
        ("DENIED", "session_over"),
        ("PENDING_CANCEL", "session_over"),
        ("CANCELLED", "session_over"),
    ]
    assert not desk.pending
    assert not desk.orders


def test_a_paper_that_is_not_of_today_is_corrupt():
    desk = make()
    wish(desk, recommendation("ZZZ"))
    with pytest.raises(Corrupt):
        answer(desk, recommendation("ZZZ"))
