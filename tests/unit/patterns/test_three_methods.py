"""Three methods and mat hold, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "rising_falling_three_methods": (
        10,
        [
            (100.0, 104.5, 99.8, 104.0),
            (103.5, 103.6, 103.0, 103.1),
            (103.0, 103.2, 102.5, 102.6),
            (102.5, 102.7, 102.0, 102.1),
            (102.3, 106.0, 102.2, 105.8),
        ],
    ),
    "mat_hold": (
        10,
        [
            (100.0, 104.2, 99.8, 104.0),
            (104.8, 104.9, 104.3, 104.5),
            (104.2, 104.3, 103.3, 103.5),
            (103.8, 103.9, 103.2, 103.4),
            (103.6, 106.0, 103.5, 105.8),
        ],
    ),
}
MISSES = {
    "rising_falling_three_methods": [
        (100.0, 104.5, 99.8, 104.0),
        (103.5, 103.6, 103.0, 103.1),
        (103.0, 103.2, 102.5, 102.6),
        (102.5, 102.7, 102.0, 102.1),
        (102.3, 104.2, 102.2, 104.0),
    ],
    "mat_hold": [
        (100.0, 104.2, 99.8, 104.0),
        (104.8, 104.9, 104.3, 104.5),
        (104.2, 104.3, 103.3, 103.5),
        (103.8, 103.9, 103.2, 103.4),
        (103.6, 105.0, 103.5, 104.9),
    ],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
