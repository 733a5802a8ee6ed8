"""Lows that hold, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "matching_low": (10, [(102.0, 102.2, 99.8, 100.0), (101.0, 101.2, 99.8, 100.1)]),
    "stick_sandwich": (10, [(102.0, 102.2, 99.8, 100.0), (100.5, 102.0, 100.3, 101.5), (102.0, 102.2, 99.8, 100.05)]),
    "homing_pigeon": (10, [(103.0, 103.2, 99.8, 100.0), (102.0, 102.2, 101.0, 101.5)]),
    "unique_three_river": (10, [(103.0, 103.2, 99.8, 100.0), (102.5, 102.6, 99.0, 101.5), (99.8, 100.5, 99.5, 100.2)]),
}
MISSES = {
    "matching_low": [(102.0, 102.2, 99.8, 100.0), (101.0, 101.2, 99.8, 100.2)],
    "stick_sandwich": [(102.0, 102.2, 99.8, 100.0), (100.5, 102.0, 100.0, 101.5), (102.0, 102.2, 99.8, 100.05)],
    "homing_pigeon": [(103.0, 103.2, 99.8, 100.0), (103.0, 103.2, 102.0, 102.5)],
    "unique_three_river": [(103.0, 103.2, 99.8, 100.0), (102.5, 102.6, 99.9, 101.5), (99.8, 100.5, 99.5, 100.2)],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
