from dataclasses import replace

import pytest

from pipeline.core.session import Phase
from pipeline.core.types import CandleFlag, Side
from pipeline.signals.rules import PASSED, RULES, Case, judge

SOUND = Case(1_000_000, Side.BUY, 0.6, 0.5, True, 0, 250, 60, 0.01, Phase.CONTINUOUS, 2_000_000, 1, (), 0, 300)


def test_a_sound_signal_is_recommended():
    assert judge(SOUND) == PASSED


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("gap_candle", {"candle_flags": int(CandleFlag.GAP)}),
        ("partial_candle", {"candle_flags": int(CandleFlag.PARTIAL)}),
        ("stale_candle", {"age_ms": 60_000}),
        ("not_warm", {"is_warm": False}),
        ("shock_bar", {"candle_range_ratio": 0.041}),
        ("out_of_session", {"phase": Phase.AUCTION}),
        ("too_late", {"now": 2_000_000}),
        ("low_score", {"score": 0.49}),
        ("against_5m", {"trend_5m": -1}),
        ("conflict", {"other_sides": (Side.BUY, Side.SELL)}),
        ("cooldown", {"last_recommended_ms": 1_000_000 - 299_999}),
    ],
)
def test_each_rule_stops_with_its_code(code, changes):
    assert judge(replace(SOUND, **changes)) == code


@pytest.mark.parametrize(
    "changes",
    [
        {"score": 0.5},
        {"trend_5m": 0},
        {"other_sides": (Side.BUY,)},
        {"last_recommended_ms": 700_000},
        {"candle_range_ratio": 0.04},
        {"candle_flags": int(CandleFlag.REVISED)},
        {"age_ms": 59_999},
    ],
)
def test_at_the_limit_is_within_it(changes):
    assert judge(replace(SOUND, **changes)) == PASSED


def test_every_rule_is_tested_here():
    assert len(RULES) == len({rule.__name__ for rule in RULES}) == 11
