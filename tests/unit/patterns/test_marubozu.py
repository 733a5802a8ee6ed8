"""Bare candles, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "marubozu": (10, [(100.0, 103.1, 99.9, 103.0)]),
    "closing_marubozu": (-10, [(103.0, 104.0, 99.9, 100.0)]),
    "belt_hold": (10, [(100.0, 104.0, 99.9, 103.0)]),
}
MISSES = {
    "marubozu": [(100.0, 103.1, 99.0, 103.0)],
    "closing_marubozu": [(103.0, 104.0, 99.5, 100.0)],
    "belt_hold": [(100.0, 104.0, 99.5, 103.0)],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
