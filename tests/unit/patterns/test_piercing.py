"""Piercing line and dark cloud cover, drawn."""

from __future__ import annotations

from tests.fakes.drawn import drawn_tests

HITS = {
    "piercing": (10, [(103.0, 103.5, 99.5, 100.0), (99.0, 102.5, 98.8, 102.0)]),
    "dark_cloud_cover": (-10, [(100.0, 103.5, 99.5, 103.0), (104.0, 104.2, 100.5, 101.0)]),
}
MISSES = {
    "piercing": [(103.0, 103.5, 99.5, 100.0), (99.0, 102.5, 98.8, 101.5)],
    "dark_cloud_cover": [(100.0, 103.5, 99.5, 103.0), (103.5, 104.2, 100.5, 101.0)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)
