from pipeline.broker.upstox_gtt import gtt_body, gtt_terms, is_meant, reports, rules_of
from pipeline.core.broker import GUARD, Answer, Ask, BrokerReport, Leg, OrderRequest
from pipeline.core.types import Side

SYMBOLS = {"NSE_EQ|X": "AAA"}
ASKED = OrderRequest(5, "q1", Ask.PLACE, "i", "", "AAA", "BUY", "GTT", 3, 100_10, 99_00, "tt-i", 102_00, 60)


def rule(strategy, status, side="SELL", px=0.0, order_id=None):
    return {"strategy": strategy, "status": status, "transaction_type": side, "trigger_price": px, "order_id": order_id}


def gtt(entry="TRIGGERED", stop="SCHEDULED", target="SCHEDULED", orders=("E1", None, None)):
    rules = [rule("ENTRY", entry, "BUY", 100.1, orders[0]), rule("STOPLOSS", stop, px=99.0, order_id=orders[1])]
    rules.append(rule("TARGET", target, px=102.0, order_id=orders[2]))
    return {"gtt_order_id": "G1", "instrument_token": "NSE_EQ|X", "quantity": 3, "rules": rules}


def test_an_entry_goes_out_at_once_with_both_exits():
    assert gtt_body("NSE_EQ|X", Side.BUY, "I", gtt_terms(3, rules_of(ASKED))) == {
        "product": "I", "instrument_token": "NSE_EQ|X", "transaction_type": "BUY", "type": "MULTIPLE", "quantity": 3,
        "rules": [
            {"strategy": "ENTRY", "trigger_type": "IMMEDIATE", "trigger_price": 100.1},
            {"strategy": "TARGET", "trigger_type": "IMMEDIATE", "trigger_price": 102.0},
            {"strategy": "STOPLOSS", "trigger_type": "IMMEDIATE", "trigger_price": 99.0, "trailing_gap": 0.6},
        ],
    }  # fmt: skip


def told(row, orders=None, ask=Ask.BOOK, tag=""):
    request = OrderRequest(5, "q1", ask, tag=tag)
    return reports([row], orders or {}, request, SYMBOLS)


def test_the_orders_it_made_are_named_and_the_watch_stands_behind_them():
    seen = BrokerReport(5, Answer.ROW, "q1", "E1", "", "AAA", "BUY", "complete", 3, 3, 100_10)
    entry, watch = told(gtt(), {"E1": seen}, Ask.FIND, "tt-i")
    assert (entry.leg, entry.parent, entry.tag, entry.cum_qty) == (Leg.ENTRY, "G1", "tt-i", 3)
    assert (watch.leg, watch.order_id, watch.status, watch.trigger_paise, watch.side) == (Leg.WATCH, "G1", GUARD, 99_00, "SELL")


def test_an_exit_that_the_book_does_not_show_yet_is_told_all_the_same():
    _, stop, watch = told(gtt(stop="TRIGGERED", target="CANCELLED", orders=("E1", "S1", None)))
    assert (stop.leg, stop.order_id, stop.status, stop.qty, stop.side, stop.tag) == (Leg.STOPLOSS, "S1", "open pending", 3, "SELL", "")
    assert watch.status == "cancelled"


def test_what_does_not_guard_yet_is_no_guard():
    assert told(gtt(stop="PENDING", target="PENDING"))[-1].status == "open pending"
    assert told(gtt(stop="FAILED", target="FAILED"))[-1].status == "cancelled"
    alone = gtt() | {"rules": [rule("ENTRY", "SCHEDULED", "BUY", 100.1)]}
    assert told(alone) == [], "an entry without exits guards nothing"


def test_half_a_pair_still_waits_and_must_be_told_to_stop():
    watch = told(gtt(stop="FAILED", target="SCHEDULED"))[-1]
    assert (watch.status, watch.trigger_paise) == (GUARD, 0), "without its stop"
    watch = told(gtt(stop="SCHEDULED", target="FAILED"))[-1]
    assert (watch.status, watch.trigger_paise) == (GUARD, 99_00)
    assert told(gtt(stop="COMPLETED", target="SCHEDULED"))[-1].status == "cancelled", "it has sent its order"


def test_a_lost_one_is_known_by_its_terms():
    assert is_meant(gtt(), ASKED, SYMBOLS)
    for change in ({"qty": 4}, {"limit_paise": 100_15}, {"side": "SELL"}, {"symbol": "BBB"}):
        from dataclasses import replace

        assert not is_meant(gtt(), replace(ASKED, **change), SYMBOLS)
