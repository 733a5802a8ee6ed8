"""Piercing line and dark cloud cover, drawn."""

from __future__ import annotations

import pytest

from tests.fakes.bars import answer

HITS = {
    "piercing": (10, [(103.0, 103.5, 99.5, 100.0), (99.0, 102.5, 98.8, 102.0)]),
    "dark_cloud_cover": (-10, [(100.0, 103.5, 99.5, 103.0), (104.0, 104.2, 100.5, 101.0)]),
}
MISSES = {
    "piercing": [(103.0, 103.5, 99.5, 100.0), (99.0, 102.5, 98.8, 101.5)],
    "dark_cloud_cover": [(100.0, 103.5, 99.5, 103.0), (103.5, 104.2, 100.5, 101.0)],
}


@pytest.mark.parametrize("name", HITS)
def test_drawn(name):
    strength, shapes = HITS[name]
    assert answer(name, *shapes) == strength


@pytest.mark.parametrize("name", MISSES)
def test_nearly(name):
    assert answer(name, *MISSES[name]) == 0
