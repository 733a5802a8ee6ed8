"""Breakaway and ladder bottom, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "breakaway": (
        10,
        [
            (104.0, 104.2, 100.8, 101.0),
            (100.0, 100.4, 98.9, 99.2),
            (99.1, 99.6, 98.2, 98.6),
            (98.4, 98.9, 97.5, 97.8),
            (97.9, 100.8, 97.7, 100.5),
        ],
    ),
    "ladder_bottom": (
        10,
        [
            (104.0, 104.5, 102.8, 103.0),
            (103.2, 103.4, 101.9, 102.0),
            (102.2, 102.4, 100.9, 101.0),
            (101.0, 101.9, 99.9, 100.3),
            (101.5, 103.0, 101.4, 102.5),
        ],
    ),
}
MISSES = {
    "breakaway": [
        (104.0, 104.2, 100.8, 101.0),
        (100.0, 100.4, 98.9, 99.2),
        (99.1, 99.6, 98.2, 98.6),
        (98.4, 98.9, 97.5, 97.8),
        (97.9, 100.8, 97.7, 100.0),
    ],
    "ladder_bottom": [
        (104.0, 104.5, 102.8, 103.0),
        (103.2, 103.4, 101.9, 102.0),
        (102.2, 102.4, 100.9, 101.0),
        (101.0, 101.9, 99.9, 100.3),
        (101.5, 103.0, 101.4, 101.9),
    ],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
