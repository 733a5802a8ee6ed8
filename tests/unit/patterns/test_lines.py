"""Single candles, drawn."""

from __future__ import annotations

from tests.fakes.drawn import drawn_tests

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

test_drawn, test_nearly = drawn_tests(HITS, MISSES)
