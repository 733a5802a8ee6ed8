"""Bare candles, drawn."""

from __future__ import annotations

from tests.fakes.drawn import drawn_tests

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

test_drawn, test_nearly = drawn_tests(HITS, MISSES)
