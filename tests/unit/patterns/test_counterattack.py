"""Counterattack and separating lines, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "counterattack": (10, [(103.0, 103.5, 99.5, 100.0), (96.0, 100.5, 95.8, 100.1)]),
    "separating_lines": (10, [(103.0, 103.5, 100.5, 101.0), (103.0, 106.2, 102.95, 106.0)]),
}
MISSES = {
    "counterattack": [(103.0, 103.5, 99.5, 100.0), (96.0, 100.5, 95.8, 100.3)],
    "separating_lines": [(103.0, 103.5, 100.5, 101.0), (103.0, 106.2, 102.5, 106.0)],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
