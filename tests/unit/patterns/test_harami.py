"""Harami, drawn."""

from __future__ import annotations

from tests.fakes.bars import answer
from tests.fakes.drawn import drawn_tests

HITS = {
    "harami": (-10, [(100.0, 103.2, 99.8, 103.0), (102.0, 102.5, 101.0, 101.5)]),
    "harami_cross": (10, [(103.0, 103.2, 99.8, 100.0), (101.5, 102.0, 101.0, 101.6)]),
}
MISSES = {
    "harami": [(100.0, 103.2, 99.8, 103.0), (103.5, 103.6, 101.0, 102.8)],
    "harami_cross": [(103.0, 103.2, 99.8, 100.0), (101.5, 102.2, 101.0, 102.0)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)


def test_a_level_end_weakens_it():
    assert answer("harami", (100.0, 103.2, 99.8, 103.0), (103.0, 103.1, 101.0, 102.5)) == -8
    assert answer("harami_cross", (103.0, 103.2, 99.8, 100.0), (103.0, 103.2, 102.0, 102.9)) == 8
