"""Kicking, drawn."""

from __future__ import annotations

from tests.fakes.bars import answer
from tests.fakes.drawn import drawn_tests

HITS = {
    "kicking": (10, [(105.0, 105.1, 97.9, 98.0), (106.0, 110.1, 105.9, 110.0)]),
    "kicking_by_length": (-10, [(105.0, 105.1, 97.9, 98.0), (106.0, 110.1, 105.9, 110.0)]),
}
MISSES = {
    "kicking": [(105.0, 105.1, 97.9, 98.0), (105.2, 110.1, 105.1, 110.0)],
    "kicking_by_length": [(105.0, 105.1, 97.0, 98.0), (106.0, 110.1, 105.9, 110.0)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)


def test_the_longer_one_decides_by_length():
    assert answer("kicking", *HITS["kicking_by_length"][1]) == 10
    assert answer("kicking_by_length", (101.0, 101.1, 97.9, 98.0), (102.0, 106.1, 101.9, 106.0)) == 10
