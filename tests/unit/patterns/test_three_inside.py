"""Three inside, outside, line strike, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "three_inside": (-10, [(100.0, 103.2, 99.8, 103.0), (102.0, 102.5, 101.0, 101.5), (101.5, 101.6, 99.2, 99.5)]),
    "three_outside": (-10, [(100.0, 101.2, 99.8, 101.0), (101.5, 101.7, 99.0, 99.5), (99.4, 99.6, 98.3, 98.5)]),
    "three_line_strike": (
        10,
        [(100.0, 101.2, 99.8, 101.0), (100.5, 102.2, 100.3, 102.0), (101.5, 103.2, 101.3, 103.0), (103.5, 103.7, 99.0, 99.5)],
    ),
}
MISSES = {
    "three_inside": [(100.0, 103.2, 99.8, 103.0), (102.0, 102.5, 101.0, 101.5), (101.5, 101.6, 99.9, 100.0)],
    "three_outside": [(100.0, 101.2, 99.8, 101.0), (101.5, 101.7, 99.0, 99.5), (99.4, 99.6, 99.1, 99.5)],
    "three_line_strike": [
        (100.0, 101.2, 99.8, 101.0),
        (100.5, 102.2, 100.3, 102.0),
        (101.5, 103.2, 101.3, 103.0),
        (103.5, 103.7, 99.9, 100.0),
    ],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
