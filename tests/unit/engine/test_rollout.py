from dataclasses import replace

import pytest

from pipeline.core.params import RolloutParams
from pipeline.engine.rollout import stage_words, tightened
from tests.fakes.trading import PARAMS

FIRST = RolloutParams(1, "2026-11-16", 7, ("BBB", "AAA", "DDD", "CCC"), 0.005)
SECOND = replace(FIRST, stage=2)


def test_without_a_rollout_the_limits_stand():
    assert tightened(PARAMS.risk, replace(FIRST, stage=0)) is PARAMS.risk


def test_the_stages_let_in_one_and_three_papers_with_small_money():
    one, three = tightened(PARAMS.risk, FIRST), tightened(PARAMS.risk, SECOND)
    assert (one.symbols, one.max_positions, one.max_position_ratio, one.max_order_ratio) == (("BBB",), 1, 0.005, 0.005)
    assert (three.symbols, three.max_positions, three.max_position_ratio) == (("BBB", "AAA", "DDD"), 3, 0.005)


def test_a_limit_is_never_loosened():
    risk = replace(PARAMS.risk, max_position_ratio=0.001, max_positions=1, symbols=("AAA",))
    assert (tightened(risk, SECOND).max_position_ratio, tightened(risk, SECOND).max_positions) == (0.001, 1)
    assert tightened(risk, SECOND).symbols == ("AAA",)


def test_a_rollout_that_allows_nothing_does_not_allow_everything():
    assert tightened(replace(PARAMS.risk, symbols=("EEE",)), SECOND).symbols == ("-",)
    assert tightened(PARAMS.risk, replace(FIRST, symbols=())).symbols == ("-",)


@pytest.mark.parametrize(
    ("rollout", "date", "words"),
    [
        (replace(FIRST, stage=0, since=""), "2026-11-20", ""),
        (FIRST, "2026-11-16", ""),
        (SECOND, "2026-11-23", ""),
        (SECOND, "2026-11-22", "6 have passed"),
        (FIRST, "2026-11-15", "begins on 2026-11-16"),
        (replace(FIRST, symbols=()), "2026-11-20", "rollout.symbols"),
        (replace(FIRST, since=""), "2026-11-20", "rollout.since"),
        (replace(FIRST, since="2026-13-40"), "2026-11-20", "rollout.since"),
    ],
)
def test_a_stage_lasts_its_week(rollout, date, words):
    found = stage_words(rollout, date)
    assert (found == "") == (words == "")
    assert words in found
