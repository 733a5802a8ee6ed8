"""Gaps that hold, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "tasuki_gap": (10, [(100.0, 101.2, 99.8, 101.0), (102.0, 103.5, 101.9, 103.0), (102.5, 102.6, 101.2, 101.5)]),
    "gap_side_by_side_white": (10, [(100.0, 101.2, 99.8, 101.0), (102.0, 103.5, 101.9, 103.0), (102.05, 103.4, 101.9, 103.0)]),
    "gap_three_methods": (10, [(100.0, 101.2, 99.8, 101.0), (102.0, 103.5, 101.9, 103.0), (102.5, 102.6, 100.4, 100.5)]),
}
MISSES = {
    "tasuki_gap": [(100.0, 101.2, 99.8, 101.0), (102.0, 103.5, 101.9, 103.0), (102.5, 102.6, 100.7, 100.9)],
    "gap_side_by_side_white": [(100.0, 101.2, 99.8, 101.0), (102.0, 103.5, 101.9, 103.0), (102.3, 103.4, 101.9, 103.0)],
    "gap_three_methods": [(100.0, 101.2, 99.8, 101.0), (102.0, 103.5, 101.9, 103.0), (102.5, 102.6, 101.2, 101.5)],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
