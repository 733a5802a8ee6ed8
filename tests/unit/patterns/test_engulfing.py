"""Engulfing, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer
from tests.fakes.drawn import drawn_tests

HITS = {
    "bullish_engulfing": (10, [(101.0, 102.0, 99.0, 100.0), (99.5, 102.0, 99.0, 101.5)]),
    "bearish_engulfing": (-10, [(100.0, 102.0, 99.0, 101.0), (101.5, 102.0, 99.0, 99.5)]),
}
MISSES = {
    "bullish_engulfing": [(101.0, 102.0, 99.0, 100.0), (100.0, 102.0, 99.0, 101.0)],
    "bearish_engulfing": [(100.0, 102.0, 99.0, 101.0), (99.5, 102.0, 99.0, 101.5)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)


@pytest.mark.parametrize(
    ("name", "first", "second", "strength"),
    [
        ("bullish_engulfing", (101.0, 102.0, 99.0, 100.0), (100.0, 102.0, 99.0, 101.5), 8),
        ("bullish_engulfing", (101.0, 102.0, 99.0, 100.0), (99.5, 102.0, 99.0, 101.0), 8),
        ("bullish_engulfing", (101.0, 102.0, 99.0, 100.0), (100.2, 102.0, 99.0, 101.5), 0),
        ("bearish_engulfing", (100.0, 102.0, 99.0, 101.0), (101.0, 102.0, 99.0, 99.5), -8),
        ("bearish_engulfing", (101.0, 102.0, 99.0, 100.0), (99.5, 102.0, 99.0, 101.5), 0),
    ],
)
def test_one_level_end_weakens_it(name, first, second, strength):
    assert answer(name, first, second) == strength
