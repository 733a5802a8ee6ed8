"""The truth table of the pre-trade checks: each code has rows that it stops and rows at its limit that it lets pass."""

from dataclasses import replace

import pytest

from pipeline.core.session import Phase
from pipeline.core.trading import TradingState
from pipeline.core.types import Side
from pipeline.engine import risk
from pipeline.engine.checks import CHECKS, PLACES
from pipeline.engine.risk import deny, deny_reason
from tests.fakes.gates import NOW, QUOTE, exit_gate, gate
from tests.fakes.trading import at

HALTED, REDUCING = TradingState.HALTED, TradingState.REDUCING
STOPPED = [
    ("halted", {"conditions__state": HALTED}),
    ("halted", {"conditions__state": HALTED, "conditions__is_flattening": True}),
    ("reducing", {"conditions__state": REDUCING}),
    ("out_of_session", {"phase": Phase.PRE_OPEN}),
    ("out_of_session", {"phase": Phase.AUCTION}),
    ("too_late", {"no_entry_ms": NOW}),
    ("expired", {"recommendation__expires_ms": NOW - 1}),
    ("expired", {"recommendation": None}),
    ("token_dies", {"conditions__token_left_ms": 899_999}),
    ("token_dies", {"conditions__token_left_ms": None}),
    ("versions_differ", {"conditions__are_versions_equal": False}),
    ("versions_differ", {"conditions__are_versions_equal": None}),
    ("clock_skew", {"conditions__clock_skew_ms": 2001}),
    ("clock_skew", {"conditions__clock_skew_ms": None}),
    ("clock_skew", {"conditions__clock_skew_ms": -2001}),
    ("stale_feed", {"market__feed_ts": NOW - 5001}),
    ("stale_quote", {"market__quote": None}),
    ("stale_quote", {"market__quote": replace(QUOTE, ts=0)}),
    ("stale_quote", {"market__quote": replace(QUOTE, ts=NOW - 5001)}),
    ("candle_open", {"recommendation__ts_candle": at("09:59") + 1}),
    ("candle_open", {"recommendation__timeframe": "3m"}),
    ("not_reconciled", {"conditions__reconciled_ms": 0}),
    ("not_reconciled", {"conditions__reconciled_ms": NOW - 30_001}),
    ("book_not_settled", {"conditions__is_settled": False}),
    ("unknown_in_symbol", {"activity__has_unknown": True}),
    ("not_tradable", {"instrument__is_index": True}),
    ("not_allowed", {"limits__symbols": ("BBB",)}),
    ("banned", {"limits__banned": ("BBB", "AAA")}),
    ("old_master", {"conditions__is_master_of_today": False}),
    ("old_master", {"conditions__is_master_of_today": None}),
    ("off_tick", {"intent__limit_paise": 100_13}),
    ("off_tick", {"intent__stop_paise": 99_01}),
    ("off_tick", {"intent__stop_paise": -5}),
    ("off_tick", {"intent__target_paise": 101_51}),
    ("out_of_band", {"market__close_paise": 90_99, "intent__target_paise": 0}),
    ("out_of_band", {"market__close_paise": 111_30}),
    ("out_of_band", {"market__close_paise": 109_95, "intent__stop_paise": 98_90}),
    ("out_of_band", {"market__close_paise": 92_25}),
    ("one_sided", {"market__quote": replace(QUOTE, ask_paise=0)}),
    ("one_sided", {"market__quote": replace(QUOTE, bid_paise=0)}),
    ("one_sided", {"market__quote": replace(QUOTE, bid_paise=100_10)}),
    ("wide_spread", {"market__quote": replace(QUOTE, bid_paise=99_85)}),
    ("far_from_last", {"intent__limit_paise": 101_05}),
    ("far_from_last", {"market__quote": replace(QUOTE, ltp_paise=0)}),
    ("far_from_quote", {"limits__max_quote_distance_bps": 4.9}),
    ("price_drift", {"market__quote": replace(QUOTE, ltp_paise=100_31)}),
    ("price_drift", {"market__quote": replace(QUOTE, ltp_paise=99_69)}),
    ("no_quantity", {"intent__qty": 0}),
    ("bad_quantity", {"instrument__lot_size": 7}),
    ("bad_quantity", {"instrument__freeze_qty": 498}),
    ("too_many_shares", {"limits__max_order_qty": 498}),
    ("depth_share", {"market__ask_depth_qty": 498, "market__bid_depth_qty": 10_000}),
    ("volume_share", {"market__volume": 49_899}),
    ("order_too_big", {"limits__max_order_ratio": 0.0499}),
    ("position_too_big", {"intent__qty": 500, "limits__max_order_ratio": 1.0}),
    ("position_too_big", {"activity__symbol_paise": 4_901 + 200}),
    ("max_positions", {"activity__open_symbols": 3}),
    ("leverage", {"activity__exposure_paise": 149_000_000}),
    ("net_leverage", {"activity__net_exposure_paise": 149_000_000}),
    ("margin_short", {"conditions__margin_paise": 998_997}),
    ("margin_short", {"conditions__margin_paise": None}),
    ("stop_missing", {"intent__stop_paise": 101_00}),
    ("stop_missing", {"intent__stop_paise": 100_10}),
    ("stop_passed", {"intent__stop_paise": 100_00}),
    ("target_wrong", {"intent__target_paise": 99_00}),
    ("target_wrong", {"intent__target_paise": 100_10}),
    ("trade_risk", {"intent__worst_loss_paise": 1_000_001}),
    ("trade_risk", {"limits__risk_per_trade": 0.0005, "intent__worst_loss_paise": 0}),
    ("repeat", {"activity__is_repeat": True}),
    ("symbol_busy", {"activity__is_symbol_busy": True}),
    ("held_by_hand", {"activity__is_held_by_hand": True}),
    ("min_gap", {"activity__last_sent_ms": NOW - 29_999}),
    ("orders_per_minute", {"activity__sent_last_minute": 10}),
    ("orders_per_hour", {"activity__sent_last_hour": 120}),
    ("orders_per_day", {"activity__sent_today": 399}),
    ("self_trade", {"activity__has_opposite": True}),
    ("daily_loss", {"activity__net_paise": -2_000_000}),
    ("daily_loss", {"activity__net_paise": -2_000_000 + 54_889}),
    ("daily_loss", {"activity__open_risk_paise": 2_000_000 - 54_889}),
    ("drawdown", {"activity__drawdown_paise": 4_000_000}),
    ("drawdown", {"activity__drawdown_paise": 2_500_000, "activity__open_risk_paise": 1_445_111, "activity__net_paise": 1_000_000}),
    ("high_water", {"activity__fall_paise": 4_000_000}),
    ("high_water", {"activity__fall_paise": 4_400_000, "activity__peak_paise": 10_000_000}),
    ("losses_in_row", {"activity__losses_in_row": 6}),
    ("order_rate", {"conditions__order_room": 0}),
]
"""The sound order: BUY 499 AAA at 100.10, stop 99.00, target 101.50; it can lose 548.90 rupees."""

