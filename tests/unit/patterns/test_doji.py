"""Doji and relatives, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import drawn, found
from tests.fakes.drawn import drawn_tests

HITS = {
    "doji": (10, [(100.0, 102.0, 98.0, 100.3)]),
    "long_legged_doji": (10, [(100.0, 102.0, 98.0, 100.2)]),
    "dragonfly_doji": (10, [(100.0, 100.2, 98.0, 100.1)]),
    "gravestone_doji": (10, [(100.0, 102.0, 99.9, 100.1)]),
    "takuri": (10, [(100.0, 100.2, 98.0, 100.1)]),
    "rickshaw_man": (10, [(100.0, 102.0, 98.0, 100.1)]),
}
MISSES = {
    "doji": [(100.0, 102.0, 98.0, 100.31)],
    "long_legged_doji": [(100.0, 100.3, 99.9, 100.2)],
    "dragonfly_doji": [(100.0, 100.5, 98.0, 100.1)],
    "gravestone_doji": [(100.0, 102.0, 99.5, 100.1)],
    "takuri": [(100.0, 100.4, 99.6, 100.25)],
    "rickshaw_man": [(101.5, 102.0, 98.0, 101.6)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)


@pytest.mark.parametrize(("close", "is_doji"), [(100.0, True), (100.3, True), (100.31, False), (99.7, True), (99.69, False)])
def test_a_body_of_a_tenth_of_the_range_at_most(close, is_doji):
    assert found(drawn((100.0, 102.0, 98.0, close)), "doji") == [0] * 14 + [10 if is_doji else 0]
