"""Two crows, drawn."""

from __future__ import annotations

from tests.fakes.drawn import drawn_tests

HITS = {
    "two_crows": (-10, [(98.0, 101.2, 97.8, 101.0), (102.0, 102.6, 101.4, 101.5), (101.8, 101.9, 99.8, 100.0)]),
    "upside_gap_two_crows": (-10, [(98.0, 101.2, 97.8, 101.0), (102.0, 102.6, 101.4, 101.5), (102.3, 102.5, 101.1, 101.2)]),
}
MISSES = {
    "two_crows": [(98.0, 101.2, 97.8, 101.0), (102.0, 102.6, 101.4, 101.5), (102.1, 102.2, 99.8, 100.0)],
    "upside_gap_two_crows": [(98.0, 101.2, 97.8, 101.0), (102.0, 102.6, 101.4, 101.5), (102.3, 102.5, 100.7, 100.9)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)