EXITS_STOPPED = [
    ("halted", {"conditions__state": HALTED}),
    ("no_exit_session", {"phase": Phase.AUCTION_REFERENCE}),
    ("no_exit_session", {"phase": Phase.CLOSED}),
    ("unknown_in_symbol", {"activity__has_unknown": True}),
    ("off_tick", {"intent__limit_paise": 100_03}),
    ("no_quantity", {"intent__qty": 0}),
    ("bad_quantity", {"instrument__freeze_qty": 99}),
    ("beyond_position", {"activity__position_qty": 99}),
    ("beyond_position", {"activity__pending_close_qty": 1}),
    ("beyond_position", {"activity__position_qty": -100}),
    ("beyond_position", {"activity__position_qty": 0}),
    ("self_trade", {"activity__has_opposite": True}),
    ("order_rate", {"conditions__order_room": 0}),
]

AT_THE_LIMIT = [
    {"no_entry_ms": NOW + 1},
    {"recommendation__expires_ms": NOW},
    {"conditions__token_left_ms": 900_000},
    {"conditions__clock_skew_ms": -2000},
    {"market__feed_ts": NOW - 5000},
    {"market__quote": replace(QUOTE, ts=NOW - 5000)},
    {"market__quote": replace(QUOTE, ltp_paise=100_30)},
    {"market__quote": replace(QUOTE, bid_paise=99_94)},
    {"conditions__reconciled_ms": NOW - 30_000},
    {"limits__symbols": ("BBB", "AAA")},
    {"limits__banned": ("BBB",)},
    {"market__close_paise": 91_00, "intent__target_paise": 0},
    {"market__close_paise": 92_30},
    {"market__close_paise": 110_00},
    {"market__close_paise": 0},
    {"limits__max_ltp_distance_bps": 10.0},
    {"limits__max_quote_distance_bps": 5.0},
    {"instrument__freeze_qty": 499},
    {"instrument__freeze_qty": 0},
    {"limits__max_order_qty": 499},
    {"market__ask_depth_qty": 499, "market__bid_depth_qty": 0},
    {"market__volume": 49_900},
    {"market__volume": 0},
    {"activity__symbol_paise": 5_010},
    {"activity__open_symbols": 2},
    {"activity__exposure_paise": 150_000_000 - 499 * 100_10},
    {"activity__net_exposure_paise": 150_000_000 - 499 * 100_10},
    {"activity__net_exposure_paise": -149_999_999},
    {"conditions__margin_paise": 998_998},
    {"intent__target_paise": 0},
    {"intent__worst_loss_paise": 1_000_000},
    {"activity__last_sent_ms": NOW - 30_000},
    {"activity__sent_last_minute": 9},
    {"activity__sent_last_hour": 119},
    {"activity__sent_today": 398},
    {"activity__net_paise": -2_000_000 + 54_890},
    {"activity__drawdown_paise": 4_000_000 - 54_890, "activity__net_paise": 1},
    {"activity__fall_paise": 4_400_000 - 54_890, "activity__peak_paise": 10_000_000},
    {"activity__losses_in_row": 5},
]

