from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.types import Side
from pipeline.engine.stops import MIN_STOP_TICKS, stop_and_target, trail_distance, trailed
from tests.fakes.trading import PARAMS

ATR = PARAMS.stops
FIXED = replace(ATR, profile="fixed")
B, S = Side.BUY, Side.SELL


@pytest.mark.parametrize(
    ("side", "params", "stop", "target"),
    [
        (B, ATR, 980_00, 1030_00),  # 2 and 3 ATR of 10 rupees
        (S, ATR, 1020_00, 970_00),
        (B, FIXED, 980_00, 1040_00),  # 2 % and 4 %
        (S, FIXED, 1020_00, 960_00),
    ],
)
def test_two_profiles(side, params, stop, target):
    assert stop_and_target(side, 1000_00, 10_00.0, 5, params) == (stop, target)


def test_a_stop_is_never_closer_than_the_spread_and_never_no_price():
    assert stop_and_target(B, 1000_00, 0.0, 10, ATR) == (1000_00 - 40, 1000_00 + 40)
    assert stop_and_target(B, 100, 80.0, 5, ATR) is None


@given(
    st.sampled_from([B, S]),
    st.integers(10_00, 5_000_00),
    st.floats(0, 50_00),
    st.sampled_from([1, 5, 10, 50]),
    st.sampled_from([ATR, FIXED]),
)
def test_stop_and_target_lie_on_ticks_and_on_their_sides(side, ref, atr, tick, params):
    found = stop_and_target(side, ref, atr, tick, params)
    if found is None:
        return
    stop, target = found
    assert stop % tick == target % tick == 0
    assert (ref - stop) * side.sign > (MIN_STOP_TICKS - 1) * tick
    assert (target - ref) * side.sign > (MIN_STOP_TICKS - 2) * tick
    away = params.stop_ratio * ref if params is FIXED else params.stop_atr * atr
    assert (ref - stop) * side.sign <= max(away, MIN_STOP_TICKS * tick) + 1, "rounding never adds to the loss"


@pytest.mark.parametrize(
    ("side", "away", "stop", "best", "moved"),
    [
        (B, 15_00, 980_00, 1010_00, 995_00),
        (B, 15_00, 996_00, 1010_00, 996_00),
        (S, 15_00, 1020_00, 990_00, 1005_00),
        (S, 15_00, 1004_00, 990_00, 1004_00),
        (B, 10_07, 980_00, 1010_00, 999_90),
        (S, 10_07, 1020_00, 990_00, 1000_10),
        (B, 0, 980_00, 1010_00, 980_00),
        (B, 15_00, 2, 3, 2),
    ],
)
def test_a_trailing_stop_follows_and_never_goes_back(side, away, stop, best, moved):
    assert trailed(side, stop, best, away_paise=away, tick_paise=5) == moved


def test_the_distance_is_that_of_the_profile_and_never_within_the_spread():
    assert trail_distance(1000_00, 10_00.0, 5, ATR) == 15_00
    assert trail_distance(1000_00, 10_00.0, 5, FIXED) == 10_00
    assert trail_distance(1000_00, 1.0, 5, ATR) == 20
    assert trail_distance(1000_00, 10_00.0, 5, replace(ATR, trail_atr=0.0)) == 0
    assert trail_distance(1000_00, 10_00.0, 5, replace(FIXED, trail_ratio=0.0)) == 0
