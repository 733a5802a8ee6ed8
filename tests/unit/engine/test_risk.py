from dataclasses import replace

import pytest

from pipeline.core.session import Phase
from pipeline.core.types import Side
from pipeline.engine.desk import new_desk
from pipeline.engine.matching import Quote
from pipeline.engine.orders import entry_intent
from pipeline.engine.risk import CHECKS, Activity, Gate, deny_reason
from tests.fakes.trading import PAPERS, PARAMS, at, day, recommendation

NOW = at("10:00") + 1500
QUOTE = Quote(NOW - 100, 99_95, 100, 100_05, 100, 100_00)


def gate(side=Side.BUY, **changes):
    rec = recommendation(side=side)
    intent = entry_intent(new_desk(PAPERS, day(), PARAMS), rec, NOW)
    activity = Activity(0, False, False, 0, 0, 0, 0, False)
    base = Gate(NOW, intent, rec, PAPERS[0], QUOTE, Phase.CONTINUOUS, at("15:00"), activity, 0, 0, 12.0, PARAMS.risk)
    inner = {"intent": intent, "activity": activity, "recommendation": rec, "instrument": PAPERS[0]}
    for name, value in changes.items():
        owner, _, part = name.partition("__")
        base = replace(base, **{owner: replace(inner[owner], **{part: value}) if part else value})
    return base


@pytest.mark.parametrize("side", list(Side))
def test_a_sound_order_passes(side):
    assert deny_reason(gate(side)) == ""


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("out_of_session", {"phase": Phase.PRE_OPEN}),
        ("too_late", {"no_entry_ms": NOW}),
        ("expired", {"recommendation__expires_ms": NOW - 1}),
        ("stale_quote", {"quote": None}),
        ("stale_quote", {"quote": replace(QUOTE, ts=NOW - 5001)}),
        ("unknown_in_symbol", {"activity__has_unknown": True}),
        ("not_tradable", {"instrument__is_index": True}),
        ("one_sided", {"quote": replace(QUOTE, ask_paise=0)}),
        ("one_sided", {"quote": replace(QUOTE, bid_paise=100_10)}),
        ("wide_spread", {"quote": replace(QUOTE, bid_paise=99_85)}),
        ("price_drift", {"quote": replace(QUOTE, ltp_paise=100_31)}),
        ("price_drift", {"quote": replace(QUOTE, ltp_paise=99_69)}),
        ("off_tick", {"intent__limit_paise": 100_13}),
        ("off_tick", {"intent__stop_paise": 99_01}),
        ("no_quantity", {"intent__qty": 0}),
        ("bad_quantity", {"instrument__lot_size": 7}),
        ("bad_quantity", {"instrument__freeze_qty": 100}),
        ("position_too_big", {"intent__qty": 500}),
        ("leverage", {"activity__exposure_paise": 149_000_000}),
        ("stop_missing", {"intent__stop_paise": 101_00}),
        ("stop_passed", {"intent__stop_paise": 100_00}),
        ("target_wrong", {"intent__target_paise": 99_00}),
        ("trade_risk", {"intent__worst_loss_paise": 1_000_001}),
        ("repeat", {"activity__is_repeat": True}),
        ("symbol_busy", {"activity__is_symbol_busy": True}),
        ("min_gap", {"activity__last_sent_ms": NOW - 29_999}),
        ("orders_per_minute", {"activity__sent_last_minute": 10}),
        ("orders_per_day", {"activity__sent_today": 399}),
        ("max_positions", {"activity__open_symbols": 3}),
        ("daily_loss", {"net_paise": -2_000_000}),
        ("drawdown", {"drawdown_paise": 4_000_000}),
    ],
)
def test_each_check_stops_with_its_code(code, changes):
    assert deny_reason(gate(**changes)) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"quote": replace(QUOTE, ts=NOW - 5000)},
        {"quote": replace(QUOTE, ltp_paise=100_30)},
        {"activity__last_sent_ms": NOW - 30_000},
        {"activity__sent_today": 398},
        {"activity__open_symbols": 2},
        {"net_paise": -1_999_999},
        {"recommendation__expires_ms": NOW},
    ],
)
def test_at_the_limit_is_within_it(changes):
    assert deny_reason(gate(**changes)) == ""


def test_codes_are_unique():
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)
