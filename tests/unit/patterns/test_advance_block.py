"""Advances that tire, drawn."""

from __future__ import annotations

from tests.fakes.drawn import drawn_tests

HITS = {
    "advance_block": (-10, [(100.0, 102.2, 99.8, 102.0), (101.5, 103.5, 101.3, 103.0), (102.8, 104.5, 102.6, 103.2)]),
    "stalled_pattern": (-10, [(100.0, 102.2, 99.8, 102.0), (101.5, 104.05, 101.3, 104.0), (103.9, 104.6, 103.7, 104.2)]),
}
MISSES = {
    "advance_block": [(100.0, 102.2, 99.8, 102.0), (101.5, 103.5, 101.3, 103.0), (102.8, 103.3, 102.6, 103.2)],
    "stalled_pattern": [(100.0, 102.2, 99.8, 102.0), (101.5, 104.5, 101.3, 104.0), (103.9, 104.6, 103.7, 104.2)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)
