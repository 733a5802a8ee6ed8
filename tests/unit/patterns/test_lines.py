"""Single candles, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "long_line": (10, [(100.0, 102.5, 99.5, 102.0)]),
    "short_line": (-10, [(100.5, 100.8, 99.7, 100.0)]),
    "spinning_top": (10, [(100.0, 101.1, 99.0, 100.5)]),
    "high_wave": (-10, [(100.5, 102.0, 98.8, 100.0)]),
}
MISSES = {
    "long_line": [(100.0, 103.5, 99.5, 102.0)],
    "short_line": [(101.5, 101.8, 99.7, 100.0)],
    "spinning_top": [(100.0, 100.8, 99.0, 100.5)],
    "high_wave": [(100.5, 101.4, 98.8, 100.0)],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