EXITS_PASS = [
    {},
    {"conditions__state": HALTED, "conditions__is_flattening": True},
    {"conditions__state": REDUCING},
    {"phase": Phase.AUCTION},
    {"market__quote": None},
    {"market__feed_ts": 0},
    {"conditions__token_left_ms": 1},
    {"conditions__is_master_of_today": False},
    {"conditions__reconciled_ms": 0},
    {"activity__sent_today": 10_000, "activity__sent_last_minute": 10_000, "activity__sent_last_hour": 10_000},
    {"activity__net_paise": -90_000_000, "activity__drawdown_paise": 90_000_000, "activity__losses_in_row": 99},
    {"limits__banned": ("AAA",), "limits__symbols": ("BBB",)},
    {"intent__limit_paise": 99_95},
    {"activity__position_qty": 150, "activity__pending_close_qty": 50},
]


def test_the_places_are_the_fourteen_and_each_has_its_checks():
    assert sorted({one.place for one in CHECKS}) == sorted(PLACES) == list(range(1, 15))
    assert [one.place for one in CHECKS] == sorted(one.place for one in CHECKS)
    assert len({one.code for one in CHECKS}) == len(CHECKS)
    assert all(one.about.endswith(".") for one in CHECKS)


@pytest.mark.parametrize("side", list(Side))
def test_a_sound_order_passes(side):
    assert deny(gate(side)) is None


@pytest.mark.parametrize(("code", "changes"), STOPPED)
def test_each_check_stops_an_entry_with_its_code(code, changes):
    denial = deny(gate(**changes))
    assert denial is not None
    assert denial.code == code
    assert denial.place == next(one.place for one in CHECKS if one.code == code)
    assert denial.words
    assert "\n" not in denial.words


@pytest.mark.parametrize(("code", "changes"), EXITS_STOPPED)
def test_an_exit_is_stopped_by_what_would_make_it_wrong(code, changes):
    assert deny_reason(exit_gate(**changes)) == code


@pytest.mark.parametrize("changes", AT_THE_LIMIT)
def test_at_the_limit_is_within_it(changes):
    assert deny(gate(**changes)) is None


@pytest.mark.parametrize("changes", EXITS_PASS)
def test_nothing_else_stops_an_exit(changes):
    assert deny(exit_gate(**changes)) is None


def test_selling_takes_the_bid_side_and_its_own_distances():
    assert deny_reason(gate(Side.SELL, market__bid_depth_qty=100)) == "depth_share"
    assert deny_reason(gate(Side.SELL, limits__max_quote_distance_bps=4.9)) == "far_from_quote"
    assert deny_reason(gate(Side.SELL, activity__net_exposure_paise=-149_000_000)) == "net_leverage"
    assert deny_reason(gate(Side.SELL, intent__stop_paise=99_00)) == "stop_missing"


def _passes(table, build) -> bool:
    return all(deny_reason(build(**changes)) == code for code, changes in table)


@pytest.mark.parametrize("code", [one.code for one in CHECKS])
def test_a_check_that_is_taken_out_is_missed(code, monkeypatch):
    """The mutants: without any one check the truth table fails."""
    assert _passes(STOPPED, gate)
    assert _passes(EXITS_STOPPED, exit_gate)
    monkeypatch.setattr(risk, "CHECKS", [one for one in CHECKS if one.code != code])
    assert not (_passes(STOPPED, gate) and _passes(EXITS_STOPPED, exit_gate))


@pytest.mark.parametrize("code", sorted({code for code, _ in EXITS_STOPPED}))
def test_a_check_that_no_longer_minds_exits_is_missed(code, monkeypatch):
    monkeypatch.setattr(risk, "CHECKS", [replace(one, exits=one.exits and one.code != code) for one in CHECKS])
    assert not _passes(EXITS_STOPPED, exit_gate)


def test_only_these_mind_exits():
    assert {one.code for one in CHECKS if one.exits} == {code for code, _ in EXITS_STOPPED}
