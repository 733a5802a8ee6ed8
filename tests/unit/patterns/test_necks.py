"""Necks, drawn."""

from __future__ import annotations

from tests.fakes.drawn import drawn_tests

HITS = {
    "on_neck": (-10, [(103.0, 103.5, 99.5, 100.0), (98.5, 99.7, 98.3, 99.6)]),
    "in_neck": (-10, [(103.0, 103.5, 99.5, 100.0), (98.5, 100.2, 98.3, 100.1)]),
    "thrusting": (-10, [(103.0, 103.5, 99.5, 100.0), (98.5, 101.6, 98.3, 101.5)]),
}
MISSES = {
    "on_neck": [(103.0, 103.5, 99.5, 100.0), (98.5, 99.9, 98.3, 99.7)],
    "in_neck": [(103.0, 103.5, 99.5, 100.0), (98.5, 100.2, 98.3, 99.9)],
    "thrusting": [(103.0, 103.5, 99.5, 100.0), (98.5, 101.7, 98.3, 101.6)],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)
