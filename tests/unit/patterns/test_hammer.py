"""Hammer and its three relatives, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer
from tests.fakes.drawn import drawn_tests

HITS = {
    "hammer": (10, [(98.8, 99.21, 97.0, 99.2)]),
    "hanging_man": (-10, [(101.8, 102.21, 100.0, 102.2)]),
    "inverted_hammer": (10, [(99.0, 101.0, 98.79, 98.8)]),
    "shooting_star": (-10, [(101.3, 103.0, 101.29, 101.5)]),
}
MISSES = {
    "hammer": [(98.8, 100.0, 97.0, 99.2)],
    "hanging_man": [(100.8, 101.21, 99.0, 101.2)],
    "inverted_hammer": [(100.2, 102.0, 99.99, 100.0)],
    "shooting_star": [(101.3, 103.0, 100.8, 101.5)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)


@pytest.mark.parametrize(
    "shape",
    [(98.8, 99.21, 98.5, 99.2), (98.8, 100.0, 97.0, 99.2), (98.0, 99.91, 95.0, 99.9), (100.8, 101.21, 99.0, 101.2)],
    ids=["short tail", "upper shadow", "long body", "too high"],
)
def test_no_hammer(shape):
    assert answer("hammer", shape) == 0
