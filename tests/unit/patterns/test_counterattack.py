"""Counterattack and separating lines, drawn."""

from __future__ import annotations

from tests.fakes.drawn import drawn_tests

HITS = {
    "counterattack": (10, [(103.0, 103.5, 99.5, 100.0), (96.0, 100.5, 95.8, 100.1)]),
    "separating_lines": (10, [(103.0, 103.5, 100.5, 101.0), (103.0, 106.2, 102.95, 106.0)]),
}
MISSES = {
    "counterattack": [(103.0, 103.5, 99.5, 100.0), (96.0, 100.5, 95.8, 100.3)],
    "separating_lines": [(103.0, 103.5, 100.5, 101.0), (103.0, 106.2, 102.5, 106.0)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)
