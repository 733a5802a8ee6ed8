"""Stars in the south and the baby swallow, drawn."""

from __future__ import annotations

from tests.fakes.drawn import drawn_tests

HITS = {
    "three_stars_in_south": (10, [(105.0, 105.2, 98.0, 102.0), (103.0, 103.2, 99.0, 101.0), (101.0, 101.05, 100.4, 100.45)]),
    "concealing_baby_swallow": (
        10,
        [(106.0, 106.1, 103.9, 104.0), (103.8, 103.9, 101.9, 102.0), (101.5, 102.5, 100.8, 101.0), (102.0, 102.8, 100.0, 100.5)],
    ),
}
MISSES = {
    "three_stars_in_south": [(105.0, 105.2, 98.0, 102.0), (103.0, 103.2, 97.9, 101.0), (101.0, 101.05, 100.4, 100.45)],
    "concealing_baby_swallow": [
        (106.0, 106.1, 103.9, 104.0),
        (103.8, 103.9, 101.9, 102.0),
        (101.5, 102.5, 100.8, 101.0),
        (102.0, 102.4, 100.0, 100.5),
    ],
}

test_drawn, test_nearly = drawn_tests(HITS, MISSES)
